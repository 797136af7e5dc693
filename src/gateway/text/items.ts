import { Injectable } from '@nestjs/common';
import type { JsonObject } from '../../common/json.js';
import { Keyring, type PurposeKeys } from '../../config/secret.js';
import { seal, unseal } from '../../keys/sealed.js';
import { Logger } from '../../telemetry/logger.js';
import { keepableItems, keepsItems, type KeptItem, referencedIds, withItems } from '../dialects/responses/index.js';
import { ItemsRepository } from './items.repository.js';

/** As long as OpenAI keeps responses. */
const KEPT_DAYS = 30;
/** More references than this are no conversation. */
const MAX_REFERENCES = 2000;

/**
 * Items of answers, by id, for a while: clients of the responses API refer to what they were answered instead of sending it
 * again, unless they said `store: false`. Sealed, because they are what people wrote.
 */
@Injectable()
export class ItemStore {
  private readonly sealingKeys: PurposeKeys;

  constructor(
    private readonly rows: ItemsRepository,
    private readonly logger: Logger,
    keyring: Keyring,
  ) {
    this.sealingKeys = keyring.keys('items');
  }

  /** The body with what it refers to in its place. Throws 400 for what is not kept. */
  async resolved(keyId: string, body: JsonObject): Promise<JsonObject> {
    const ids = referencedIds(body).slice(0, MAX_REFERENCES);
    if (ids.length === 0) return body;
    const found = await this.rows.find(keyId, ids);
    const items = new Map(
      found.map(({ id, item }) => [
        id,
        JSON.parse(unseal(item, this.sealingKeys, contextOf(keyId, id)).toString('utf8')) as JsonObject,
      ]),
    );
    return withItems(body, items);
  }

  /** Of a whole answer. */
  async keepAnswer(keyId: string, body: JsonObject, answer: JsonObject): Promise<void> {
    if (keepsItems(body)) await this.keep(keyId, keepableItems(answer));
  }

  /** What can't be kept is only missing later; the answer itself is the client's. */
  async keep(keyId: string, items: readonly KeptItem[]): Promise<void> {
    if (items.length === 0) return;
    const sealed = items.map(({ id, item }) => ({
      id,
      item: seal(Buffer.from(JSON.stringify(item)), this.sealingKeys, contextOf(keyId, id)),
    }));
    await this.rows
      .insert(keyId, sealed, KEPT_DAYS)
      .catch((error: unknown) => this.logger.warn({ err: error }, 'items of an answer could not be kept'));
  }
}

const contextOf = (keyId: string, id: string): string => `${keyId}\n${id}`;

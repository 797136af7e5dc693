import { Injectable } from '@nestjs/common';
import { conflict, invalidRequest, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { assertCursor, type ListEnvelope, listEnvelope, type Page } from '../common/page.js';
import { systemClock } from '../common/time.js';
import { Keyring, type PurposeKeys } from '../config/secret.js';
import { Database } from '../database/database.js';
import {
  newWebhookSecret,
  parseWebhookSecret,
  rotated,
  type StoredWebhookSecret,
  stateOfSecrets,
  WEBHOOK_SECRET_ALLOWED,
  type WebhookSecretState,
} from '../keys/webhook-secrets.js';
import { Deliveries } from './deliveries.js';
import type { DeliveryView } from './delivery-view.js';
import type { ChangeEndpoint, CreateEndpoint, RotateSecret } from './endpoint-bodies.js';
import { EndpointHealth } from './endpoint-health.js';
import { type EndpointView, endpointView } from './endpoint-view.js';
import { EndpointsRepository } from './endpoints.repository.js';
import { TEST_EVENT } from './events.js';
import { Webhooks } from './webhooks.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** Bounds what one event of a key can set off. */
const MAX_ENDPOINTS = 20;
const WHAT = 'webhook endpoint';

/** Registered receivers of a key's events, each with secrets of its own. Every method throws 404 for another key's. */
@Injectable()
export class Endpoints {
  private readonly sealingKeys: PurposeKeys;

  constructor(
    private readonly db: Database,
    private readonly rows: EndpointsRepository,
    private readonly messages: WebhooksRepository,
    private readonly webhooks: Webhooks,
    private readonly deliveries: Deliveries,
    private readonly health: EndpointHealth,
    keyring: Keyring,
  ) {
    this.sealingKeys = keyring.keys('webhook-secrets');
  }

  /** The secret is shown with it. Throws 400 for a target that would never be called, 409 where there are too many. */
  async create(keyId: string, body: CreateEndpoint): Promise<EndpointView & { secret: string }> {
    const given = secretOf(body.secret);
    await this.webhooks.assertTarget(body.url, 'url');
    const { url, events, description } = body;
    const id = newId('whe');
    const secrets = [newWebhookSecret(id, this.sealingKeys, systemClock(), given)];
    if (!(await this.rows.insert({ id, keyId, url, events, description, secrets }, MAX_ENDPOINTS)))
      throw conflict(`This key has ${MAX_ENDPOINTS} webhook endpoints, which is the limit; delete one first.`);
    return { ...(await this.get(keyId, id)), secret: this.stateOf(id, secrets).secret };
  }

  async get(keyId: string, id: string): Promise<EndpointView> {
    const row = await this.rows.find(keyId, id);
    if (row === null) throw notFound(WHAT, id);
    return endpointView(row);
  }

  async list(keyId: string, page: Page): Promise<ListEnvelope<EndpointView>> {
    await assertCursor(page, WHAT, async (id) => (await this.rows.find(keyId, id)) !== null);
    return listEnvelope(await this.rows.list(keyId, page), page, endpointView);
  }

  /** Enabling forgets that it failed; disabling gives up what waits for it. */
  async change(keyId: string, id: string, { disabled, ...changes }: ChangeEndpoint): Promise<EndpointView> {
    await this.get(keyId, id);
    if (changes.url !== undefined) await this.webhooks.assertTarget(changes.url, 'url');
    await this.db.transaction(async (tx) => {
      if (!(await this.rows.change(tx, keyId, id, changes))) throw notFound(WHAT, id);
      if (disabled === false) await this.rows.enable(tx, id);
    });
    if (disabled === true) await this.health.disable(id, 'owner');
    return this.get(keyId, id);
  }

  /** Messages that wait for it are not sent any more. */
  async remove(keyId: string, id: string): Promise<void> {
    const removed = await this.db.transaction(async (tx) => {
      const found = await this.rows.remove(tx, keyId, id);
      if (found) await this.messages.stop(tx, id, 'the endpoint was deleted');
      return found;
    });
    if (!removed) throw notFound(WHAT, id);
  }

  async secret(keyId: string, id: string): Promise<WebhookSecretState> {
    await this.get(keyId, id);
    const stored = await this.rows.secrets(id);
    if (stored === null) throw notFound(WHAT, id);
    return this.stateOf(id, stored);
  }

  /** The former secret signs too until the overlap ends, one before it no more: never three signatures. */
  async rotateSecret(keyId: string, id: string, body: RotateSecret): Promise<WebhookSecretState> {
    const options = { secret: secretOf(body.secret), overlapMs: body.overlap_seconds * 1000 };
    const changed = await this.rows.changeSecrets(keyId, id, (stored) =>
      rotated(stored, id, this.sealingKeys, systemClock(), options),
    );
    if (changed === null) throw notFound(WHAT, id);
    return this.stateOf(id, changed);
  }

  /** Sends a message of no job, also to a disabled endpoint: it was asked for. */
  async test(keyId: string, id: string): Promise<DeliveryView> {
    const { url } = await this.get(keyId, id);
    const body = { type: TEST_EVENT, timestamp: systemClock().toISOString(), data: { endpoint_id: id } };
    const message = { keyId, jobId: null, endpointId: id, run: 1, sequence: null, event: TEST_EVENT, url, body };
    const delivery = await this.webhooks.write(this.db, message);
    await this.webhooks.enqueueAll([delivery]);
    return this.deliveries.summary(keyId, delivery);
  }

  private stateOf(id: string, stored: readonly StoredWebhookSecret[]): WebhookSecretState {
    const state = stateOfSecrets(stored, id, this.sealingKeys, systemClock());
    if (state === null) throw notFound('secret of webhook endpoint', id);
    return state;
  }
}

/** Throws 400, without repeating what may be a secret with a letter too many. */
function secretOf(given: string | undefined): Buffer | undefined {
  if (given === undefined) return undefined;
  const secret = parseWebhookSecret(given);
  if (secret === null) throw invalidRequest(`'secret' ${WEBHOOK_SECRET_ALLOWED}.`, 'secret');
  return secret;
}

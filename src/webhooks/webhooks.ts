import { Inject, Injectable } from '@nestjs/common';
import { invalidRequest } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { delay } from '../common/time.js';
import type { Tx } from '../database/database.js';
import { EGRESS, type Egress, EgressError } from '../egress/egress.js';
import { Rings } from './rings.js';
import { type NewMessage, WebhooksRepository } from './webhooks.repository.js';

/** One message to one receiver. */
export interface NewDelivery extends NewMessage {
  url: string;
  /** Missing of a job's own URL. */
  endpointId?: string;
}

/** How long a name's look-up may hold up a request; the sending itself checks again. */
const TARGET_CHECK_MS = 2000;
const SHOWN_URL_CHARS = 200;

/**
 * Messages to receivers: a row is written with the event's own transaction. Each delivery is a queue message of its own, so a
 * slow receiver holds up nobody else's; order between deliveries is not kept (the body says where it stands).
 */
@Injectable()
export class Webhooks {
  constructor(
    private readonly deliveries: WebhooksRepository,
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly rings: Rings,
  ) {}

  /** Throws 400 for a URL that would never be called. A name that can't be looked up now may be by the time it is needed. */
  async assertTarget(url: string, param: string): Promise<void> {
    const enough = new AbortController();
    try {
      await Promise.race([this.egress.assertForeign(url), delay(TARGET_CHECK_MS, enough.signal)]);
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      if (error.reason !== 'blocked') return;
      const shown = url.slice(0, SHOWN_URL_CHARS);
      throw invalidRequest(
        `'${param}' is '${shown}': ${error.message}. Allowed are https URLs of public hosts.`,
        param,
      );
    } finally {
      enough.abort();
    }
  }

  /** Writes a delivery that is due at once, in the caller's transaction. Returns its id, which is the `webhook-id`. */
  async write(tx: Tx, delivery: NewDelivery): Promise<string> {
    const { url, endpointId = null, ...message } = delivery;
    const id = newId('whd');
    await this.deliveries.insert(tx, message, [{ id, endpointId, url }]);
    return id;
  }

  /** Of a deleted job: what is still due is not sent any more. */
  async removeForJob(tx: Tx, jobId: string): Promise<void> {
    await this.deliveries.deleteOfJob(tx, jobId);
  }

  /** For deliveries just written, after the commit. */
  async enqueueAll(ids: readonly string[]): Promise<void> {
    await this.rings.ring(ids.map((id) => ({ id, tick: 0 })));
  }
}

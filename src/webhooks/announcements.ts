import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import type { JsonObject } from '../common/json.js';
import type { Tx } from '../database/database.js';
import { EndpointsRepository } from './endpoints.repository.js';
import { EVERY_EVENT } from './events.js';
import { PROGRESS_EVENT } from './progress-event.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** An event of a job, before anyone hears of it. */
export interface Announcement {
  keyId: string;
  jobId: string;
  run: number;
  /** The event's number among the job's. */
  sequence: number;
  event: string;
  /** The job's own receiver, where it wants this event. */
  ownUrl: string | null;
}

/**
 * The write side: one delivery for the job's own URL and one for each endpoint of its key that listens, even where the URLs
 * are the same, since each is signed with another secret.
 */
@Injectable()
export class Announcements {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly deliveries: WebhooksRepository,
  ) {}

  /**
   * Writes deliveries that are due at once, in the caller's transaction: two statements for any number of receivers. `render`
   * makes the body that all of them get, and is not called where nobody listens. Returns the ids, to be rung after the commit.
   */
  async write(tx: Tx, { ownUrl, ...event }: Announcement, render: () => Promise<JsonObject>): Promise<string[]> {
    const wanted = event.event === PROGRESS_EVENT ? [PROGRESS_EVENT] : [event.event, EVERY_EVENT];
    const listening = await this.endpoints.listening(tx, event.keyId, wanted);
    const own = ownUrl === null ? [] : [{ endpointId: null, url: ownUrl }];
    const receivers = [...own, ...listening].map((receiver) => ({ id: newId('whd'), ...receiver }));
    if (receivers.length > 0) await this.deliveries.insert(tx, { ...event, body: await render() }, receivers);
    return receivers.map(({ id }) => id);
  }
}

import type { JsonObject } from '../common/json.js';
import { execute, queryRows, sql, type Tx } from '../database/database.js';

/** What all receivers of an event are sent. */
export interface NewMessage {
  keyId: string;
  /** Null of a test event. */
  jobId: string | null;
  run: number;
  /** Of the job's event that the message is about; null of a test event. */
  sequence: number | null;
  event: string;
  body: JsonObject;
}

export interface NewReceiver {
  /** Of its delivery. */
  id: string;
  /** Null of a job's own URL. */
  endpointId: string | null;
  url: string;
}

/**
 * Table `webhook_delivery`. `wake_at` is null exactly when nothing is left to do; `tick` names the live message; a row is
 * sent only under a lease (`claim_until`).
 */
export class WebhooksRepository {
  /** One row a receiver, due at once. */
  async insert(tx: Tx, message: NewMessage, receivers: readonly NewReceiver[]): Promise<void> {
    const [ids, endpointIds, urls] = [
      receivers.map(({ id }) => id),
      receivers.map(({ endpointId }) => endpointId ?? ''),
      receivers.map(({ url }) => url),
    ];
    await execute(
      tx,
      sql`
      INSERT INTO webhook_delivery (id, key_id, job_id, endpoint_id, run, sequence, event, url, body, wake_at)
      SELECT receiver.id, ${message.keyId}, ${message.jobId}, nullif(receiver.endpoint_id, ''), ${message.run}::int, ${message.sequence}::int,
             ${message.event}, receiver.url, ${JSON.stringify(message.body)}::jsonb, now()
      FROM unnest(${ids}::text[], ${endpointIds}::text[], ${urls}::text[]) AS receiver (id, endpoint_id, url)`,
    );
  }

  /** What waits for this endpoint is not sent any more, and `why` says so. */
  async stop(tx: Tx, endpointId: string, why: string): Promise<void> {
    await execute(
      tx,
      sql`
      UPDATE webhook_delivery SET status = 'failed', wake_at = NULL, last_error = ${why}
      WHERE endpoint_id = ${endpointId} AND wake_at IS NOT NULL`,
    );
  }

  async deleteOfJob(tx: Tx, jobId: string): Promise<void> {
    const gone = await queryRows<{ id: string }>(
      tx,
      sql`DELETE FROM webhook_delivery WHERE job_id = ${jobId} RETURNING id`,
    );
    // A statement of its own: it sees the tries that were saved while the first one waited for their deliveries.
    await execute(tx, sql`DELETE FROM webhook_try WHERE delivery_id = ANY(${gone.map(({ id }) => id)})`);
  }
}

import type { JsonObject } from '../common/json.js';
import { execute, queryRows, sql, type Tx } from '../database/database.js';

export interface NewDelivery {
  keyId: string;
  jobId: string;
  run: number;
  /** Of the job's event that the message is about; null of a test event. */
  sequence: number | null;
  event: string;
  url: string;
  body: JsonObject;
}

/**
 * Table `webhook_delivery`. `wake_at` is null exactly when nothing is left to do; `tick` names the live message; a row is
 * sent only under a lease (`claim_until`).
 */
export class WebhooksRepository {
  async insert(tx: Tx, id: string, delivery: NewDelivery): Promise<void> {
    await execute(
      tx,
      sql`
      INSERT INTO webhook_delivery (id, key_id, job_id, run, sequence, event, url, body, wake_at)
      VALUES (${id}, ${delivery.keyId}, ${delivery.jobId}, ${delivery.run}::int, ${delivery.sequence}::int, ${delivery.event},
              ${delivery.url}, ${JSON.stringify(delivery.body)}::jsonb, now())`,
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

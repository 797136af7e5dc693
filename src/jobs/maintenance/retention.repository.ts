import { Injectable } from '@nestjs/common';
import { Database, execute, queryRows, sql, type Tx } from '../../database/database.js';
import { idAt } from '../../common/id-at.js';

const TERMINAL = ['succeeded', 'failed', 'canceled'];

/** Deletes what is past its time, in bounded batches; every method returns how many rows it touched. Jobs and ledger rows stay. */
@Injectable()
export class RetentionRepository {
  constructor(private readonly db: Database) {}

  /** History of jobs that are over. */
  async jobEvents(days: number, limit: number): Promise<number> {
    return execute(
      this.db,
      sql`DELETE FROM job_event USING (
            SELECT e.job_id, e.seq FROM job_event e JOIN job ON job.id = e.job_id
            WHERE e.created_at < now() - ${days}::int * interval '1 day' AND job.status = ANY(${TERMINAL})
            ORDER BY e.created_at LIMIT ${limit}::int
          ) old WHERE job_event.job_id = old.job_id AND job_event.seq = old.seq`,
    );
  }

  /** Messages that were delivered or given up, with the log of their tries. */
  async deliveries(days: number, limit: number): Promise<number> {
    return this.db.transaction(async (tx) => {
      const gone = await queryRows<{ id: string }>(
        tx,
        sql`DELETE FROM webhook_delivery WHERE id IN (
            SELECT id FROM webhook_delivery WHERE id < ${idAt('whd', days)} AND wake_at IS NULL
              AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = webhook_delivery.job_id AND job.status IN ('queued', 'running'))
            ORDER BY id LIMIT ${limit}::int) RETURNING id`,
      );
      await deleteTries(tx, gone);
      return gone.length;
    });
  }

  /** Deleted ones, once no message names them. */
  async webhookEndpoints(days: number, limit: number): Promise<number> {
    return execute(
      this.db,
      sql`DELETE FROM webhook_endpoint WHERE id IN (
            SELECT e.id FROM webhook_endpoint e WHERE e.deleted_at < now() - ${days}::int * interval '1 day'
              AND NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.endpoint_id = e.id)
            ORDER BY e.deleted_at LIMIT ${limit}::int)`,
    );
  }

  async idempotency(hours: number, limit: number): Promise<number> {
    return execute(
      this.db,
      sql`DELETE FROM idempotency WHERE (key_id, path, idem_key) IN (
            SELECT key_id, path, idem_key FROM idempotency WHERE created_at < now() - ${hours}::int * interval '1 hour' ORDER BY created_at LIMIT ${limit}::int)`,
    );
  }

  async opsEvents(days: number, limit: number): Promise<number> {
    return execute(
      this.db,
      sql`DELETE FROM ops_event WHERE id IN (
            SELECT id FROM ops_event WHERE created_at < now() - ${days}::int * interval '1 day' ORDER BY created_at LIMIT ${limit}::int)`,
    );
  }

  /** Requests and runs of jobs; their money stays in the ledger. */
  async usageRecords(months: number, limit: number): Promise<number> {
    return execute(
      this.db,
      sql`DELETE FROM usage_record WHERE id IN (
            SELECT id FROM usage_record WHERE created_at < now() - ${months}::int * interval '1 month' ORDER BY created_at LIMIT ${limit}::int)`,
    );
  }

  /** Items of responses that can't be named any more. */
  async responseItems(limit: number): Promise<number> {
    return execute(
      this.db,
      sql`DELETE FROM response_item WHERE (key_id, id) IN (
            SELECT key_id, id FROM response_item WHERE expires_at < now() ORDER BY expires_at LIMIT ${limit}::int)`,
    );
  }

  /** What the client wrote. `input` becomes JSON null, which tells a replay that there is nothing left to run. */
  async requestText(days: number, limit: number): Promise<number> {
    return execute(
      this.db,
      sql`UPDATE job SET input = 'null'::jsonb, provider_options = '{}'::jsonb, metadata = '{}'::jsonb, "references" = '[]'::jsonb, updated_at = now()
          WHERE id IN (
            SELECT id FROM job WHERE finished_at < now() - ${days}::int * interval '1 day' AND finished_at IS NOT NULL AND input <> 'null'::jsonb
            ORDER BY finished_at LIMIT ${limit}::int FOR UPDATE SKIP LOCKED)`,
    );
  }

  /** Jobs that were deleted longer ago than any late writer lives. */
  async deletedJobs(hours: number, limit: number): Promise<string[]> {
    const rows = await queryRows<{ id: string }>(
      this.db,
      sql`SELECT id FROM job WHERE deleted_at < now() - ${hours}::int * interval '1 hour' AND deleted_at IS NOT NULL ORDER BY deleted_at LIMIT ${limit}::int`,
    );
    return rows.map(({ id }) => id);
  }

  /** All rows of a deleted job but its money. */
  async forget(jobId: string): Promise<void> {
    await this.db.transaction(async (tx) => {
      await execute(tx, sql`DELETE FROM job_event WHERE job_id = ${jobId}`);
      await deleteTries(
        tx,
        await queryRows<{ id: string }>(tx, sql`DELETE FROM webhook_delivery WHERE job_id = ${jobId} RETURNING id`),
      );
      await execute(tx, sql`DELETE FROM attempt WHERE job_id = ${jobId}`);
      await execute(tx, sql`DELETE FROM job WHERE id = ${jobId} AND deleted_at IS NOT NULL`);
    });
  }
}

/** In a statement of its own: it sees the tries that were saved while the deletion waited for their deliveries. */
async function deleteTries(tx: Tx, deliveries: readonly { id: string }[]): Promise<void> {
  await execute(tx, sql`DELETE FROM webhook_try WHERE delivery_id = ANY(${deliveries.map(({ id }) => id)})`);
}

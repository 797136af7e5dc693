import { newId } from '../common/ids.js';
import type { JsonObject } from '../common/json.js';
import { type Page, pageArgs } from '../common/page.js';
import { type Database, execute, queryRow, queryRows, sql, type Tx } from '../database/database.js';
import type { WebhookDelivery } from '../database/generated/client.js';

export type DeliveryRow = WebhookDelivery;

export interface NewDelivery {
  keyId: string;
  jobId: string;
  run: number;
  /** `job.succeeded`, `job.failed`, `job.canceled`, `job.running`. */
  event: string;
  url: string;
  body: JsonObject;
}

/** One worker's hold on one delivery; each lease end is unique, so it also fences the write under it. */
export interface DeliveryClaim {
  row: DeliveryRow;
  until: Date;
}

export interface TryResult {
  status: number | null;
  error: string | null;
  /** Beginning of the receiver's answer, for ops. */
  response: string | null;
}

/** Message that names a live tick. */
export interface Ring {
  deliveryId: string;
  n: number;
}

/** A clock that wakes this early is no reason to come again. */
const EARLY_SECONDS = 2;
const OVERDUE_SECONDS = 10;

/** Table `webhook_delivery`. */
export class DeliveriesRepository {
  constructor(private readonly db: Database) {}

  async insert(tx: Tx, delivery: NewDelivery): Promise<string> {
    const id = newId('whd');
    await execute(
      tx,
      sql`
      INSERT INTO webhook_delivery (id, key_id, job_id, run, event, url, body, wake_at)
      VALUES (${id}, ${delivery.keyId}, ${delivery.jobId}, ${delivery.run}::int, ${delivery.event}, ${delivery.url},
              ${JSON.stringify(delivery.body)}::jsonb, now())`,
    );
    return id;
  }

  async find(keyId: string, id: string): Promise<DeliveryRow | null> {
    return this.db.webhookDelivery.findFirst({ where: { id, keyId } });
  }

  async list(keyId: string, jobId: string | undefined, page: Page): Promise<DeliveryRow[]> {
    const { id, ...args } = pageArgs(page);
    return this.db.webhookDelivery.findMany({ where: { keyId, jobId, id }, ...args });
  }

  /** For views of jobs that were read for their key. */
  async ofJobs(jobIds: readonly string[]): Promise<DeliveryRow[]> {
    if (jobIds.length === 0) return [];
    return this.db.webhookDelivery.findMany({ where: { jobId: { in: [...jobIds] } }, orderBy: { id: 'asc' } });
  }

  async jobExists(keyId: string, jobId: string): Promise<boolean> {
    const row = await queryRow(
      this.db,
      sql`SELECT 1 AS one FROM job WHERE id = ${jobId} AND key_id = ${keyId} AND deleted_at IS NULL`,
    );
    return row !== null;
  }

  async ticks(ids: readonly string[]): Promise<Ring[]> {
    const rows = await this.db.webhookDelivery.findMany({
      where: { id: { in: [...ids] } },
      select: { id: true, tick: true },
    });
    return rows.map(({ id, tick }) => ({ deliveryId: id, n: tick }));
  }

  /** Null when this message is not the live one, when another worker holds the delivery, or when nothing is due. */
  async claim(id: string, n: number, leaseSeconds: number): Promise<DeliveryClaim | null> {
    const claimed = await queryRow<{ until: Date }>(
      this.db,
      sql`
      UPDATE webhook_delivery SET claim_until = now() + ${leaseSeconds} * interval '1 second', attempts = attempts + 1, last_attempt_at = now()
      WHERE id = ${id} AND tick = ${n}::int AND status = 'pending' AND wake_at <= now() + ${EARLY_SECONDS} * interval '1 second'
        AND (claim_until IS NULL OR claim_until < now())
      RETURNING claim_until AS until`,
    );
    const row = claimed && (await this.db.webhookDelivery.findUnique({ where: { id } }));
    return claimed && row && { row, until: claimed.until };
  }

  async markDelivered({ row, until }: DeliveryClaim, result: TryResult): Promise<void> {
    await execute(
      this.db,
      sql`
      UPDATE webhook_delivery SET status = 'delivered', delivered_at = now(), wake_at = NULL, claim_until = NULL,
             last_status = ${result.status}::int, last_error = NULL, last_response = NULL
      WHERE id = ${row.id} AND claim_until = ${until}`,
    );
  }

  /** No further try comes by itself. */
  async markFailed({ row, until }: DeliveryClaim, result: TryResult): Promise<void> {
    await execute(
      this.db,
      sql`
      UPDATE webhook_delivery SET status = 'failed', wake_at = NULL, claim_until = NULL, last_status = ${result.status}::int,
             last_error = ${result.error}, last_response = ${result.response}
      WHERE id = ${row.id} AND claim_until = ${until}`,
    );
  }

  /** The next tick, or null when another worker took over. */
  async markRetry({ row, until }: DeliveryClaim, result: TryResult, delayMs: number): Promise<Ring | null> {
    const next = await queryRow<{ tick: number }>(
      this.db,
      sql`
      UPDATE webhook_delivery SET tick = tick + 1, wake_at = now() + ${delayMs}::float8 * interval '1 millisecond', claim_until = NULL,
             last_status = ${result.status}::int, last_error = ${result.error}, last_response = ${result.response}
      WHERE id = ${row.id} AND claim_until = ${until} RETURNING tick`,
    );
    return next && { deliveryId: row.id, n: next.tick };
  }

  /** This process stops in mid-try: the try does not count, and another worker makes it at once. */
  async giveBack({ row, until }: DeliveryClaim): Promise<Ring | null> {
    const next = await queryRow<{ tick: number }>(
      this.db,
      sql`
      UPDATE webhook_delivery SET tick = tick + 1, attempts = attempts - 1, wake_at = now(), claim_until = NULL
      WHERE id = ${row.id} AND claim_until = ${until} RETURNING tick`,
    );
    return next && { deliveryId: row.id, n: next.tick };
  }

  /** A new round of tries under the same id. Null while one is under way. */
  async restart(keyId: string, id: string): Promise<Ring | null> {
    const next = await queryRow<{ tick: number }>(
      this.db,
      sql`
      UPDATE webhook_delivery SET status = 'pending', tick = tick + 1, attempts = 0, wake_at = now(), delivered_at = NULL, claim_until = NULL
      WHERE id = ${id} AND key_id = ${keyId} AND (claim_until IS NULL OR claim_until < now()) RETURNING tick`,
    );
    return next && { deliveryId: id, n: next.tick };
  }

  /** Due ones whose message was lost or whose worker died, each under a new tick, so that a late message finds it taken. */
  async overdue(limit: number): Promise<Ring[]> {
    const rows = await queryRows<{ id: string; tick: number }>(
      this.db,
      sql`
      UPDATE webhook_delivery SET tick = tick + 1, wake_at = now() WHERE id IN (
        SELECT id FROM webhook_delivery WHERE wake_at < now() - ${OVERDUE_SECONDS} * interval '1 second'
          AND (claim_until IS NULL OR claim_until < now()) ORDER BY wake_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      RETURNING id, tick`,
    );
    return rows.map(({ id, tick }) => ({ deliveryId: id, n: tick }));
  }
}

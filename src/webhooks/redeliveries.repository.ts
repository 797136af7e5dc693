import { type Database, queryRow, queryRows, sql, sqlEmpty, type Sql } from '../database/database.js';
import type { DeliveryStatus } from './delivery-bodies.js';
import { idsBetween } from './deliveries.repository.js';
import { PROGRESS_EVENT } from './progress-event.js';
import type { Ring } from './rings.js';

/** Which messages are sent once more. */
export interface RedeliveryFilter {
  /** Null: of every key; only ops do that. */
  keyId: string | null;
  since: Date;
  until?: Date;
  endpointId?: string;
  status: DeliveryStatus;
  event?: string;
}

export type Restarted = Required<Ring> & { createdAt: Date };

/** Why a delivery is not sent once more. */
export interface Hindrance {
  event: string;
  endpointId: string | null;
  disabledAt: Date | null;
  disabledReason: string | null;
  deletedAt: Date | null;
}

/** Written out, as the index's condition is: of a parameter the planner would not know that it fits. */
const STATUS_IS: Readonly<Record<DeliveryStatus, Sql>> = {
  failed: sql`d.status = 'failed'`,
  delivered: sql`d.status = 'delivered'`,
  // Nothing is gained where the first try, or a redelivery's, is due anyway.
  pending: sql`d.status = 'pending' AND d.attempts > 0`,
};

const RECEIVER_LISTENS = sql`(d.endpoint_id IS NULL OR EXISTS (
  SELECT 1 FROM webhook_endpoint e WHERE e.id = d.endpoint_id AND e.disabled_at IS NULL AND e.deleted_at IS NULL))`;

/** Progress is superseded, and of a deleted job nothing is told any more. */
const WORTH_SENDING = sql`d.event <> ${PROGRESS_EVENT}
  AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = d.job_id AND job.deleted_at IS NOT NULL)`;

const ANEW = sql`status = 'pending', attempts = 0, tick = d.tick + 1`;

/** Makes deliveries due again, with all their tries before them; ids and the logs of tries stay. */
export class RedeliveriesRepository {
  constructor(private readonly db: Database) {}

  /** Null where `hindrance` tells why not. */
  async restart(keyId: string, id: string): Promise<Ring | null> {
    return queryRow<Ring>(
      this.db,
      sql`
      UPDATE webhook_delivery d SET ${ANEW}, wake_at = now()
      WHERE d.id = ${id} AND d.key_id = ${keyId} AND ${WORTH_SENDING} AND ${RECEIVER_LISTENS} RETURNING d.id, d.tick`,
    );
  }

  /** Null when the key has no such delivery, or its job was deleted. */
  async hindrance(keyId: string, id: string): Promise<Hindrance | null> {
    return queryRow<Hindrance>(
      this.db,
      sql`
      SELECT d.event, d.endpoint_id AS "endpointId", e.disabled_at AS "disabledAt", e.disabled_reason AS "disabledReason", e.deleted_at AS "deletedAt"
      FROM webhook_delivery d LEFT JOIN webhook_endpoint e ON e.id = d.endpoint_id
      WHERE d.id = ${id} AND d.key_id = ${keyId} AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = d.job_id AND job.deleted_at IS NOT NULL)`,
    );
  }

  /**
   * One batch, oldest first, beyond `after`: from `fromMs` on, each is due at some moment of a slot of `gapMs` that is its own.
   * What another caller or worker is at is passed over.
   */
  async restartMany(
    filter: RedeliveryFilter,
    batch: { after: string | null; limit: number; fromMs: number; gapMs: number },
  ): Promise<Restarted[]> {
    const rows = await queryRows<Restarted>(
      this.db,
      sql`
      WITH due AS (
        SELECT d.id FROM webhook_delivery d
        WHERE ${matches(filter, batch.after)} AND ${RECEIVER_LISTENS} ORDER BY d.id LIMIT ${batch.limit}::int FOR UPDATE OF d SKIP LOCKED),
      placed AS (
        SELECT id, ${batch.fromMs}::float8 + (row_number() OVER (ORDER BY id) - 1 + random()) * ${batch.gapMs}::float8 AS ms FROM due)
      UPDATE webhook_delivery d SET ${ANEW}, wake_at = now() + placed.ms * interval '1 millisecond'
      FROM placed WHERE d.id = placed.id RETURNING d.id, d.tick, d.created_at AS "createdAt", placed.ms AS "delayMs"`,
    );
    return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Whether there is one more beyond `after`. */
  async areMore(filter: RedeliveryFilter, after: string | null): Promise<boolean> {
    const row = await queryRow(
      this.db,
      sql`SELECT 1 AS one FROM webhook_delivery d WHERE ${matches(filter, after)} AND ${RECEIVER_LISTENS} LIMIT 1`,
    );
    return row !== null;
  }

  /** How many would be sent if their endpoint listened; counts up to `limit`. */
  async countUnheard(filter: RedeliveryFilter, limit: number): Promise<number> {
    const row = await queryRow<{ n: bigint }>(
      this.db,
      sql`
      SELECT count(*) AS n FROM (
        SELECT 1 FROM webhook_delivery d WHERE ${matches(filter, null)} AND NOT ${RECEIVER_LISTENS} LIMIT ${limit}::int) unheard`,
    );
    return Number(row?.n ?? 0);
  }
}

function matches(filter: RedeliveryFilter, after: string | null): Sql {
  const { keyId, since, until, endpointId, status, event } = filter;
  const { gte, lt } = idsBetween(since, until);
  return sql`${STATUS_IS[status]} AND d.created_at >= ${since}::timestamptz AND d.id >= ${gte}
    ${until === undefined ? sqlEmpty : sql`AND d.created_at < ${until}::timestamptz AND d.id < ${lt}`}
    ${after === null ? sqlEmpty : sql`AND d.id > ${after}`}
    ${keyId === null ? sqlEmpty : sql`AND d.key_id = ${keyId}`}
    ${endpointId === undefined ? sqlEmpty : sql`AND d.endpoint_id = ${endpointId}`}
    ${event === undefined ? sqlEmpty : sql`AND d.event = ${event}`}
    AND ${WORTH_SENDING}`;
}

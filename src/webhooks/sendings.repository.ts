import type { JsonObject } from '../common/json.js';
import { type Database, execute, queryRow, queryRows, sql } from '../database/database.js';
import type { Ring } from './rings.js';

export interface Due {
  keyId: string;
  url: string;
  /** 0 when it is due; else until it may be, or until another worker's lease ends. */
  waitMs: number;
}

/**
 * One worker's hold on one try. By the database's clock no two leases of a row end at the same moment, so `until` also
 * fences what is written under it.
 */
export interface DeliveryClaim {
  id: string;
  keyId: string;
  /** Null of a test event. */
  jobId: string | null;
  run: number;
  sequence: number | null;
  event: string;
  /** Null of a job's own URL. */
  endpointId: string | null;
  url: string;
  body: JsonObject;
  createdAt: Date;
  /** Number of this try since the row was written or last redelivered, from 1. */
  attempts: number;
  /** Number of this try in all: no other has it, even where this one's worker dies. */
  n: number;
  startedAt: Date;
  until: Date;
}

export interface TryRecord {
  status: 'pending' | 'delivered' | 'failed';
  /** Until the next try; null for none. */
  retryInMs: number | null;
  durationMs: number;
  requestHeaders: Record<string, string>;
  responseStatus: number | null;
  responseHeaders: Record<string, string>;
  responseBody: string | null;
  error: string | null;
}

/** The sending side of `webhook_delivery`: who tries, when, and how it went. */
export class SendingsRepository {
  constructor(private readonly db: Database) {}

  /** Where the message is to go, and in how many milliseconds; null when it has nothing more to do. */
  async look(id: string, tick: number): Promise<Due | null> {
    const due = await queryRow<Due>(
      this.db,
      sql`
      SELECT d.key_id AS "keyId", coalesce(e.url, d.url) AS url,
             ceil(extract(epoch FROM greatest(d.wake_at, d.claim_until) - now()) * 1000)::float8 AS "waitMs"
      FROM webhook_delivery d LEFT JOIN webhook_endpoint e ON e.id = d.endpoint_id
      WHERE d.id = ${id} AND d.tick = ${tick}::int AND d.wake_at IS NOT NULL`,
    );
    return due && { ...due, waitMs: Math.max(due.waitMs, 0) };
  }

  /** Not now: its receiver has enough in flight. No try is used up. */
  async postpone(id: string, tick: number, ms: number): Promise<void> {
    await execute(
      this.db,
      sql`
      UPDATE webhook_delivery SET wake_at = now() + ${ms}::float8 * interval '1 millisecond'
      WHERE id = ${id} AND tick = ${tick}::int AND wake_at <= now() AND (claim_until IS NULL OR claim_until < now())`,
    );
  }

  /**
   * Null where the message is not the live one, the time has not come, or another worker holds the row. An endpoint's message
   * goes to where the endpoint is now, whatever its address was when it was written.
   */
  async claim(id: string, tick: number, leaseMs: number): Promise<DeliveryClaim | null> {
    return queryRow<DeliveryClaim>(
      this.db,
      sql`
      UPDATE webhook_delivery SET claim_until = now() + ${leaseMs}::float8 * interval '1 millisecond', attempts = attempts + 1, tries = tries + 1,
        last_attempt_at = now(), url = coalesce((SELECT e.url FROM webhook_endpoint e WHERE e.id = endpoint_id), url)
      WHERE id = ${id} AND tick = ${tick}::int AND wake_at <= now() AND (claim_until IS NULL OR claim_until < now())
      RETURNING id, key_id AS "keyId", job_id AS "jobId", endpoint_id AS "endpointId", run, sequence, event, url, body, created_at AS "createdAt",
        attempts, tries AS n, last_attempt_at AS "startedAt", claim_until AS "until"`,
    );
  }

  /**
   * Ends a try and logs it. False where the lease was lost to another worker, or the delivery is gone. A redelivery asked for
   * meanwhile has set `attempts` back: then this try's result is kept, but the row stays due.
   */
  async save(claim: DeliveryClaim, result: TryRecord): Promise<boolean> {
    const undisturbed = sql`attempts = ${claim.attempts}::int`;
    const saved = await execute(
      this.db,
      sql`
      WITH saved AS (UPDATE webhook_delivery SET
        claim_until = NULL,
        last_status = ${result.responseStatus}::int, last_response = ${result.responseBody}, last_error = ${result.error},
        delivered_at = CASE WHEN ${result.status} = 'delivered' THEN now() ELSE delivered_at END,
        status = CASE WHEN ${undisturbed} THEN ${result.status} ELSE status END,
        wake_at = CASE WHEN ${undisturbed} THEN now() + ${result.retryInMs}::float8 * interval '1 millisecond' ELSE wake_at END
      WHERE id = ${claim.id} AND claim_until = ${claim.until}::timestamptz(3) RETURNING id)
      INSERT INTO webhook_try (delivery_id, n, sent_at, duration_ms, status, error, request_headers, response_headers, response_body)
      SELECT id, ${claim.n}::int, ${claim.startedAt}::timestamptz(3), ${result.durationMs}::int, ${result.responseStatus}::int, ${result.error},
        ${JSON.stringify(result.requestHeaders)}::jsonb, ${JSON.stringify(result.responseHeaders)}::jsonb, ${result.responseBody}
      FROM saved`,
    );
    return saved > 0;
  }

  /** Gives rows whose message seems lost a new one, and `graceMs` more to be heard. */
  async ringOverdue(graceMs: number, limit: number): Promise<Ring[]> {
    return queryRows<Ring>(
      this.db,
      sql`
      WITH due AS (
        SELECT id FROM webhook_delivery
        WHERE wake_at < now() - ${graceMs}::float8 * interval '1 millisecond' AND (claim_until IS NULL OR claim_until < now())
        ORDER BY wake_at LIMIT ${limit}::int FOR UPDATE SKIP LOCKED)
      UPDATE webhook_delivery d SET tick = d.tick + 1, wake_at = now() FROM due WHERE d.id = due.id RETURNING d.id, d.tick`,
    );
  }
}

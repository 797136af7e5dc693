import { execute, queryRows, sql, type Database, type Tx } from '../database/database.js';

export interface RateAsk {
  keyId: string;
  /** Requests that ask at once. */
  n: number;
  /** Requests a minute, and the most that may come at once. */
  limit: number;
  /** Microseconds in which one request is given back. */
  everyMicros: number;
}

/** Microseconds since 1970 by the database's clock. */
export interface RateVerdict {
  /** How many of `n` may go on. */
  admitted: number;
  now: number;
  /** When nothing would count against the key any more, were none of `n` admitted. */
  emptyAt: number;
}

/** Each key's row, so that a request finds one to lock. */
export async function ensureBuckets(db: Tx, keyIds: readonly string[]): Promise<void> {
  await execute(
    db,
    sql`INSERT INTO key_rate (key_id) SELECT key_id FROM unnest(${[...keyIds].toSorted()}::text[]) AS key_id ON CONFLICT (key_id) DO NOTHING`,
  );
}

/**
 * Takes as many of the asked requests from each key's bucket as are in it, in one statement (GCRA: ITU-T I.371's virtual
 * scheduling). The bucket is one number, when it would be full again: a request moves it on by `everyMicros`, and fits while
 * it is at most `limit * everyMicros` ahead of the clock. A bucket that is empty by its committed row is neither locked nor
 * written; the others are locked in the order of keys, and the clock is read after that. Keys without a row are left out.
 */
export async function takeAll(db: Database, asks: readonly RateAsk[]): Promise<Map<string, RateVerdict>> {
  const rows = await queryRows<{ key_id: string; admitted: bigint; now: bigint; empty_at: bigint }>(
    db,
    sql`WITH asked AS MATERIALIZED (
      SELECT "keyId" AS key_id, n, "everyMicros" AS every, "limit" * "everyMicros" AS span, r.empty_at,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now
      FROM json_to_recordset(${JSON.stringify(asks)}::json) AS a("keyId" text, n int, "limit" int, "everyMicros" bigint)
      CROSS JOIN LATERAL (SELECT empty_at FROM key_rate WHERE key_id = a."keyId" LIMIT 1) r
    ), locked AS MATERIALIZED (
      SELECT key_id, empty_at FROM key_rate
      WHERE key_id = ANY(ARRAY(SELECT key_id FROM asked WHERE empty_at + every <= now + span))
      ORDER BY key_id FOR NO KEY UPDATE
    ), clock AS MATERIALIZED (
      SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now FROM (SELECT count(*) FROM locked) AS all_locked
    ), bucket AS MATERIALIZED (
      SELECT a.key_id, a.every, c.now, greatest(l.empty_at, c.now) AS empty_at,
        least(a.n, greatest(0, (c.now + a.span - greatest(l.empty_at, c.now)) / a.every)) AS admitted
      FROM asked a JOIN locked l ON l.key_id = a.key_id CROSS JOIN clock c
    ), moved AS (
      UPDATE key_rate SET empty_at = bucket.empty_at + bucket.admitted * bucket.every
      FROM bucket WHERE key_rate.key_id = bucket.key_id AND bucket.admitted > 0
    )
    SELECT a.key_id, coalesce(b.admitted, 0)::bigint AS admitted, coalesce(b.now, a.now) AS now, coalesce(b.empty_at, a.empty_at) AS empty_at
    FROM asked a LEFT JOIN bucket b ON b.key_id = a.key_id`,
    { name: 'rate-take-all' },
  );
  return new Map(
    rows.map((row) => [
      row.key_id,
      { admitted: Number(row.admitted), now: Number(row.now), emptyAt: Number(row.empty_at) },
    ]),
  );
}

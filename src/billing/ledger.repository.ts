import { newId } from '../common/ids.js';
import { queryRow, queryRows, sql, sqlEmpty, type Sql, type Tx } from '../database/database.js';
import type { PriceSnapshot } from './price.js';

/** One run of one piece of work. */
export interface WorkRun {
  workId: string;
  run: number;
}

export interface Hold extends WorkRun {
  keyId: string;
  amountMicroUsd: number;
  price: PriceSnapshot;
  /** Name of a CTE; the hold is written only when it has a row. */
  from?: Sql;
}

export type LedgerKind = 'hold' | 'settle' | 'release';

export interface LedgerRow {
  id: string;
  /** UTC day of the hold, which its settle and release bear too: YYYY-MM-DD. */
  day: string;
  workId: string;
  run: number;
  kind: LedgerKind;
  amountMicroUsd: number;
  price: PriceSnapshot;
  reason: string | null;
  createdAt: Date;
}

export interface DayTotals {
  spentMicroUsd: number;
  heldMicroUsd: number;
}

/** What became of a close: `missing` where no hold was made. */
export type Closed = 'closed' | 'already' | 'missing';

/**
 * The CTEs `ledger` and `budget`, to stand in a WITH list after the one named by `from`. A second hold of the same run is
 * no row and moves no counter.
 */
export function holdCtes(hold: Hold): Sql {
  const from = hold.from ? sql`FROM (SELECT 1 FROM ${hold.from} LIMIT 1) AS accepted` : sqlEmpty;
  return sql`ledger AS (
    INSERT INTO ledger_entry (id, key_id, day, work_id, run, kind, amount_micro_usd, price)
    SELECT ${newId('led')}::text, ${hold.keyId}::text, (now() AT TIME ZONE 'UTC')::date, ${hold.workId}::text, ${hold.run}::int, 'hold',
           ${hold.amountMicroUsd}::bigint, ${JSON.stringify(hold.price)}::jsonb ${from}
    ON CONFLICT (work_id, run, kind) DO NOTHING
    RETURNING key_id, day, amount_micro_usd
  ), budget AS (
    INSERT INTO budget_day (key_id, day, held_micro_usd)
    SELECT key_id, day, amount_micro_usd FROM ledger
    ON CONFLICT (key_id, day) DO UPDATE SET held_micro_usd = budget_day.held_micro_usd + excluded.held_micro_usd
    RETURNING 1
  )`;
}

/**
 * Closes a hold in one statement. The partial unique index on (work_id, run) of settle and release rows lets one of them
 * through, and the counters move only with it. `chargeMicroUsd` above the hold is cut to it.
 */
export async function closeHold(
  tx: Tx,
  close: WorkRun & { kind: 'settle' | 'release'; chargeMicroUsd: number; reason: string | null },
): Promise<Closed> {
  const amount =
    close.kind === 'settle'
      ? sql`least(${close.chargeMicroUsd}::bigint, hold.amount_micro_usd)`
      : sql`hold.amount_micro_usd`;
  const spent = close.kind === 'settle' ? sql`closing.amount_micro_usd` : sql`0`;
  const row = await queryRow<{ held: bigint; closed: bigint }>(
    tx,
    sql`WITH hold AS (
      SELECT key_id, day, amount_micro_usd, price FROM ledger_entry
      WHERE work_id = ${close.workId} AND run = ${close.run}::int AND kind = 'hold'
    ), closing AS (
      INSERT INTO ledger_entry (id, key_id, day, work_id, run, kind, amount_micro_usd, price, reason)
      SELECT ${newId('led')}::text, key_id, day, ${close.workId}::text, ${close.run}::int, ${close.kind}::text, ${amount}, price, ${close.reason}::text
      FROM hold
      ON CONFLICT DO NOTHING
      RETURNING amount_micro_usd
    ), budget AS (
      UPDATE budget_day SET held_micro_usd = held_micro_usd - hold.amount_micro_usd, spent_micro_usd = spent_micro_usd + ${spent}
      FROM hold, closing
      WHERE budget_day.key_id = hold.key_id AND budget_day.day = hold.day
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM hold) AS held, (SELECT count(*) FROM closing) AS closed`,
  );
  if (!row || row.held === 0n) return 'missing';
  return row.closed > 0n ? 'closed' : 'already';
}

export async function rowsOfWork(tx: Tx, keyId: string, workId: string): Promise<LedgerRow[]> {
  const rows = await queryRows<Omit<LedgerRow, 'amountMicroUsd'> & { amountMicroUsd: bigint }>(
    tx,
    sql`SELECT id, day::text AS day, work_id AS "workId", run, kind, amount_micro_usd AS "amountMicroUsd", price, reason, created_at AS "createdAt"
        FROM ledger_entry WHERE key_id = ${keyId} AND work_id = ${workId} ORDER BY run, created_at, id`,
  );
  return rows.map((row) => ({ ...row, amountMicroUsd: Number(row.amountMicroUsd) }));
}

type Totals = { spent: bigint; held: bigint };
const totals = (row: Totals | null): DayTotals => ({
  spentMicroUsd: Number(row?.spent ?? 0n),
  heldMicroUsd: Number(row?.held ?? 0n),
});

/** The counters of one UTC day (YYYY-MM-DD). */
export async function dayCounters(tx: Tx, keyId: string, date: string): Promise<DayTotals> {
  return totals(
    await queryRow<Totals>(
      tx,
      sql`SELECT spent_micro_usd AS spent, held_micro_usd AS held FROM budget_day WHERE key_id = ${keyId} AND day = ${date}::date`,
    ),
  );
}

/** The counters, and the same two numbers from the rows alone: in one statement, so as of one moment. */
export async function dayBothWays(
  tx: Tx,
  keyId: string,
  date: string,
): Promise<{ rows: number; fromRows: DayTotals; counters: DayTotals }> {
  const row = await queryRow<Totals & { rows: bigint; countedSpent: bigint | null; countedHeld: bigint | null }>(
    tx,
    sql`SELECT count(*) AS rows,
          (SELECT spent_micro_usd FROM budget_day WHERE key_id = ${keyId} AND day = ${date}::date) AS "countedSpent",
          (SELECT held_micro_usd FROM budget_day WHERE key_id = ${keyId} AND day = ${date}::date) AS "countedHeld",
          coalesce(sum(e.amount_micro_usd) FILTER (WHERE e.kind = 'settle'), 0)::bigint AS spent,
          coalesce(sum(e.amount_micro_usd) FILTER (WHERE e.kind = 'hold' AND NOT EXISTS (
            SELECT 1 FROM ledger_entry c WHERE c.work_id = e.work_id AND c.run = e.run AND c.kind IN ('settle', 'release'))), 0)::bigint AS held
        FROM ledger_entry e WHERE e.key_id = ${keyId} AND e.day = ${date}::date`,
  );
  const counted = { spent: row?.countedSpent ?? 0n, held: row?.countedHeld ?? 0n };
  return { rows: Number(row?.rows ?? 0n), fromRows: totals(row), counters: totals(counted) };
}

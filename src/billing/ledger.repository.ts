import { newId } from '../common/ids.js';
import type { JsonObject } from '../common/json.js';
import { type Page, pageArgs } from '../common/page.js';
import { execute, queryRow, queryRows, sql, sqlEmpty, sqlRaw, type Sql, type Tx } from '../database/database.js';
import { refusalDetail } from '../database/refusal.js';
import type { FullDay } from './budget-refusals.js';
import type { PriceSnapshot } from './price.js';
import { usageId } from './usage.js';
import { USAGE_COLUMNS } from './usage-row.js';

const TODAY = sqlRaw("(now() AT TIME ZONE 'UTC')::date");

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
  keyId: string;
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

/** Parts of a statement that holds. */
export interface HoldSql {
  /** `ledger AS (…), budget AS (…)`, to stand in a WITH list after the CTE named by `from`. */
  ctes: Sql;
  /**
   * True where the day has room for the hold; where it has none, the whole statement is undone with an error that
   * `overBudgetIn` reads. It must stand in the WHERE of the statement's own SELECT, or the budget is not looked at.
   */
  fits: Sql;
}

/**
 * A second hold of the same run is no row and moves no counter. The budget is the key's as it is now. It is checked against
 * the sum under the counters' row lock, which is taken last and held until the commit, so that of two at once the second
 * counts the first, also where both are the first of their day. To raise undoes what was accepted with the hold in the same
 * round trip, and the sum that was refused is the one that is told.
 */
export function holdSql(hold: Hold): HoldSql {
  const from = hold.from ? sql`FROM (SELECT 1 FROM ${hold.from} LIMIT 1) AS accepted` : sqlEmpty;
  const ctes = sql`ledger AS (
    INSERT INTO ledger_entry (id, key_id, day, work_id, run, kind, amount_micro_usd, price)
    SELECT ${newId('led')}::text, ${hold.keyId}::text, ${TODAY}, ${hold.workId}::text, ${hold.run}::int, 'hold',
           ${hold.amountMicroUsd}::bigint, ${JSON.stringify(hold.price)}::jsonb ${from}
    ON CONFLICT (work_id, run, kind) DO NOTHING
    RETURNING key_id, day, amount_micro_usd
  ), budget AS (
    INSERT INTO budget_day (key_id, day, held_micro_usd)
    SELECT key_id, day, amount_micro_usd FROM ledger
    ON CONFLICT (key_id, day) DO UPDATE SET held_micro_usd = budget_day.held_micro_usd + excluded.held_micro_usd
    RETURNING day, spent_micro_usd AS spent, held_micro_usd AS held,
      (SELECT daily_budget_micro_usd FROM api_key WHERE id = ${hold.keyId}) AS most
  )`;
  const fits = sql`coalesce((SELECT CASE WHEN most IS NULL OR spent + held <= most THEN true ELSE kiln_refuse(json_build_object(
      'budget', most, 'spent', spent, 'held', held - ${hold.amountMicroUsd}::bigint, 'resets', day + 1)::text) END FROM budget), true)`;
  return { ctes, fits };
}

/** A day without room, and the budget it has. */
export interface FullBudget {
  budgetMicroUsd: number;
  day: FullDay;
}

type FullRow<N> = { budget: N; spent: N; held: N };
const fullBudget = ({ budget, spent, held }: FullRow<bigint | number>, resetsAt: Date): FullBudget => ({
  budgetMicroUsd: Number(budget),
  day: { spentMicroUsd: Number(spent), heldMicroUsd: Number(held), resetsAt },
});

/** Why a statement with a hold was undone; null where that was something else. */
export function overBudgetIn(error: unknown): FullBudget | null {
  const detail = refusalDetail(error);
  if (detail === null) return null;
  const row = JSON.parse(detail) as FullRow<number> & { resets: string };
  return fullBudget(row, new Date(`${row.resets}T00:00:00Z`));
}

/** The key's day, where it has no room for the amount; null where it has, and where the key has no budget. */
export async function findFullBudget(tx: Tx, keyId: string, amountMicroUsd: number): Promise<FullBudget | null> {
  const row = await queryRow<FullRow<bigint> & { resets: Date }>(
    tx,
    sql`SELECT k.daily_budget_micro_usd AS budget, coalesce(d.spent_micro_usd, 0) AS spent, coalesce(d.held_micro_usd, 0) AS held, ${TODAY} + 1 AS resets
        FROM api_key k LEFT JOIN budget_day d ON d.key_id = k.id AND d.day = ${TODAY}
        WHERE k.id = ${keyId} AND coalesce(d.spent_micro_usd, 0) + coalesce(d.held_micro_usd, 0) + ${amountMicroUsd}::bigint > k.daily_budget_micro_usd`,
    { name: 'budget.full' },
  );
  return row && fullBudget(row, row.resets);
}

const usageNames = sqlRaw(USAGE_COLUMNS.map(([name]) => name).join(', '));
const usageTypes = sqlRaw(USAGE_COLUMNS.map(([name, type]) => `${name} ${type}`).join(', '));

/**
 * Closes a hold in one statement. The partial unique index on (work_id, run) of settle and release rows lets one of them
 * through, and the counters move and the usage record is written only with it. `chargeMicroUsd` above the hold is cut to
 * it. `usage` has the columns of the record, null for none.
 */
export async function closeHold(
  tx: Tx,
  close: WorkRun & {
    kind: 'settle' | 'release';
    chargeMicroUsd: number;
    reason: string | null;
    usage: JsonObject | null;
  },
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
    ), used AS (
      INSERT INTO usage_record (id, key_id, day, charged_micro_usd, ${usageNames})
      SELECT ${usageId(close.workId, close.run)}::text, hold.key_id, hold.day, ${spent}, u.*
      FROM hold CROSS JOIN closing CROSS JOIN json_to_record(${close.usage && JSON.stringify(close.usage)}::json) AS u(${usageTypes})
      WHERE ${close.usage !== null}::boolean
      ON CONFLICT (id) DO NOTHING
    )
    SELECT (SELECT count(*) FROM hold) AS held, (SELECT count(*) FROM closing) AS closed`,
  );
  if (!row || row.held === 0n) return 'missing';
  return row.closed > 0n ? 'closed' : 'already';
}

/** What a run has cost Kiln by now: an attempt may end, and be billed, after the run. */
export async function noteUpstreamCost(tx: Tx, { workId, run }: WorkRun, microUsd: number): Promise<void> {
  await execute(
    tx,
    sql`UPDATE usage_record SET upstream_cost_micro_usd = ${microUsd}::bigint WHERE id = ${usageId(workId, run)}`,
  );
}

export async function rowsOfWork(tx: Tx, keyId: string | null, workId: string): Promise<LedgerRow[]> {
  const rows = await queryRows<Omit<LedgerRow, 'amountMicroUsd'> & { amountMicroUsd: bigint }>(
    tx,
    sql`SELECT id, key_id AS "keyId", day::text AS day, work_id AS "workId", run, kind, amount_micro_usd AS "amountMicroUsd", price, reason, created_at AS "createdAt"
        FROM ledger_entry WHERE work_id = ${workId} ${keyId === null ? sqlEmpty : sql`AND key_id = ${keyId}`} ORDER BY run, created_at, id`,
  );
  return rows.map((row) => ({ ...row, amountMicroUsd: Number(row.amountMicroUsd) }));
}

export async function entriesOfDay(tx: Tx, keyId: string, date: string, page: Page): Promise<LedgerRow[]> {
  const { id, ...args } = pageArgs(page);
  const rows = await tx.ledgerEntry.findMany({ where: { keyId, day: new Date(date), id }, ...args });
  return rows.map((row) => ({
    ...row,
    day: date,
    kind: row.kind as LedgerKind,
    price: row.price as PriceSnapshot,
    amountMicroUsd: Number(row.amountMicroUsd),
  }));
}

export async function hasEntry(tx: Tx, keyId: string, id: string): Promise<boolean> {
  return (await tx.ledgerEntry.count({ where: { keyId, id } })) > 0;
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

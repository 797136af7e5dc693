import { queryRow, sql, sqlRaw, type Sql, type Tx } from '../database/database.js';
import type { DayTotals, LedgerKind } from './ledger.repository.js';
import { USAGE_MONTHS } from './usage.js';

export interface DayProof {
  /** UTC day, YYYY-MM-DD. */
  date: string;
  /** Ledger rows of the day. */
  rows: number;
  /** Holds that nothing has closed. */
  openHolds: number;
  /** Of the rows, by kind. What a settle does not charge of its hold is given back without a row. */
  sums: Record<LedgerKind, number>;
  fromRows: DayTotals;
  counters: DayTotals;
  /** Whether both say the same. */
  balanced: boolean;
  /** What usage records say of the day; null where some may be past their time. */
  usage: { records: number; chargedMicroUsd: number } | null;
}

export interface Today extends DayTotals {
  /** YYYY-MM-DD. */
  date: string;
  /** The next midnight UTC. */
  resetsAt: Date;
}

export async function today(db: Tx, keyId: string): Promise<Today> {
  const row = await queryRow<{ date: string; resetsAt: Date; spent: bigint | null; held: bigint | null }>(
    db,
    sql`SELECT day::text AS date, (day + 1)::timestamp AT TIME ZONE 'UTC' AS "resetsAt", spent_micro_usd AS spent, held_micro_usd AS held
        FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS day) today
        LEFT JOIN (SELECT * FROM budget_day WHERE key_id = ${keyId}) counters USING (day)`,
  );
  if (!row) throw new Error('today is a row');
  const { date, resetsAt, spent, held } = row;
  return { date, resetsAt, spentMicroUsd: Number(spent ?? 0n), heldMicroUsd: Number(held ?? 0n) };
}

const months = sqlRaw(String(USAGE_MONTHS));

/** The only parameters are $1, the key's id, and $2, the day: it is shown to clients, who can follow it. */
const proofSql = (keyId: string, date: string): Sql => sql`WITH asked AS (
  SELECT ${keyId}::text AS key_id, ${date}::date AS day
), counters AS (
  SELECT spent_micro_usd AS spent, held_micro_usd AS held FROM budget_day JOIN asked USING (key_id, day)
), usage AS (
  SELECT count(*) AS records, coalesce(sum(charged_micro_usd), 0)::bigint AS charged FROM usage_record JOIN asked USING (key_id, day)
), entries AS (
  SELECT kind, amount_micro_usd AS amount, kind = 'hold' AND NOT EXISTS (
    SELECT 1 FROM ledger_entry c WHERE c.work_id = e.work_id AND c.run = e.run AND c.kind IN ('settle', 'release')
  ) AS open
  FROM ledger_entry e JOIN asked USING (key_id, day)
)
SELECT count(*) AS rows, count(*) FILTER (WHERE open) AS "openHolds",
  coalesce(sum(amount) FILTER (WHERE kind = 'hold'), 0)::bigint AS "holdSum",
  coalesce(sum(amount) FILTER (WHERE kind = 'settle'), 0)::bigint AS spent,
  coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0)::bigint AS "releaseSum",
  coalesce(sum(amount) FILTER (WHERE open), 0)::bigint AS held,
  (SELECT spent FROM counters) AS "countedSpent", (SELECT held FROM counters) AS "countedHeld",
  (SELECT records FROM usage) AS "usageRecords", (SELECT charged FROM usage) AS "usageCharged",
  (SELECT day::timestamp >= now() AT TIME ZONE 'UTC' - interval '${months} months' FROM asked) AS "usageKept"
FROM entries`;

/** The statement of `proveDay`, as text. */
export const PROOF_SQL = proofSql('', '').text;

interface Row {
  rows: bigint;
  openHolds: bigint;
  holdSum: bigint;
  spent: bigint;
  releaseSum: bigint;
  held: bigint;
  /** Null where the day has no counters. */
  countedSpent: bigint | null;
  countedHeld: bigint | null;
  usageRecords: bigint;
  usageCharged: bigint;
  usageKept: boolean;
}

/** A key's day from its counters, from its ledger rows and from its usage records: in one statement, so as of one moment. */
export async function proveDay(db: Tx, keyId: string, date: string): Promise<DayProof> {
  const row = await queryRow<Row>(db, proofSql(keyId, date));
  if (!row) throw new Error('an aggregate has a row');
  const fromRows = { spentMicroUsd: Number(row.spent), heldMicroUsd: Number(row.held) };
  const counters = { spentMicroUsd: Number(row.countedSpent ?? 0n), heldMicroUsd: Number(row.countedHeld ?? 0n) };
  return {
    date,
    rows: Number(row.rows),
    openHolds: Number(row.openHolds),
    sums: { hold: Number(row.holdSum), settle: Number(row.spent), release: Number(row.releaseSum) },
    fromRows,
    counters,
    balanced: fromRows.spentMicroUsd === counters.spentMicroUsd && fromRows.heldMicroUsd === counters.heldMicroUsd,
    usage: row.usageKept ? { records: Number(row.usageRecords), chargedMicroUsd: Number(row.usageCharged) } : null,
  };
}

import {
  queryRow,
  queryRows,
  execute,
  type Sql,
  sql,
  sqlJoin,
  sqlRaw,
  type Database,
  type Tx,
} from '../database/database.js';
import type { JsonObject } from '../common/json.js';
import { USAGE_COLUMNS } from './usage-row.js';

/** All synchronous work has one run. */
const RUN = sqlRaw('1');
const TODAY = sqlRaw("(now() AT TIME ZONE 'UTC')::date");

export interface HoldAsk {
  /** Of the ledger row. */
  id: string;
  workId: string;
  keyId: string;
  /** The most that it is held for. */
  amount: number;
  /** Held where a quarter of what is left of the day is less; as `amount` where nothing less than that will do. */
  floor: number;
  /** Without this it is refused; as `amount` where nothing less than that will do. */
  least: number;
  budget: number | null;
  price: JsonObject;
}

export interface HoldVerdict {
  /** `known`: this work was held before. `no_counter`: the key has no row for today yet, see `ensureCounters`. */
  verdict: 'held' | 'refused' | 'known' | 'no_counter';
  /** What is held; 0 where nothing is. */
  grantedMicroUsd: number;
  spentMicroUsd: number;
  /** This group's holds included. */
  heldMicroUsd: number;
  resetsAt: Date;
}

/** Each key's counters of today, so that a hold finds a row to lock. */
export async function ensureCounters(db: Tx, keyIds: readonly string[]): Promise<void> {
  await execute(
    db,
    sql`INSERT INTO budget_day (key_id, day) SELECT key_id, ${TODAY} FROM unnest(${[...keyIds].toSorted()}::text[]) AS key_id
        ON CONFLICT (key_id, day) DO NOTHING`,
  );
}

/** What an ask gets where the day's counters stand at `taken`, by the rule of ElasticHold; null for nothing. */
const granted = (ask: Sql, taken: Sql): Sql => sql`CASE
  WHEN ${ask}.budget IS NULL OR 4 * ${ask}.amount <= ${ask}.budget - ${taken} THEN ${ask}.amount
  WHEN ${ask}.floor <= ${ask}.budget - ${taken} THEN greatest((${ask}.budget - ${taken}) / 4, ${ask}.floor)
  WHEN ${ask}.least <= ${ask}.budget - ${taken} THEN ${ask}.budget - ${taken} END`;

/**
 * Holds what fits, in order, in one statement: spent + held + granted never passes the budget. A refused one takes nothing
 * from those after it. What does not fit by the committed counters takes no lock and writes nothing; the others' counters
 * are locked, in the order of keys, before anything is decided. `room` is what an ask must find to get its whole amount: where
 * all of a key's find it together, nobody walks from one to the next. LATERAL with LIMIT keeps the kept plan on indexes,
 * though it may have been made while the tables were empty.
 */
export async function holdAll(db: Database, owner: string, asks: readonly HoldAsk[]): Promise<HoldVerdict[]> {
  const input = JSON.stringify(asks.map((ask, n) => ({ n, ...ask })));
  const rows = await queryRows<{
    verdict: HoldVerdict['verdict'];
    granted: bigint | null;
    spent: bigint | null;
    held: bigint | null;
    resets: Date;
  }>(
    db,
    sql`WITH RECURSIVE asked AS MATERIALIZED (
      SELECT n, id, "workId" AS work_id, "keyId" AS key_id, amount, floor, least, budget, price, ${TODAY} AS day, b.spent_micro_usd AS spent,
        b.held_micro_usd AS held
      FROM json_to_recordset(${input}::json)
        AS a(n int, id text, "workId" text, "keyId" text, amount bigint, floor bigint, least bigint, budget bigint, price jsonb)
      LEFT JOIN LATERAL (SELECT * FROM budget_day WHERE key_id = a."keyId" AND day = ${TODAY} LIMIT 1) b ON true
    ), plausible AS MATERIALIZED (
      SELECT n, id, work_id, key_id, amount, floor, least, CASE WHEN least < amount THEN 4 * amount ELSE amount END AS room, budget, price, day
      FROM asked
      WHERE spent IS NOT NULL AND (budget IS NULL OR spent + held + least <= budget)
    ), counter AS MATERIALIZED (
      SELECT key_id, spent_micro_usd AS spent, held_micro_usd AS held FROM budget_day
      WHERE day = ${TODAY} AND key_id = ANY(ARRAY(SELECT key_id FROM plausible))
      ORDER BY key_id FOR NO KEY UPDATE
    ), lined AS MATERIALIZED (
      SELECT p.*, spent + held AS taken, row_number() OVER (PARTITION BY p.key_id ORDER BY n) AS place,
        (sum(room) OVER (PARTITION BY p.key_id))::bigint AS needed, min(budget) OVER (PARTITION BY p.key_id) AS lowest
      FROM plausible p JOIN counter c ON c.key_id = p.key_id
    ), walk AS (
      SELECT l.n, l.key_id, l.place, g.granted, l.taken + coalesce(g.granted, 0) AS taken
      FROM lined l CROSS JOIN LATERAL (SELECT ${granted(sqlRaw('l'), sqlRaw('l.taken'))} AS granted) g
      WHERE place = 1 AND l.taken + needed > lowest
      UNION ALL
      SELECT l.n, l.key_id, l.place, g.granted, w.taken + coalesce(g.granted, 0)
      FROM walk w JOIN lined l ON l.key_id = w.key_id AND l.place = w.place + 1
      CROSS JOIN LATERAL (SELECT ${granted(sqlRaw('l'), sqlRaw('w.taken'))} AS granted) g
    ), admitted AS MATERIALIZED (
      SELECT n, amount AS granted FROM lined WHERE lowest IS NULL OR taken + needed <= lowest
      UNION ALL
      SELECT n, granted FROM walk WHERE granted IS NOT NULL
    ), ledger AS (
      INSERT INTO ledger_entry (id, key_id, day, work_id, run, kind, amount_micro_usd, price)
      SELECT id, key_id, day, work_id, ${RUN}, 'hold', granted,
        CASE WHEN granted < amount THEN price || jsonb_build_object('amountMicroUsd', granted, 'fullMicroUsd', amount) ELSE price END
      FROM lined JOIN admitted USING (n) ORDER BY n
      ON CONFLICT (work_id, run, kind) DO NOTHING
      RETURNING id, key_id, day, work_id, amount_micro_usd AS amount
    ), open AS (
      INSERT INTO gateway_hold (work_id, key_id, owner) SELECT work_id, key_id, ${owner} FROM ledger
    ), added AS (
      SELECT key_id, day, sum(amount)::bigint AS amount FROM ledger GROUP BY key_id, day
    ), moved AS (
      UPDATE budget_day SET held_micro_usd = held_micro_usd + added.amount
      FROM added WHERE budget_day.key_id = added.key_id AND budget_day.day = added.day
    )
    SELECT CASE WHEN ledger.id IS NOT NULL THEN 'held' WHEN a.spent IS NULL THEN 'no_counter'
             WHEN admitted.n IS NOT NULL THEN 'known' ELSE 'refused' END AS verdict, ledger.amount AS granted,
      coalesce(counter.spent, a.spent) AS spent, coalesce(counter.held, a.held) + coalesce(added.amount, 0) AS held,
      a.day + 1 AS resets
    FROM asked a
    LEFT JOIN counter ON counter.key_id = a.key_id
    LEFT JOIN added ON added.key_id = a.key_id
    LEFT JOIN admitted ON admitted.n = a.n
    LEFT JOIN ledger ON ledger.id = a.id
    ORDER BY a.n`,
    { name: 'hold-all' },
  );
  return rows.map(({ verdict, granted: amount, spent, held, resets }) => ({
    verdict,
    grantedMicroUsd: Number(amount ?? 0n),
    spentMicroUsd: Number(spent ?? 0n),
    heldMicroUsd: Number(held ?? 0n),
    resetsAt: resets,
  }));
}

export interface CloseAsk {
  /** Of the ledger row. */
  id: string;
  workId: string;
  keyId: string;
  kind: 'settle' | 'release';
  /** What a settle charges where the hold suffices; 0 for a release. */
  amount: number;
  reason: string | null;
  /** Columns of the usage record; null for none. */
  usage: JsonObject | null;
}

/** What had closed a hold before. */
export interface PriorClose {
  id: string;
  kind: 'settle' | 'release';
  amountMicroUsd: number;
  reason: string | null;
}

export type CloseVerdict =
  | { verdict: 'closed'; heldMicroUsd: number; chargedMicroUsd: number }
  | { verdict: 'already'; prior: PriorClose }
  /** Someone closes it at the same time: asked again, it is `already`. */
  | { verdict: 'raced' }
  | { verdict: 'missing' };

/** Reason of a hold whose process was taken for dead. */
export const ABANDONED = 'abandoned';

const usageNames = sqlRaw(USAGE_COLUMNS.map(([name]) => name).join(', '));
const usageTypes = sqlRaw(USAGE_COLUMNS.map(([name, type]) => `${name} ${type}`).join(', '));

/**
 * Closes holds in one statement: a settle's amount cut to the hold, counters and usage records with it. The partial unique
 * index on (work_id, run) lets one closing row through for each. Counters are locked in the order of keys before that.
 * A usage record is written where its hold closes here, and for a hold that was abandoned, which its owner still sees.
 */
export async function closeAll(db: Tx, asks: readonly CloseAsk[]): Promise<CloseVerdict[]> {
  const input = JSON.stringify(asks.map((ask, n) => ({ n, ...ask })));
  const rows = await queryRows<{
    held: bigint | null;
    closed: boolean;
    charge: bigint;
    priorId: string | null;
    priorKind: PriorClose['kind'];
    priorAmount: bigint;
    priorReason: string | null;
  }>(
    db,
    sql`WITH asked AS MATERIALIZED (
      SELECT n, id, "workId" AS work_id, "keyId" AS key_id, kind, amount, reason, usage
      FROM json_to_recordset(${input}::json) AS a(n int, id text, "workId" text, "keyId" text, kind text, amount bigint, reason text, usage json)
    ), hold AS MATERIALIZED (
      SELECT a.*, h.day, h.price, h.amount_micro_usd AS held, CASE a.kind WHEN 'settle' THEN least(a.amount, h.amount_micro_usd) ELSE 0 END AS charge,
        p.id AS prior_id, p.kind AS prior_kind, p.amount_micro_usd AS prior_amount, p.reason AS prior_reason
      FROM asked a
      CROSS JOIN LATERAL (
        SELECT * FROM ledger_entry WHERE work_id = a.work_id AND run = ${RUN} AND kind = 'hold' LIMIT 1
      ) h
      LEFT JOIN LATERAL (
        SELECT * FROM ledger_entry WHERE work_id = a.work_id AND run = ${RUN} AND kind IN ('settle', 'release') LIMIT 1
      ) p ON true
      WHERE h.key_id = a.key_id
    ), counter AS MATERIALIZED (
      SELECT key_id FROM budget_day
      WHERE key_id = ANY(ARRAY(SELECT key_id FROM hold WHERE prior_id IS NULL))
        AND day = ANY(ARRAY(SELECT day FROM hold WHERE prior_id IS NULL))
      ORDER BY key_id, day FOR NO KEY UPDATE
    ), closing AS (
      INSERT INTO ledger_entry (id, key_id, day, work_id, run, kind, amount_micro_usd, price, reason)
      SELECT id, key_id, day, work_id, ${RUN}, kind, CASE kind WHEN 'settle' THEN charge ELSE held END, price, reason
      FROM hold WHERE prior_id IS NULL AND (SELECT count(*) FROM counter) > 0 ORDER BY n
      ON CONFLICT DO NOTHING
      RETURNING id
    ), outcome AS MATERIALIZED (
      SELECT hold.*, id IN (SELECT id FROM closing) AS closed FROM hold
    ), moved AS (
      UPDATE budget_day SET held_micro_usd = held_micro_usd - sums.held, spent_micro_usd = spent_micro_usd + sums.charge
      FROM (SELECT key_id, day, sum(held)::bigint AS held, sum(charge)::bigint AS charge FROM outcome WHERE closed GROUP BY key_id, day) sums
      WHERE budget_day.key_id = sums.key_id AND budget_day.day = sums.day
    ), ended AS (
      DELETE FROM gateway_hold WHERE work_id = ANY(ARRAY(SELECT work_id FROM outcome WHERE closed))
    ), used AS (
      INSERT INTO usage_record (id, key_id, day, charged_micro_usd, loss_micro_usd, ${usageNames})
      SELECT work_id, key_id, day, CASE WHEN closed THEN charge ELSE 0 END, amount - CASE WHEN closed THEN charge ELSE 0 END, u.*
      FROM outcome CROSS JOIN LATERAL json_to_record(usage) AS u(${usageTypes})
      WHERE usage IS NOT NULL AND (closed OR prior_reason = ${ABANDONED})
      ON CONFLICT (id) DO NOTHING
    )
    SELECT o.held, o.closed, o.charge, prior_id AS "priorId", prior_kind AS "priorKind", prior_amount AS "priorAmount", prior_reason AS "priorReason"
    FROM asked LEFT JOIN outcome o ON o.n = asked.n
    ORDER BY asked.n`,
    { name: 'close-all' },
  );
  return rows.map((row): CloseVerdict => {
    if (row.held === null) return { verdict: 'missing' };
    if (row.closed) return { verdict: 'closed', heldMicroUsd: Number(row.held), chargedMicroUsd: Number(row.charge) };
    if (row.priorId === null) return { verdict: 'raced' };
    const { priorId: id, priorKind: kind, priorReason: reason } = row;
    return { verdict: 'already', prior: { id, kind, amountMicroUsd: Number(row.priorAmount), reason } };
  });
}

/** Says that the process lives. */
export async function beat(db: Tx, owner: string): Promise<void> {
  await execute(
    db,
    sql`INSERT INTO gateway_process (id) VALUES (${owner}) ON CONFLICT (id) DO UPDATE SET beat_at = now()`,
  );
}

/** Forgets the process, unless it leaves open holds. */
export async function leave(db: Tx, owner: string): Promise<void> {
  await execute(
    db,
    sql`DELETE FROM gateway_process WHERE id = ${owner} AND NOT EXISTS (SELECT 1 FROM gateway_hold WHERE owner = ${owner})`,
  );
}

export interface OpenHold {
  workId: string;
  keyId: string;
}

/** Open holds of a process that are older than `ageSeconds`, oldest first. */
export async function holdsOf(db: Tx, owner: string, ageSeconds: number, limit: number): Promise<OpenHold[]> {
  return queryRows<OpenHold>(
    db,
    sql`SELECT work_id AS "workId", key_id AS "keyId" FROM gateway_hold
        WHERE owner = ${owner} AND created_at <= now() - ${ageSeconds}::int * interval '1 second' ORDER BY created_at LIMIT ${limit}::int`,
  );
}

export interface SilentOwner {
  owner: string;
  /** Null where it never said that it lives, or left. */
  beatAt: Date | null;
}

/** Processes that owe the end of holds and have not been heard of for `seconds`. */
export async function silentOwners(db: Tx, seconds: number): Promise<SilentOwner[]> {
  return queryRows<SilentOwner>(
    db,
    sql`SELECT open.owner, p.beat_at AS "beatAt"
        FROM (SELECT DISTINCT owner FROM gateway_hold) open LEFT JOIN gateway_process p ON p.id = open.owner
        WHERE p.id IS NULL OR p.beat_at < now() - ${seconds}::int * interval '1 second'`,
  );
}

/** Processes that are long gone and owe nothing. */
export async function forgetProcesses(db: Tx, hours: number): Promise<void> {
  await execute(
    db,
    sql`DELETE FROM gateway_process WHERE beat_at < now() - ${hours}::int * interval '1 hour'
          AND NOT EXISTS (SELECT 1 FROM gateway_hold WHERE owner = gateway_process.id)`,
  );
}

/** Whether this transaction is the one that holds the lock; it lets go at its end. */
export async function tryLock(tx: Tx, lock: readonly [number, number]): Promise<boolean> {
  const row = await queryRow<{ held: boolean }>(
    tx,
    sql`SELECT pg_try_advisory_xact_lock(${sqlJoin(lock.map((part) => sql`${part}::int`))}) AS held`,
  );
  return row?.held === true;
}

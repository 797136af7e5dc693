import { query } from '../servers.js';

/** Amounts are micro-USD; days are UTC, YYYY-MM-DD. */
export interface KeyBook {
  id: string;
  name: string;
  budget: number | null;
}

export interface CounterBook {
  keyId: string;
  day: string;
  spent: number;
  held: number;
}

export interface LedgerBook {
  keyId: string;
  day: string;
  workId: string;
  run: number;
  kind: 'hold' | 'settle' | 'release';
  amount: number;
  reason: string | null;
}

export interface UsageBook {
  id: string;
  keyId: string;
  day: string;
  charged: number;
  loss: number;
  status: string;
  upstreamCost: number;
}

export interface JobBook {
  id: string;
  keyId: string;
  run: number;
  status: string;
  stage: string | null;
  price: number;
  charged: number | null;
  quarantined: string | null;
  /** Number of the act that asked for it, by its metadata. */
  act: string | null;
  hasWebhook: boolean;
  error: string | null;
  /** Of a job that waits: for which lane, and how long its back-off lasts still, in seconds. */
  lane: string | null;
  readyIn: number;
}

export interface AttemptBook {
  id: string;
  jobId: string;
  run: number;
  provider: string;
  state: string;
  upstreamCost: number | null;
  error: string | null;
}

export interface DeliveryBook {
  id: string;
  jobId: string;
  run: number;
  event: string;
  status: string;
}

/** All that the audit looks at in the database, as it is now. */
export interface Books {
  keys: KeyBook[];
  counters: CounterBook[];
  ledger: LedgerBook[];
  usage: UsageBook[];
  /** Work ids of holds that a process of the gateway still owes an end. */
  owed: string[];
  jobs: JobBook[];
  attempts: AttemptBook[];
  deliveries: DeliveryBook[];
}

/** Numbers leave PostgreSQL as double precision: every amount of a soak is far below 2^53. */
export async function readBooks(databaseUrl: string): Promise<Books> {
  const rows = async <T extends object>(statement: string): Promise<T[]> => query<T>(databaseUrl, statement);
  return {
    keys: await rows(`SELECT id, name, daily_budget_micro_usd::float8 AS budget FROM api_key WHERE name LIKE 'soak-%'
      ORDER BY length(name), name`),
    counters:
      await rows(`SELECT key_id AS "keyId", day::text, spent_micro_usd::float8 AS spent, held_micro_usd::float8 AS held
      FROM budget_day`),
    ledger:
      await rows(`SELECT key_id AS "keyId", day::text, work_id AS "workId", run, kind, amount_micro_usd::float8 AS amount, reason
      FROM ledger_entry`),
    usage:
      await rows(`SELECT id, key_id AS "keyId", day::text, charged_micro_usd::float8 AS charged, loss_micro_usd::float8 AS loss,
        status, upstream_cost_micro_usd::float8 AS "upstreamCost" FROM usage_record`),
    owed: (await rows<{ id: string }>('SELECT work_id AS id FROM gateway_hold')).map(({ id }) => id),
    jobs: await rows(`SELECT id, key_id AS "keyId", run, status, stage, (price->>'amountMicroUsd')::float8 AS price,
        charged_micro_usd::float8 AS charged, quarantine_reason AS quarantined, metadata->>'soak' AS act,
        webhook IS NOT NULL AND webhook <> 'null'::jsonb AS "hasWebhook", error->>'code' AS error, lane,
        extract(epoch FROM ready_at - now())::float8 AS "readyIn" FROM job`),
    attempts:
      await rows(`SELECT id, job_id AS "jobId", run, provider, state, upstream_cost_micro_usd::float8 AS "upstreamCost",
        error->>'code' AS error FROM attempt ORDER BY job_id, run, seq`),
    deliveries: await rows(
      `SELECT id, job_id AS "jobId", run, event, status FROM webhook_delivery WHERE job_id IS NOT NULL`,
    ),
  };
}

/** What is not at its end yet. All zero: the soak is over. */
export interface OpenEnds {
  jobs: number;
  attempts: number;
  holds: number;
  deliveries: number;
}

export async function openEnds(databaseUrl: string): Promise<OpenEnds> {
  const [row] = await query<OpenEnds>(
    databaseUrl,
    `SELECT
      (SELECT count(*) FROM job WHERE status IN ('queued', 'running'))::int AS jobs,
      (SELECT count(*) FROM attempt WHERE state IN ('reserved', 'submitting', 'running', 'unknown', 'orphan'))::int AS attempts,
      (SELECT count(*) FROM ledger_entry h WHERE h.kind = 'hold' AND NOT EXISTS (
        SELECT 1 FROM ledger_entry c WHERE c.work_id = h.work_id AND c.run = h.run AND c.kind IN ('settle', 'release')))::int AS holds,
      (SELECT count(*) FROM webhook_delivery WHERE status = 'pending')::int AS deliveries`,
  );
  if (!row) throw new Error('the database did not count');
  return row;
}

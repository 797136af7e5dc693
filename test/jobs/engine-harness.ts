import { Ledger } from '../../src/billing/ledger.js';
import { delay } from '../../src/common/time.js';
import { execute, queryRow, queryRows, sql, type Database } from '../../src/database/database.js';
import { Engine } from '../../src/jobs/engine/engine.js';
import { faultPoints, type FaultPoint } from '../../src/jobs/store/fault-points.js';
import { Reconciler } from '../../src/jobs/engine/reconciler.js';
import { camelRow, type AttemptRow, type JobRow } from '../../src/jobs/store/rows.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import type { Kiln } from '../support/kiln.js';
import type { SandboxClient } from '../support/sandbox.js';

const UNTIL_MS = 60_000;

/** Looks until `look` brings something; a test fails with `what` where it never does. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  timeoutMs = UNTIL_MS,
): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; await delay(15)) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`never: ${what}`);
  }
}

interface Gate {
  /** Resolves with the job that stands at the point. */
  reached: Promise<string>;
  /** Lets it go on, or fail there. */
  open(error?: Error): void;
}

const gates = new Set<{ point: FaultPoint; jobId: string | null; arrive: (jobId: string) => Promise<void> }>();

const held = new Set<() => void>();

/** Holds the first step that comes to `point`; without `jobId`, whichever job's. */
export function holdAt(point: FaultPoint, jobId: string | null = null): Gate {
  let arrived: (jobId: string) => void = () => undefined;
  let open: (error?: Error) => void = () => undefined;
  const reached = new Promise<string>((resolve) => (arrived = resolve));
  const opened = new Promise<void>((resolve, reject) => {
    open = (error) => (error ? reject(error) : resolve());
  });
  opened.catch(() => undefined);
  const gate = {
    point,
    jobId,
    arrive: (id: string): Promise<void> => {
      gates.delete(gate);
      arrived(id);
      return opened;
    },
  };
  gates.add(gate);
  held.add(open);
  faultPoints.reach = (at, id) => {
    const waiting = [...gates].find((one) => one.point === at && (one.jobId ?? id) === id);
    return waiting?.arrive(id);
  };
  return { reached, open };
}

/** Nobody is held any more: a test that failed must not keep its worker from closing. */
export function openGates(): void {
  for (const open of held) open();
  held.clear();
  faultPoints.reach = null;
  gates.clear();
}

export async function jobRow(db: Database, id: string): Promise<JobRow> {
  const row = await queryRow(db, sql`SELECT * FROM job WHERE id = ${id}`);
  if (!row) throw new Error(`no job ${id}`);
  return camelRow<JobRow>(row);
}

export async function attemptsOf(db: Database, jobId: string): Promise<AttemptRow[]> {
  const rows = await queryRows(db, sql`SELECT * FROM attempt WHERE job_id = ${jobId} ORDER BY run, seq`);
  return rows.map((row) => camelRow<AttemptRow>(row));
}

export const statesOf = async (db: Database, jobId: string): Promise<string[]> =>
  (await attemptsOf(db, jobId)).map(({ state }) => state);

export const eventsOf = async (db: Database, jobId: string): Promise<string[]> =>
  (await queryRows<{ type: string }>(db, sql`SELECT type FROM job_event WHERE job_id = ${jobId} ORDER BY seq`)).map(
    ({ type }) => type,
  );

/** What ops were told about a job, oldest first. */
export const toldOps = async (db: Database, jobId: string): Promise<string[]> =>
  (
    await queryRows<{ type: string }>(
      db,
      sql`SELECT type FROM ops_event WHERE data ->> 'job_id' = ${jobId} ORDER BY created_at, id`,
    )
  ).map(({ type }) => type);

/** Submits with this prompt that the provider took, answered or not. */
export async function bought(sandbox: SandboxClient, provider: string, prompt: string): Promise<number> {
  const submits = await sandbox.requests(provider);
  return submits.filter(({ taskId, body }) => taskId !== null && JSON.stringify(body).includes(prompt)).length;
}

/** Submits with this prompt that came to the provider at all. */
export async function seen(sandbox: SandboxClient, provider: string, prompt: string): Promise<number> {
  return (await sandbox.requests(provider)).filter(({ body }) => JSON.stringify(body).includes(prompt)).length;
}

/** Everything that was due later is due now: the claim's and the attempts' leases, and whatever the job waits for. */
export async function timePasses(db: Database, jobId: string): Promise<void> {
  // least() passes over NULL: what has no time must not get one.
  await execute(db, sql`UPDATE attempt SET lease_until = now() WHERE job_id = ${jobId} AND lease_until > now()`);
  await execute(db, sql`UPDATE attempt SET wake_at = now() WHERE job_id = ${jobId} AND wake_at > now()`);
  await execute(db, sql`UPDATE route_state SET cooldown_until = now() WHERE cooldown_until > now()`);
  await execute(db, sql`UPDATE endpoint_state SET cooldown_until = now() WHERE cooldown_until > now()`);
  await execute(
    db,
    sql`UPDATE job SET ready_at = least(ready_at, now()), claim_until = CASE WHEN claim_until > now() THEN now() ELSE claim_until END,
          wake_at = CASE WHEN wake_at > now() AND stage <> 'waiting' THEN now() ELSE wake_at END WHERE id = ${jobId}`,
  );
}

/** As if the worker at this job had died a lease ago: its claim and its submit's lease are over, and it does not know. */
export async function claimExpires(db: Database, jobId: string): Promise<void> {
  // The lease first: who takes the freed claim at once must find it over.
  await execute(db, sql`UPDATE attempt SET lease_until = now() WHERE job_id = ${jobId} AND lease_until IS NOT NULL`);
  await execute(db, sql`UPDATE job SET claim_token = NULL, claim_until = NULL WHERE id = ${jobId}`);
}

export const reconcile = (kiln: Kiln): Promise<void> => kiln.app.get(Reconciler).reconcile(0);

/** One step, as a worker would take it from the message that is the job's clock. */
export async function step(
  kiln: Kiln,
  jobId: string,
  from: 'tick' | 'transfer' | 'media' = 'tick',
): Promise<number | null> {
  const { tick } = await jobRow(kiln.database, jobId);
  return kiln.app.get(Engine).advance(from, jobId, tick);
}

/** The job when it is over and nothing of it may still be working, with an impatient reconciler meanwhile. */
export async function settled(kiln: Kiln, jobId: string, timeoutMs = UNTIL_MS): Promise<JobView> {
  await until(
    `job ${jobId} settled`,
    async () => {
      await reconcile(kiln);
      await delay(60);
      return queryRow(
        kiln.database,
        sql`SELECT 1 AS one FROM job WHERE id = ${jobId} AND status NOT IN ('queued', 'running') AND charged_micro_usd IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM attempt WHERE job_id = ${jobId} AND state IN ('reserved', 'submitting', 'running', 'unknown', 'orphan'))`,
      );
    },
    timeoutMs,
  ).catch(async (error: unknown) => {
    const { status, stage, wakeAt, claimUntil, tick } = await jobRow(kiln.database, jobId);
    const attempts = (await attemptsOf(kiln.database, jobId)).map(({ state, error: why, wakeAt: at }) => ({
      state,
      why,
      at,
    }));
    throw new Error(`${String(error)}: ${JSON.stringify({ status, stage, wakeAt, claimUntil, tick, attempts })}`);
  });
  return kiln.get(jobId);
}

/** The books of a job that is over: one hold and one close a run, no slot, counters that equal their rows and what was used. */
export async function expectBooks(kiln: Kiln, jobId: string, closes: readonly ('settle' | 'release')[]): Promise<void> {
  const db = kiln.database;
  const rows = await queryRows<{ run: number; kind: string; keyId: string; day: string }>(
    db,
    sql`SELECT run, kind, key_id AS "keyId", day::text AS day FROM ledger_entry WHERE work_id = ${jobId} ORDER BY run, kind = 'hold' DESC`,
  );
  expect(rows.map(({ run, kind }) => ({ run, kind }))).toEqual(
    closes.flatMap((kind, i) => [
      { run: i + 1, kind: 'hold' },
      { run: i + 1, kind },
    ]),
  );
  expect(
    await queryRows(
      db,
      sql`SELECT id, state FROM attempt WHERE job_id = ${jobId} AND (slot_until IS NOT NULL OR state IN ('reserved', 'submitting', 'running', 'unknown', 'orphan'))`,
    ),
  ).toEqual([]);
  const days = new Set(rows.map(({ keyId, day }) => `${keyId} ${day}`));
  for (const one of days) {
    const [keyId = '', day = ''] = one.split(' ');
    const proof = await kiln.app.get(Ledger).proof(keyId, day);
    expect(proof).toMatchObject({ balanced: true, usage: { chargedMicroUsd: proof.counters.spentMicroUsd } });
  }
}

let prompts = 0;
/** A prompt that no other job of this run has. */
export const newPrompt = (about = 'a kiln'): string => `${about} number ${(prompts += 1)} of ${process.pid}.`;

export const image = (prompt: string): Record<string, unknown> => ({
  model: 'flux-dev',
  input: { prompt, size: '256x256' },
});
export const video = (prompt: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: 'veo-3.1',
  input: { prompt, duration_seconds: 4, resolution: '720p' },
  ...more,
});

import * as fc from 'fast-check';
import { Ledger, type Hold, type WorkRun } from '../../src/billing/ledger.js';
import type { PriceSnapshot } from '../../src/billing/price.js';
import type { SyncHold, SyncHolds } from '../../src/billing/sync-holds.js';
import { KilnError } from '../../src/common/errors.js';
import { newId } from '../../src/common/ids.js';
import { Database, execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { gatewayProcess, guardBudgets, newHold, newKey, openHolds, record, today } from './harness.js';

const KEYS = 3;
const price = { amountMicroUsd: 1, unit: 'image' } as PriceSnapshot;

/** One process that spends: a pool, the jobs' ledger and the gateway's holds. */
interface Process {
  db: Database;
  ledger: Ledger;
  holds: SyncHolds;
}

let server: TestDatabase;
let processes: [Process, Process];
let db: Database;

beforeAll(async () => {
  server = await createTestDatabase();
  const start = (applicationName: string): Process => {
    const own = new Database({ url: server.url, poolSize: 6, applicationName });
    return { db: own, ledger: new Ledger(own), holds: gatewayProcess(own) };
  };
  processes = [start('first'), start('second')];
  db = new Database({ url: server.url, poolSize: 4 });
  await guardBudgets(db, await newKey(db, 1));
});
afterAll(async () => {
  for (const { db: own, holds } of processes) {
    await holds.stop();
    await own.close();
  }
  await db.close();
  await server.drop();
});

/** Every one of them may meet any other at the same work. */
const KINDS = ['hold', 'settle', 'release', 'cancel', 'replay', 'request', 'finish', 'abort', 'crash', 'cut'] as const;
interface Step {
  kind: (typeof KINDS)[number];
  process: 0 | 1;
  key: number;
  /** Which of the works that are there. */
  pick: number;
  amount: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS, 'hold', 'request'),
  process: fc.constantFrom(0, 1),
  key: fc.nat(KEYS - 1),
  pick: fc.nat(20),
  amount: fc.nat(40),
});
/** What stands in one round happens at once. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 10 });

class Crashed extends Error {}

/** What a test run knows of the works; a work stands here from the moment it is asked for, held or not. */
class Run {
  readonly jobs: Hold[] = [];
  readonly requests: SyncHold[] = [];

  constructor(
    readonly keys: readonly string[],
    readonly budgets: readonly number[],
  ) {}

  async take({ kind, process, key, pick, amount }: Step): Promise<void> {
    const { db: own, ledger, holds } = processes[process];
    const keyId = this.keys[key] ?? '';
    const job = this.jobs[pick % Math.max(1, this.jobs.length)];
    const request = this.requests[pick % Math.max(1, this.requests.length)];
    switch (kind) {
      case 'hold': {
        const work: Hold = { keyId, workId: newId('job'), run: 1, amountMicroUsd: amount, price };
        this.jobs.push(work);
        return ledger.hold(own, work);
      }
      case 'settle':
        return job && void (await ledger.settle(own, { ...job, amountMicroUsd: amount }));
      case 'release':
        return job && void (await ledger.release(own, { ...job, reason: 'failed' }));
      case 'cancel':
        // As an engine does it: in a transaction, and once more by whoever closes the last attempt.
        return (
          job &&
          own.transaction(async (tx) => {
            await ledger.release(tx, { ...job, reason: 'canceled' });
            await ledger.release(tx, { ...job, reason: 'canceled' });
          })
        );
      case 'replay': {
        if (!job) return;
        const again = { ...job, run: job.run + 1 };
        this.jobs.push(again);
        return own.transaction(async (tx) => {
          await ledger.release(tx, { ...job, reason: 'failed' });
          await ledger.hold(tx, again);
        });
      }
      case 'request': {
        const hold = newHold(keyId, amount, this.budgets[key] ?? 0);
        this.requests.push(hold);
        await holds.hold(hold);
        return;
      }
      case 'finish':
        return request && void (await holds.settle({ ...request, amountMicroUsd: amount, record: record() }));
      case 'abort':
        return request && void (await holds.release({ ...request, reason: 'failed', record: null }));
      case 'crash': {
        // The statement reached the server, its commit did not.
        const work: Hold = { keyId, workId: newId('job'), run: 1, amountMicroUsd: amount, price };
        this.jobs.push(work);
        return own.transaction(async (tx) => {
          await ledger.hold(tx, work);
          throw new Crashed();
        });
      }
      case 'cut':
        // Whatever the process has under way: nobody learns whether it was committed.
        return void (await execute(
          db,
          sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = ${process === 0 ? 'first' : 'second'}`,
        ));
    }
  }
}

/** A refusal, a crash, a lost database and an end of what was never held are answers; anything else fails the test. */
function assertAnswer(outcome: PromiseSettledResult<void>): void {
  if (outcome.status === 'fulfilled' || outcome.reason instanceof Crashed) return;
  const error = outcome.reason as unknown;
  if (error instanceof KilnError && (error.type === 'budget_exceeded' || error.type === 'unavailable')) return;
  if (error instanceof Error && /has no hold/.test(error.message)) return;
  throw error;
}

async function assertBooks(run: Run): Promise<void> {
  const date = await today(db);
  for (const [n, keyId] of run.keys.entries()) {
    const proof = await new Ledger(db).proof(keyId, date);
    expect(proof).toMatchObject({ balanced: true });
    const { spentMicroUsd, heldMicroUsd } = proof.counters;
    expect(spentMicroUsd).toBeGreaterThanOrEqual(0);
    expect(heldMicroUsd).toBeGreaterThanOrEqual(0);
    expect(spentMicroUsd + heldMicroUsd).toBeLessThanOrEqual(run.budgets[n] ?? 0);
  }
  const odd = await queryRows(
    db,
    sql`SELECT work_id, run, count(*) FILTER (WHERE kind = 'hold') AS holds, count(*) FILTER (WHERE kind <> 'hold') AS closes
        FROM ledger_entry WHERE key_id = ANY(${[...run.keys]}) GROUP BY work_id, run
        HAVING count(*) FILTER (WHERE kind = 'hold') <> 1 OR count(*) FILTER (WHERE kind <> 'hold') > 1`,
  );
  expect(odd).toEqual([]);
}

/** Holds that nothing closed: what a dead process leaves, released as the reconciler does. */
async function closeAll(run: Run): Promise<void> {
  const open = await queryRows<WorkRun>(
    db,
    sql`SELECT work_id AS "workId", run FROM ledger_entry h WHERE kind = 'hold' AND key_id = ANY(${[...run.keys]})
          AND work_id LIKE 'job_%' AND NOT EXISTS (SELECT 1 FROM ledger_entry c WHERE c.work_id = h.work_id AND c.run = h.run AND c.kind <> 'hold')`,
  );
  for (const work of open) await new Ledger(db).release(db, { ...work, reason: 'lost' });
  const requests = await queryRows<{ id: string; keyId: string }>(
    db,
    sql`SELECT work_id AS id, key_id AS "keyId" FROM gateway_hold WHERE key_id = ANY(${[...run.keys]})`,
  );
  for (const { id, keyId } of requests)
    await processes[1].holds.release({ requestId: id, keyId, reason: 'lost', record: null });
}

test('whatever meets whatever, no day is overspent, counters are their rows, and each run is closed at most once', async () => {
  await fc.assert(
    fc.asyncProperty(rounds, fc.tuple(fc.nat(120), fc.nat(120), fc.nat(120)), async (steps, budgets) => {
      const keys = await Promise.all(budgets.map((budget) => newKey(db, budget)));
      const run = new Run(keys, budgets);
      for (const round of steps) {
        const outcomes = await Promise.allSettled(round.map((one) => run.take(one)));
        outcomes.forEach(assertAnswer);
        await assertBooks(run);
      }
      await closeAll(run);
      await assertBooks(run);
      for (const keyId of keys)
        expect(await new Ledger(db).day(keyId, await today(db))).toMatchObject({ heldMicroUsd: 0 });
    }),
    { numRuns: 40, seed: 20261126 },
  );
  expect(await openHolds(db)).toBe(0);
});

test('one after the other, exactly what does not fit is refused', async () => {
  const ask = fc.record({ amount: fc.nat(50), isJob: fc.boolean(), isSettled: fc.boolean(), process: fc.nat(1) });
  await fc.assert(
    fc.asyncProperty(fc.array(ask, { minLength: 1, maxLength: 20 }), fc.nat(200), async (asks, budget) => {
      const keyId = await newKey(db, budget);
      let taken = 0;
      for (const { amount, isJob, isSettled, process } of asks) {
        const { db: own, ledger, holds } = processes[process === 0 ? 0 : 1];
        const work: Hold = { keyId, workId: newId('job'), run: 1, amountMicroUsd: amount, price };
        const request = newHold(keyId, amount, budget);
        const held = await (isJob ? ledger.hold(own, work) : holds.hold(request)).then(
          () => true,
          (error: unknown) => {
            if (error instanceof KilnError && error.type === 'budget_exceeded') return false;
            throw error;
          },
        );
        expect(held).toBe(taken + amount <= budget);
        if (!held) continue;
        const charge = isSettled ? Math.floor(amount / 2) : amount;
        taken += charge;
        if (!isSettled) continue;
        if (isJob) await ledger.settle(own, { ...work, amountMicroUsd: charge });
        else await holds.settle({ ...request, amountMicroUsd: charge, record: record() });
      }
      const row = await queryRow<{ taken: bigint }>(
        db,
        sql`SELECT coalesce(sum(spent_micro_usd + held_micro_usd), 0)::bigint AS taken FROM budget_day WHERE key_id = ${keyId}`,
      );
      expect(Number(row?.taken)).toBe(taken);
    }),
    { numRuns: 30, seed: 20261126 },
  );
  await execute(db, sql`DELETE FROM gateway_hold`);
});

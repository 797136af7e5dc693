import { Ledger, type Hold } from '../../src/billing/ledger.js';
import type { PriceSnapshot } from '../../src/billing/price.js';
import { KilnError } from '../../src/common/errors.js';
import { newId } from '../../src/common/ids.js';
import { Database, execute, queryRow, sql } from '../../src/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { newKey, today } from './harness.js';

let server: TestDatabase;
let db: Database;
let ledger: Ledger;

beforeAll(async () => {
  server = await createTestDatabase();
  db = new Database({ url: server.url, poolSize: 20 });
  ledger = new Ledger(db);
});
afterAll(async () => {
  await db.close();
  await server.drop();
});

const price = { amountMicroUsd: 1, unit: 'image' } as PriceSnapshot;
const job = (keyId: string, amountMicroUsd: number): Hold => ({
  keyId,
  workId: newId('job'),
  run: 1,
  amountMicroUsd,
  price,
});

/** The refusal of a hold, or null where it was held; anything else is thrown. */
async function refusalOf(run: Promise<void>): Promise<KilnError | null> {
  try {
    await run;
    return null;
  } catch (error) {
    if (error instanceof KilnError && error.type === 'budget_exceeded') return error;
    throw error;
  }
}
const day = async (keyId: string) => ledger.day(keyId, await today(db));

test('what fits to the micro-USD is held, one more is refused with the numbers of the day', async () => {
  const key = await newKey(db, 100);
  await ledger.hold(db, job(key, 60));
  const settled = job(key, 30);
  await ledger.hold(db, settled);
  await ledger.settle(db, { ...settled, amountMicroUsd: 25 });
  const refused = await refusalOf(ledger.hold(db, job(key, 16)));
  const midnight = `${new Date(Date.parse(`${await today(db)}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 19)}Z`;
  expect(refused?.detail).toMatchObject({
    shouldRetry: false,
    fields: {
      budget: {
        limit_micro_usd: 100,
        spent_micro_usd: 25,
        held_micro_usd: 60,
        left_micro_usd: 15,
        request_micro_usd: 16,
        affordable: {},
        resets_at: midnight,
      },
    },
  });
  expect(refused?.message).toMatch(
    new RegExp(`^Budget has been exceeded! Current cost: .*Budget will reset at ${midnight}$`),
  );
  await ledger.hold(db, job(key, 15));
  expect(await day(key)).toEqual({ spentMicroUsd: 25, heldMicroUsd: 75 });
});

test('the first hold of a day is refused like any other, and leaves no row', async () => {
  const key = await newKey(db, 10);
  const work = job(key, 11);
  expect(await refusalOf(ledger.hold(db, work))).not.toBeNull();
  expect(await ledger.forWork(key, work.workId)).toEqual([]);
  expect(await queryRow(db, sql`SELECT 1 FROM budget_day WHERE key_id = ${key}`)).toBeNull();
  expect(await ledger.findFull(key, 10)).toBeNull();
  expect(await ledger.findFull(key, 11)).toMatchObject({ budgetMicroUsd: 10, day: { spentMicroUsd: 0 } });
});

test('a budget of nothing refuses everything that costs, and takes what is free', async () => {
  const key = await newKey(db, 0);
  expect(await refusalOf(ledger.hold(db, job(key, 1)))).not.toBeNull();
  expect(await refusalOf(ledger.hold(db, job(key, 0)))).toBeNull();
});

test('a key without a budget holds whatever it likes', async () => {
  const key = await newKey(db, null);
  await ledger.hold(db, job(key, 9_000_000_000_000));
  expect(await ledger.findFull(key, 9_000_000_000_000)).toBeNull();
});

test('a hold that is there is no second one, though the day is full', async () => {
  const key = await newKey(db, 10);
  const work = job(key, 10);
  await ledger.hold(db, work);
  expect(await refusalOf(ledger.hold(db, work))).toBeNull();
  expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 10 });
});

test('a refusal in a transaction undoes what stands in it, and is the same refusal', async () => {
  const key = await newKey(db, 10);
  const [first, second] = [job(key, 6), job(key, 6)];
  const refused = await refusalOf(
    db.transaction(async (tx) => {
      await ledger.hold(tx, first);
      await ledger.hold(tx, second);
    }),
  );
  expect(refused?.detail.fields).toMatchObject({ budget: { held_micro_usd: 6, left_micro_usd: 4 } });
  expect(await ledger.forWork(key, first.workId)).toEqual([]);
});

test('two at once that are both the first of their day do not both fit', async () => {
  for (let round = 0; round < 10; round += 1) {
    const key = await newKey(db, 10);
    const refusals = await Promise.all([job(key, 6), job(key, 6)].map((work) => refusalOf(ledger.hold(db, work))));
    expect(refusals.filter((one) => one !== null)).toHaveLength(1);
    expect(await ledger.proof(key, await today(db))).toMatchObject({ balanced: true, counters: { heldMicroUsd: 6 } });
  }
});

test('one that waits for the row counts what was held before it', async () => {
  const key = await newKey(db, 10);
  await ledger.hold(db, job(key, 1));
  let waiting: Promise<KilnError | null> = Promise.resolve(null);
  await db.transaction(async (tx) => {
    await ledger.hold(tx, job(key, 5));
    waiting = refusalOf(ledger.hold(db, job(key, 5)));
    const waits = sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    while ((await queryRow(db, waits)) === null) await new Promise((resolve) => setImmediate(resolve));
  });
  expect((await waiting)?.detail.fields).toMatchObject({ budget: { held_micro_usd: 6, left_micro_usd: 4 } });
});

test('the budget is what the key has at that moment', async () => {
  const key = await newKey(db, 10);
  await ledger.hold(db, job(key, 8));
  await execute(db, sql`UPDATE api_key SET daily_budget_micro_usd = 7 WHERE id = ${key}`);
  const lowered = await refusalOf(ledger.hold(db, job(key, 0)));
  expect(lowered?.detail.fields).toMatchObject({
    budget: { limit_micro_usd: 7, held_micro_usd: 8, left_micro_usd: 0 },
  });
  await execute(db, sql`UPDATE api_key SET daily_budget_micro_usd = 20 WHERE id = ${key}`);
  expect(await refusalOf(ledger.hold(db, job(key, 12)))).toBeNull();
});

test('yesterday leaves today whole', async () => {
  const key = await newKey(db, 10);
  const late = job(key, 10);
  await ledger.hold(db, late);
  await execute(db, sql`UPDATE ledger_entry SET day = day - 1 WHERE key_id = ${key}`);
  await execute(db, sql`UPDATE budget_day SET day = day - 1 WHERE key_id = ${key}`);
  await ledger.hold(db, job(key, 10));
  await ledger.settle(db, { ...late, amountMicroUsd: 10 });
  expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 10 });
});

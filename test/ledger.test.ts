import { Ledger } from '../src/billing/ledger.js';
import type { PriceSnapshot } from '../src/billing/price.js';
import { newId } from '../src/common/ids.js';
import { Database, queryRow, sql } from '../src/database/database.js';
import { createTestDatabase, type TestDatabase } from './support/postgres.js';

const price: PriceSnapshot = {
  amountMicroUsd: 6_400_000,
  unit: 'second',
  quantity: 8,
  unitPriceMicroUsd: 400_000,
  multiplier: 2,
  source: 'a list',
  date: '2026-10-07',
  model: 'veo-3.1',
};

let server: TestDatabase;
let db: Database;
let ledger: Ledger;
let keyId: string;

beforeAll(async () => {
  server = await createTestDatabase();
  db = new Database({ url: server.url, poolSize: 20 });
  ledger = new Ledger(db);
});
afterAll(async () => {
  await db.close();
  await server.drop();
});
beforeEach(() => {
  keyId = newId('key');
});

const today = async (): Promise<string> =>
  (await queryRow<{ day: string }>(db, sql`SELECT (now() AT TIME ZONE 'UTC')::date::text AS day`))?.day ?? '';
const newHold = (amountMicroUsd = 6_400_000) => ({ keyId, workId: newId('job'), run: 1, amountMicroUsd, price });
const times = <T>(count: number, run: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => run(n)));
const trues = (results: boolean[]): number => results.filter(Boolean).length;
const kinds = async (workId: string): Promise<string[]> => (await ledger.forWork(keyId, workId)).map((row) => row.kind);

it('holds, then charges what was used and gives the rest back', async () => {
  const work = newHold();
  await ledger.hold(db, work);
  expect(await ledger.day(keyId, await today())).toEqual({ spentMicroUsd: 0, heldMicroUsd: 6_400_000 });
  expect(await ledger.settle(db, { ...work, amountMicroUsd: 4_000_000 })).toBe(true);
  expect(await ledger.day(keyId, await today())).toEqual({ spentMicroUsd: 4_000_000, heldMicroUsd: 0 });
  expect(await ledger.forWork(keyId, work.workId)).toMatchObject([
    { kind: 'hold', amountMicroUsd: 6_400_000, price, run: 1 },
    { kind: 'settle', amountMicroUsd: 4_000_000, price, reason: null },
  ]);
});

it('never charges more than was held', async () => {
  const work = newHold(100);
  await ledger.hold(db, work);
  expect(await ledger.settle(db, { ...work, amountMicroUsd: 101 })).toBe(true);
  expect(await ledger.day(keyId, await today())).toEqual({ spentMicroUsd: 100, heldMicroUsd: 0 });
});

it('refuses a settle after a release, and a release after a settle', async () => {
  const [released, settled] = [newHold(), newHold()];
  await ledger.hold(db, released);
  await ledger.hold(db, settled);
  expect(await ledger.release(db, { ...released, reason: 'canceled' })).toBe(true);
  expect(await ledger.settle(db, { ...released, amountMicroUsd: 1 })).toBe(false);
  expect(await ledger.settle(db, { ...settled, amountMicroUsd: 1 })).toBe(true);
  expect(await ledger.release(db, { ...settled, reason: 'late' })).toBe(false);
  expect(await kinds(released.workId)).toEqual(['hold', 'release']);
  expect(await ledger.day(keyId, await today())).toEqual({ spentMicroUsd: 1, heldMicroUsd: 0 });
});

it('does each thing once under 50 duplicates at a time', async () => {
  const work = newHold(1000);
  await times(50, () => ledger.hold(db, work));
  expect(await ledger.day(keyId, await today())).toEqual({ spentMicroUsd: 0, heldMicroUsd: 1000 });
  const closed = await times(50, (n) =>
    n % 2 === 0 ? ledger.settle(db, { ...work, amountMicroUsd: 600 }) : ledger.release(db, { ...work, reason: 'race' }),
  );
  expect(trues(closed)).toBe(1);
  const [, closing] = await ledger.forWork(keyId, work.workId);
  expect(await kinds(work.workId)).toHaveLength(2);
  expect(await ledger.day(keyId, await today())).toEqual({
    spentMicroUsd: closing?.kind === 'settle' ? 600 : 0,
    heldMicroUsd: 0,
  });
});

it('settles once under 50 duplicates, each in a transaction of its own', async () => {
  const work = newHold(1000);
  await ledger.hold(db, work);
  const closed = await times(50, () => db.transaction((tx) => ledger.settle(tx, { ...work, amountMicroUsd: 1000 })));
  expect(trues(closed)).toBe(1);
  expect(await ledger.day(keyId, await today())).toEqual({ spentMicroUsd: 1000, heldMicroUsd: 0 });
});

it('keeps counters equal to the sum of the rows, whatever happens at once', async () => {
  const works = Array.from({ length: 50 }, (_, n) => newHold(100 + n));
  await times(50, (n) => ledger.hold(db, works[n]!));
  await times(40, (n) =>
    n % 3 === 0
      ? ledger.release(db, { ...works[n]!, reason: 'x' })
      : ledger.settle(db, { ...works[n]!, amountMicroUsd: n }),
  );
  const proof = await ledger.proof(keyId, await today());
  const spent = works.reduce((sum, _work, n) => sum + (n < 40 && n % 3 !== 0 ? n : 0), 0);
  const held = works.slice(40).reduce((sum, work) => sum + work.amountMicroUsd, 0);
  expect(proof).toMatchObject({ balanced: true, rows: 90, counters: { spentMicroUsd: spent, heldMicroUsd: held } });
});

it('finds a counter that someone changed', async () => {
  await ledger.hold(db, newHold(10));
  await db.$executeRaw`UPDATE budget_day SET held_micro_usd = 11 WHERE key_id = ${keyId}`;
  expect((await ledger.proof(keyId, await today())).balanced).toBe(false);
});

it("charges on the hold's day, not on the day it ends", async () => {
  const work = newHold(50);
  await ledger.hold(db, work);
  await db.$executeRaw`UPDATE ledger_entry SET day = '2026-01-31' WHERE work_id = ${work.workId}`;
  await db.$executeRaw`UPDATE budget_day SET day = '2026-01-31' WHERE key_id = ${keyId}`;
  expect(await ledger.settle(db, { ...work, amountMicroUsd: 50 })).toBe(true);
  expect(await ledger.day(keyId, '2026-01-31')).toEqual({ spentMicroUsd: 50, heldMicroUsd: 0 });
  expect(await ledger.proof(keyId, await today())).toMatchObject({ rows: 0, balanced: true });
});

it('holds again for a replay, as another run', async () => {
  const work = newHold(10);
  await ledger.hold(db, work);
  await ledger.release(db, { ...work, reason: 'failed' });
  await ledger.hold(db, { ...work, run: 2 });
  expect(await kinds(work.workId)).toEqual(['hold', 'release', 'hold']);
});

it('writes no hold where the statement it stands in accepted nothing', async () => {
  const work = newHold(10);
  const write = (accepted: boolean) =>
    db.$queryRaw`WITH accepted AS (SELECT 1 WHERE ${accepted}), ${ledger.holdSql({ ...work, from: sql`accepted` }).ctes} SELECT count(*) FROM budget`;
  await write(false);
  expect(await kinds(work.workId)).toEqual([]);
  await write(true);
  expect(await kinds(work.workId)).toEqual(['hold']);
});

it('is undone with its transaction', async () => {
  const work = newHold(10);
  const run = db.transaction(async (tx) => {
    await ledger.hold(tx, work);
    throw new Error('after the hold');
  });
  await expect(run).rejects.toThrow('after the hold');
  expect(await ledger.day(keyId, await today())).toEqual({ spentMicroUsd: 0, heldMicroUsd: 0 });
});

it('throws for work that was never held and for amounts that are no money', async () => {
  const work = newHold();
  await expect(ledger.settle(db, { ...work, amountMicroUsd: 1 })).rejects.toThrow(/has no hold/);
  await expect(ledger.hold(db, newHold(1.5))).rejects.toThrow(/no amount/);
  await expect(ledger.settle(db, { ...work, amountMicroUsd: -1 })).rejects.toThrow(/no amount/);
});

it("shows another key nothing of this key's work", async () => {
  const work = newHold();
  await ledger.hold(db, work);
  expect(await ledger.forWork(newId('key'), work.workId)).toEqual([]);
});

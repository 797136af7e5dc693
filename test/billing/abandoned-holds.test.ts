import { AbandonedHolds } from '../../src/billing/abandoned-holds.js';
import { Ledger } from '../../src/billing/ledger.js';
import type { PriceSnapshot } from '../../src/billing/price.js';
import { newId } from '../../src/common/ids.js';
import { Database, execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { gatewayProcess, newHold, openHolds, parts, record, today } from './harness.js';

let server: TestDatabase;
let db: Database;
let ledger: Ledger;
let keyId: string;
let now: number;
let chore: AbandonedHolds;

beforeEach(async () => {
  server = await createTestDatabase();
  db = new Database({ url: server.url, poolSize: 10 });
  ledger = new Ledger(db);
  keyId = newId('key');
  now = 0;
  const { ops, metrics } = parts(db);
  chore = new AbandonedHolds(db, ops, metrics, () => now);
});
afterEach(async () => {
  await db.close();
  await server.drop();
});

const silence = (seconds: number) =>
  execute(db, sql`UPDATE gateway_process SET beat_at = beat_at - ${seconds}::int * interval '1 second'`);
const events = () =>
  queryRows<{ type: string; data: Record<string, unknown> }>(db, sql`SELECT type, data FROM ops_event ORDER BY id`);
/** Both looks that a release needs. */
const sweepTwice = async (): Promise<number> => {
  const first = await chore.sweep();
  now += 15_000;
  return first + (await chore.sweep());
};

test("a dead process's holds are released, counted and told; jobs and the living keep theirs", async () => {
  const [dead, alive] = [gatewayProcess(db), gatewayProcess(db)];
  const lost = Array.from({ length: 1200 }, () => newHold(keyId, 10));
  await Promise.all(lost.map((hold) => dead.hold(hold)));
  await silence(61);
  const kept = newHold(keyId, 7);
  await alive.hold(kept);
  const jobHold = { keyId, workId: newId('job'), run: 1, amountMicroUsd: 5, price: {} as PriceSnapshot };
  await ledger.hold(db, jobHold);
  expect(await sweepTwice()).toBe(1200);
  expect(await ledger.proof(keyId, await today(db))).toMatchObject({
    balanced: true,
    counters: { spentMicroUsd: 0, heldMicroUsd: 12 },
  });
  expect(await ledger.forWork(keyId, lost[0]?.requestId ?? '')).toMatchObject([
    { kind: 'hold' },
    { kind: 'release', reason: 'abandoned', amountMicroUsd: 10 },
  ]);
  expect(await events()).toMatchObject([{ type: 'billing.abandoned', data: { holds: 1200 } }]);
  expect(await alive.settle({ ...kept, amountMicroUsd: 7, record: record() })).toMatchObject({ closing: 'done' });
  await alive.stop();
});

test('a settle that comes after that is refused and recorded', async () => {
  const paused = gatewayProcess(db);
  const hold = newHold(keyId, 100);
  await paused.hold(hold);
  await silence(61);
  expect(await sweepTwice()).toBe(1);
  const settle = { ...hold, amountMicroUsd: 60, record: record({ upstreamCostMicroUsd: 30 }) };
  expect(await paused.settle(settle)).toEqual({ chargedMicroUsd: 0, closing: 'abandoned' });
  expect(await paused.settle(settle)).toEqual({ chargedMicroUsd: 0, closing: 'abandoned' });
  expect(
    await queryRows(
      db,
      sql`SELECT charged_micro_usd AS charged, loss_micro_usd AS loss, upstream_cost_micro_usd AS cost FROM usage_record`,
    ),
  ).toEqual([{ charged: 0n, loss: 60n, cost: 30n }]);
  expect(await ledger.day(keyId, await today(db))).toEqual({ spentMicroUsd: 0, heldMicroUsd: 0 });
  expect((await events()).map(({ type }) => type)).toEqual(['billing.abandoned', 'billing.late_settle']);
  await paused.stop();
});

test('who speaks again between two looks was not dead: the database was away', async () => {
  const holds = gatewayProcess(db);
  await holds.hold(newHold(keyId, 10));
  await silence(3600);
  expect(await chore.sweep()).toBe(0);
  await execute(db, sql`UPDATE gateway_process SET beat_at = now() - interval '61 seconds'`);
  now += 15_000;
  expect(await chore.sweep()).toBe(0);
  now += 14_999;
  expect(await chore.sweep()).toBe(0);
  now += 1;
  expect(await chore.sweep()).toBe(1);
  await holds.stop();
});

test('holds whose process was never known are nobody’s, and are released too', async () => {
  const holds = gatewayProcess(db);
  await holds.hold(newHold(keyId, 10));
  await execute(db, sql`DELETE FROM gateway_process`);
  expect(await sweepTwice()).toBe(1);
  await holds.stop();
});

test('a look takes nothing while another worker is at it', async () => {
  const holds = gatewayProcess(db);
  await holds.hold(newHold(keyId, 10));
  await silence(61);
  await chore.sweep();
  now += 15_000;
  const other = await db.dedicatedConnection();
  await other.query('SELECT pg_advisory_lock($1, $2)', [0x6b696c6e, 3]);
  expect(await chore.sweep()).toBe(0);
  await other.end();
  expect(await openHolds(db)).toBe(1);
  await holds.stop();
});

test('a process that ends with nothing open leaves no trace, one with open holds is swept', async () => {
  const [clean, owing] = [gatewayProcess(db), gatewayProcess(db)];
  const hold = newHold(keyId, 10);
  await clean.hold(hold);
  await clean.release({ ...hold, reason: 'x', record: null });
  await owing.hold(newHold(keyId, 10));
  await Promise.all([clean.stop(), owing.stop()]);
  const left = await queryRow<{ n: number }>(db, sql`SELECT count(*)::int AS n FROM gateway_process`);
  expect(left).toEqual({ n: 1 });
  await silence(61);
  expect(await sweepTwice()).toBe(1);
  await silence(25 * 3600);
  await chore.sweep();
  expect(await queryRow(db, sql`SELECT 1 FROM gateway_process`)).toBeNull();
});

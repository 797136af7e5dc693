import { Ledger } from '../../src/billing/ledger.js';
import { newId } from '../../src/common/ids.js';
import { delay } from '../../src/common/time.js';
import { Database, queryRow, sql } from '../../src/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { cuttableProxy, type CuttableProxy } from '../support/proxy.js';
import { gatewayProcess, newHold, openHolds, record, today } from './harness.js';

let server: TestDatabase;
let proxy: CuttableProxy;
/** Through the proxy, which can be cut. */
let db: Database;
let direct: Database;
let ledger: Ledger;
let keyId: string;

beforeEach(async () => {
  server = await createTestDatabase();
  direct = new Database({ url: server.url, poolSize: 5 });
  const url = new URL(server.url);
  proxy = await cuttableProxy({ host: url.hostname, port: Number(url.port) });
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  db = new Database({ url: url.href, poolSize: 5 });
  ledger = new Ledger(direct);
  keyId = newId('key');
});
afterEach(async () => {
  await db.close();
  await proxy.close();
  await direct.close();
  await server.drop();
});

const AWAY = { name: 'KilnError', status: 503, type: 'unavailable' };
/** The next statement is carried out, but its answer never arrives. */
function loseNextAnswer(): void {
  const pool = db.pool as unknown as { query: (config: unknown) => Promise<unknown> };
  const query = pool.query.bind(pool);
  pool.query = async (config) => {
    pool.query = query;
    await query(config);
    throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
  };
}
const counters = async () => ledger.day(keyId, await today(direct));

test('without a database nothing is held: 503, and the same request can be held later', async () => {
  const holds = gatewayProcess(db);
  await proxy.cut();
  const hold = newHold(keyId, 10, 100);
  await expect(holds.hold(hold)).rejects.toMatchObject(AWAY);
  await proxy.mend();
  await holds.hold(hold);
  await proxy.cut();
  await expect(holds.hold(newHold(keyId, 10, 100))).rejects.toMatchObject(AWAY);
  await proxy.mend();
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 10 });
  await holds.stop();
});

test('a settle survives a short absence unnoticed', async () => {
  const holds = gatewayProcess(db);
  const hold = newHold(keyId, 10);
  await holds.hold(hold);
  await proxy.cut();
  const settled = holds.settle({ ...hold, amountMicroUsd: 8, record: record() });
  await delay(100);
  await proxy.mend();
  expect(await settled).toEqual({ chargedMicroUsd: 8, closing: 'done' });
  await holds.stop();
});

test('a settle that could not be written is told as 503 and written when the database is back', async () => {
  const holds = gatewayProcess(db);
  const hold = newHold(keyId, 10);
  await holds.hold(hold);
  await proxy.cut();
  await expect(holds.settle({ ...hold, amountMicroUsd: 8, record: record() })).rejects.toMatchObject(AWAY);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 10 });
  await proxy.mend();
  // The end of the process waits for it.
  await holds.stop();
  expect(await counters()).toEqual({ spentMicroUsd: 8, heldMicroUsd: 0 });
  expect(await queryRow(direct, sql`SELECT id FROM usage_record`)).toEqual({ id: hold.requestId });
});

test('a process that ends without its database leaves its holds to be found', async () => {
  const holds = gatewayProcess(db);
  const hold = newHold(keyId, 10);
  await holds.hold(hold);
  await proxy.cut();
  const settled = holds.settle({ ...hold, amountMicroUsd: 8, record: record() });
  const [outcome] = await Promise.allSettled([settled, holds.stop()]);
  expect(outcome).toMatchObject({ status: 'rejected' });
  expect(await openHolds(direct)).toBe(1);
  expect(await queryRow(direct, sql`SELECT count(*)::int AS n FROM gateway_process`)).toEqual({ n: 1 });
});

test('a hold whose answer was lost is found and released, the others stay', async () => {
  const holds = gatewayProcess(db);
  const live = newHold(keyId, 10);
  await holds.hold(live);
  const lost = newHold(keyId, 20);
  loseNextAnswer();
  await expect(holds.hold(lost)).rejects.toMatchObject(AWAY);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 30 });
  expect(await holds.releaseStrays(0)).toBe(1);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 10 });
  expect(await ledger.forWork(keyId, lost.requestId)).toMatchObject([
    { kind: 'hold' },
    { kind: 'release', reason: 'unconfirmed' },
  ]);
  await holds.stop();
});

test('a settle whose answer was lost is done, not done before', async () => {
  const holds = gatewayProcess(db);
  const hold = newHold(keyId, 10);
  await holds.hold(hold);
  loseNextAnswer();
  expect(await holds.settle({ ...hold, amountMicroUsd: 8, record: record() })).toEqual({
    chargedMicroUsd: 8,
    closing: 'done',
  });
  await holds.stop();
});

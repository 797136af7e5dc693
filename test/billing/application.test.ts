import { AbandonedHolds } from '../../src/billing/abandoned-holds.js';
import { Ledger } from '../../src/billing/ledger.js';
import { SyncHolds } from '../../src/billing/sync-holds.js';
import { newId } from '../../src/common/ids.js';
import { Database } from '../../src/database/database.js';
import { startKiln } from '../support/kiln.js';
import { newHold, openHolds, record, today } from './harness.js';

test('an application that ends writes what its requests had asked for', async () => {
  const kiln = await startKiln();
  const keyId = newId('key');
  const holds = kiln.app.get(SyncHolds, { strict: false });
  const asked = Array.from({ length: 50 }, () => newHold(keyId, 10, 1000));
  await Promise.all(asked.map((hold) => holds.hold(hold)));
  expect(await kiln.app.get(AbandonedHolds, { strict: false }).sweep()).toBe(0);
  const settled = asked.map((hold) => holds.settle({ ...hold, amountMicroUsd: 4, record: record() }));
  await kiln.close();
  expect((await Promise.all(settled)).every(({ closing }) => closing === 'done')).toBe(true);
  const db = new Database({ url: kiln.ground.db.url, poolSize: 1 });
  const { balanced, counters } = await new Ledger(db).proof(keyId, await today(db));
  expect({ balanced, ...counters }).toEqual({ balanced: true, spentMicroUsd: 200, heldMicroUsd: 0 });
  expect(await openHolds(db)).toBe(0);
  await db.close();
  await kiln.drop();
});

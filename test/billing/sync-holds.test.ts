import { jest } from '@jest/globals';
import { SyncHolds } from '../../src/billing/sync-holds.js';
import { Ledger } from '../../src/billing/ledger.js';
import { KilnError } from '../../src/common/errors.js';
import { newId } from '../../src/common/ids.js';
import { Database, execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { gatewayProcess, newHold, openHolds, PRICE, record, today } from './harness.js';

let server: TestDatabase;
let db: Database;
let ledger: Ledger;
let holds: SyncHolds;
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
  holds = gatewayProcess(db);
});
afterEach(async () => holds.stop());

const counters = async (key = keyId) => ledger.day(key, await today(db));
const proof = async (key = keyId) => ledger.proof(key, await today(db));
const usage = (id: string) => queryRow<Record<string, unknown>>(db, sql`SELECT * FROM usage_record WHERE id = ${id}`);
const refusalOf = async (run: Promise<unknown>): Promise<KilnError> => {
  const error: unknown = await run.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof KilnError) return error;
  throw new Error(`refused with ${String(error)}`);
};

test('a hold is a row and a counter, a settle charges what was used and gives the rest back', async () => {
  const hold = newHold(keyId, 1000, 5000);
  await holds.hold(hold);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 1000 });
  expect(await openHolds(db)).toBe(1);
  expect(await holds.settle({ ...hold, amountMicroUsd: 400, record: record() })).toEqual({
    chargedMicroUsd: 400,
    closing: 'done',
  });
  expect(await counters()).toEqual({ spentMicroUsd: 400, heldMicroUsd: 0 });
  expect(await openHolds(db)).toBe(0);
  expect(await ledger.forWork(keyId, hold.requestId)).toMatchObject([
    { kind: 'hold', amountMicroUsd: 1000, price: PRICE, run: 1 },
    { kind: 'settle', amountMicroUsd: 400, price: PRICE, reason: null },
  ]);
});

test('the usage record says who, what, how long and for how much', async () => {
  const hold = newHold(keyId, 1000);
  await holds.hold(hold);
  const all = {
    inputTokens: 1,
    cacheReadTokens: 2,
    cacheWriteTokens: 3,
    cacheWrite1hTokens: 4,
    inputAudioTokens: 5,
    outputTokens: 6,
    reasoningTokens: 7,
    outputAudioTokens: 8,
    characters: 9,
    audioSeconds: 10.25,
    images: 11,
  };
  const settled = record({ usage: all, streamed: true, sandbox: true, attempts: 2, status: 'partial', errorCode: 'e' });
  await holds.settle({ ...hold, amountMicroUsd: 400, record: settled });
  expect(await usage(hold.requestId)).toEqual({
    id: hold.requestId,
    key_id: keyId,
    day: new Date(`${await today(db)}T00:00:00Z`),
    endpoint: 'chat.completions',
    model: 'gpt-5-mini',
    route: 'gpt-5-mini/openai',
    provider: 'openai',
    upstream_model: 'gpt-5-mini-2025-08-07',
    status: 'partial',
    http_status: 200,
    input_tokens: 1n,
    cache_read_tokens: 2n,
    cache_write_tokens: 3n,
    cache_write_1h_tokens: 4n,
    input_audio_tokens: 5n,
    output_tokens: 6n,
    reasoning_tokens: 7n,
    output_audio_tokens: 8n,
    characters: 9n,
    audio_seconds: 10.25,
    media_seconds: 0,
    images: 11n,
    charged_micro_usd: 400n,
    loss_micro_usd: 0n,
    upstream_cost_micro_usd: 5n,
    latency_ms: 321,
    ttfb_ms: 45,
    attempts: 2,
    streamed: true,
    sandbox: true,
    error_code: 'e',
    created_at: expect.any(Date),
  });
});

test('counts and names that no table takes are stored as well as they can be', async () => {
  const hold = newHold(keyId, 10);
  await holds.hold(hold);
  const odd = record({
    upstreamModel: 'a\0b\ud800',
    usage: { ...record().usage, inputTokens: Number.NaN, outputTokens: -3, images: 1e30, audioSeconds: Infinity },
    latencyMs: 1e12,
    ttfbMs: 1.5,
  });
  expect(await holds.settle({ ...hold, amountMicroUsd: 1, record: odd })).toMatchObject({ closing: 'done' });
  expect(await usage(hold.requestId)).toMatchObject({
    upstream_model: 'ab\ufffd',
    input_tokens: 0n,
    output_tokens: 0n,
    images: BigInt(Number.MAX_SAFE_INTEGER),
    audio_seconds: 0,
    media_seconds: 0,
    latency_ms: 2 ** 31 - 1,
    ttfb_ms: 2,
  });
});

test('use beyond the hold is not charged but recorded, and ops are told once for many', async () => {
  const asked = Array.from({ length: 20 }, () => newHold(keyId, 100));
  await Promise.all(asked.map((hold) => holds.hold(hold)));
  const settled = await Promise.all(
    asked.map((hold) => holds.settle({ ...hold, amountMicroUsd: 130, record: record() })),
  );
  expect(settled.every(({ chargedMicroUsd }) => chargedMicroUsd === 100)).toBe(true);
  await holds.stop();
  expect(await counters()).toEqual({ spentMicroUsd: 2000, heldMicroUsd: 0 });
  const [sum] = await queryRows<{ charged: bigint; loss: bigint }>(
    db,
    sql`SELECT sum(charged_micro_usd)::bigint AS charged, sum(loss_micro_usd)::bigint AS loss FROM usage_record WHERE key_id = ${keyId}`,
  );
  expect(sum).toEqual({ charged: 2000n, loss: 600n });
  const events = await queryRows<{ data: { requests: number; micro_usd: number } }>(
    db,
    sql`SELECT data FROM ops_event WHERE type = 'billing.over_hold'`,
  );
  expect(events.length).toBeLessThan(20);
  expect(events.reduce((all, { data }) => all + data.micro_usd, 0)).toBe(600);
});

test('a release gives the whole hold back, with a record or without', async () => {
  const [seen, unseen] = [newHold(keyId, 10), newHold(keyId, 20)];
  await Promise.all([holds.hold(seen), holds.hold(unseen)]);
  const failed = record({ status: 'failed', httpStatus: 500, errorCode: 'internal_error', upstreamCostMicroUsd: 0 });
  expect(await holds.release({ ...seen, reason: 'failed', record: failed })).toBe('done');
  expect(await holds.release({ ...unseen, reason: 'canceled', record: null })).toBe('done');
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 0 });
  expect(await usage(seen.requestId)).toMatchObject({ status: 'failed', charged_micro_usd: 0n, loss_micro_usd: 0n });
  expect(await usage(unseen.requestId)).toBeNull();
});

test('a hold is closed once, by whoever is first, in one group or in many', async () => {
  const other = gatewayProcess(db);
  const asked = Array.from({ length: 20 }, () => newHold(keyId, 100));
  await Promise.all(asked.map((hold) => holds.hold(hold)));
  const closings = await Promise.all(
    asked.flatMap((hold) => [
      holds.settle({ ...hold, amountMicroUsd: 60, record: record() }).then(({ closing }) => closing),
      holds.settle({ ...hold, amountMicroUsd: 70, record: record() }).then(({ closing }) => closing),
      other.settle({ ...hold, amountMicroUsd: 80, record: record() }).then(({ closing }) => closing),
      other.release({ ...hold, reason: 'race', record: record() }),
    ]),
  );
  expect(closings.filter((closing) => closing === 'done')).toHaveLength(20);
  expect(closings.filter((closing) => closing === 'already')).toHaveLength(60);
  const rows = await queryRow<{ n: number; charged: bigint }>(
    db,
    sql`SELECT count(*)::int AS n, sum(charged_micro_usd)::bigint AS charged FROM usage_record WHERE key_id = ${keyId}`,
  );
  expect(rows).toEqual({ n: 20, charged: BigInt((await counters()).spentMicroUsd) });
  expect(await proof()).toMatchObject({ balanced: true, rows: 40, counters: { heldMicroUsd: 0 } });
  const again = await holds.settle({ ...(asked[0] as (typeof asked)[0]), amountMicroUsd: 90, record: record() });
  expect(again.closing).toBe('already');
  await other.stop();
});

test('a settle without a hold, a request held twice and an amount that is no money are errors', async () => {
  const hold = newHold(keyId, 10);
  await expect(holds.settle({ ...hold, amountMicroUsd: 1, record: record() })).rejects.toThrow(/has no hold/);
  await holds.hold(hold);
  await expect(holds.hold(hold)).rejects.toThrow(/held already/);
  await expect(gatewayProcess(db).hold(hold)).rejects.toThrow(/known/);
  await expect(holds.hold(newHold(keyId, 1.5))).rejects.toThrow(/no amount/);
  await expect(holds.settle({ ...hold, amountMicroUsd: -1, record: record() })).rejects.toThrow(/no amount/);
  await expect(holds.settle({ ...hold, keyId: newId('key'), amountMicroUsd: 1, record: record() })).rejects.toThrow(
    /has no hold/,
  );
  expect(await proof()).toMatchObject({ balanced: true, counters: { heldMicroUsd: 10 } });
});

test('one that can not be written takes no other of its group with it', async () => {
  const [good, bad] = [newHold(keyId, 10), { ...newHold(keyId, 10), price: { text: 'a\0b' } }];
  const results = await Promise.allSettled([holds.hold(good), holds.hold(bad)]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 10 });
});

test('a refusal says what was spent, held, left and asked for, and when the day ends', async () => {
  const budget = 25_000_000;
  const spent = newHold(keyId, 24_100_000, budget);
  await holds.hold(spent);
  await holds.settle({ ...spent, amountMicroUsd: 24_100_000, record: record() });
  await holds.hold(newHold(keyId, 700_000, budget));
  const affordable = jest.fn((leftMicroUsd: number) => ({ max_tokens: leftMicroUsd / 10 }));
  await holds.hold({ ...newHold(keyId, 0, budget), affordable });
  expect(affordable).not.toHaveBeenCalled();
  const refusal = await refusalOf(holds.hold({ ...newHold(keyId, 200_001, budget), affordable }));
  const tomorrow = new Date(`${await today(db)}T00:00:00Z`).getTime() + 86_400_000;
  const resets = new Date(tomorrow).toISOString().replace('.000Z', 'Z');
  expect(refusal.toBody()).toEqual({
    error: {
      message: `Budget has been exceeded! Current cost: 24.1, Max budget: 25.0, Held: 0.7, Left: 0.2, This request: up to 0.200001, Affordable: max_tokens 20000. Budget will reset at ${resets}`,
      type: 'budget_exceeded',
      code: '429',
      param: null,
      budget: {
        limit_micro_usd: 25_000_000,
        spent_micro_usd: 24_100_000,
        held_micro_usd: 700_000,
        left_micro_usd: 200_000,
        request_micro_usd: 200_001,
        affordable: { max_tokens: 20_000 },
        resets_at: resets,
      },
    },
  });
  expect(refusal.status).toBe(429);
  expect(refusal.detail).toMatchObject({ shouldRetry: false });
  const seconds = refusal.detail.retryAfterSeconds ?? 0;
  expect(Math.abs(seconds - (tomorrow - Date.now()) / 1000)).toBeLessThan(10);
});

// The rule by hand: amount where 4 × amount ≤ left, else max(left / 4, floor), else what is left, else nothing.
test.each<[what: string, left: number, held: number | null]>([
  ['all of it, of four times as much', 4000, 1000],
  ['a quarter, of a little less', 3999, 999],
  ['a quarter above the floor', 1000, 250],
  ['the floor, where a quarter is less', 999, 249],
  ['the floor, whose quarter is far below', 400, 200],
  ['the floor, where it is all that is left', 200, 200],
  ['all that is left below the floor', 199, 199],
  ['the least', 20, 20],
  ['nothing below the least', 19, null],
])('an elastic hold of 1000, floor 200, least 20 gets %s', async (_what, left, held) => {
  const ask = { ...newHold(keyId, 1000, left), elastic: { floorMicroUsd: 200, leastMicroUsd: 20 } };
  if (held === null) {
    expect((await refusalOf(holds.hold(ask))).detail.fields).toMatchObject({ budget: { request_micro_usd: 1000 } });
    expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 0 });
    return;
  }
  expect(await holds.hold(ask)).toBe(held);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: held });
  expect(await ledger.forWork(keyId, ask.requestId)).toMatchObject([
    {
      kind: 'hold',
      amountMicroUsd: held,
      price: held < 1000 ? { ...PRICE, amountMicroUsd: held, fullMicroUsd: 1000 } : PRICE,
    },
  ]);
});

test('parallel elastic holds leave room for each other, and settle for what they used', async () => {
  const elastic = { floorMicroUsd: 50, leastMicroUsd: 10 };
  const asked = Array.from({ length: 8 }, () => ({ ...newHold(keyId, 5000, 1000), elastic }));
  await holds.hold(newHold(keyId, 0));
  // A quarter of 1000, 750, 563, 423, 318, 239, 180 and 135, the floor being 50.
  const held = await Promise.all(asked.map((hold) => holds.hold(hold)));
  expect(held).toEqual([250, 187, 140, 105, 79, 59, 50, 50]);
  await Promise.all(asked.map((hold) => holds.settle({ ...hold, amountMicroUsd: 100, record: record() })));
  expect(await counters()).toEqual({ spentMicroUsd: 100 * 4 + 79 + 59 + 50 + 50, heldMicroUsd: 0 });
});

test('a key without budget holds an elastic amount in full', async () => {
  const elastic = { floorMicroUsd: 5, leastMicroUsd: 1 };
  expect(await holds.hold({ ...newHold(keyId, 10 ** 15), elastic })).toBe(10 ** 15);
});

test('a repeated refusal of an elastic hold asks nobody', async () => {
  await holds.hold(newHold(keyId, 91, 100));
  const ask = () => ({ ...newHold(keyId, 50, 100), elastic: { floorMicroUsd: 20, leastMicroUsd: 10 } });
  await refusalOf(holds.hold(ask()));
  const asked = jest.spyOn(db.pool, 'query');
  await refusalOf(holds.hold(ask()));
  expect(asked).not.toHaveBeenCalled();
  asked.mockRestore();
  expect(await holds.hold({ ...ask(), elastic: { floorMicroUsd: 20, leastMicroUsd: 9 } })).toBe(9);
});

test('a repeated refusal asks nobody and ends when the counters change', async () => {
  const budget = 100;
  const first = newHold(keyId, 90, budget);
  await holds.hold(first);
  await refusalOf(holds.hold(newHold(keyId, 11, budget)));
  const asked = jest.spyOn(db.pool, 'query');
  await Promise.all(Array.from({ length: 50 }, () => refusalOf(holds.hold(newHold(keyId, 11, budget)))));
  expect(asked).not.toHaveBeenCalled();
  asked.mockRestore();
  await holds.hold(newHold(keyId, 10, budget));
  await holds.settle({ ...first, amountMicroUsd: 40, record: record() });
  await holds.hold(newHold(keyId, 50, budget));
  expect(await counters()).toEqual({ spentMicroUsd: 40, heldMicroUsd: 60 });
});

test('a refusal by the committed counters writes nothing, not even a lock', async () => {
  await holds.hold(newHold(keyId, 100, 100));
  const xid = () => queryRow<{ xmax: string }>(db, sql`SELECT xmax::text FROM budget_day WHERE key_id = ${keyId}`);
  const before = await xid();
  await refusalOf(gatewayProcess(db).hold(newHold(keyId, 1, 100)));
  expect(await xid()).toEqual(before);
});

test('in one group the first that fit are held, and one that does not fit is no obstacle', async () => {
  const amounts = [40, 50, 30, 10, 1];
  await holds.hold(newHold(keyId, 0, 100));
  const results = await Promise.allSettled(amounts.map((amount) => holds.hold(newHold(keyId, amount, 100))));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 100 });
});

test('a key without budget is never refused, and a budget of 0 holds nothing', async () => {
  await holds.hold(newHold(keyId, 10 ** 15));
  const poor = newId('key');
  await refusalOf(holds.hold(newHold(poor, 1, 0)));
  await holds.hold(newHold(poor, 0, 0));
});

test('the first holds of a new day find their counters', async () => {
  await holds.hold(newHold(keyId, 10, 100));
  // As if the process had counted yesterday.
  await execute(db, sql`UPDATE budget_day SET day = day - 1 WHERE key_id = ${keyId}`);
  await Promise.all([holds.hold(newHold(keyId, 60, 100)), holds.hold(newHold(newId('key'), 5, 100))]);
  expect(await counters()).toEqual({ spentMicroUsd: 0, heldMicroUsd: 60 });
});

test("a settle after midnight is charged to the hold's day", async () => {
  const hold = newHold(keyId, 50, 100);
  await holds.hold(hold);
  await execute(db, sql`UPDATE ledger_entry SET day = '2026-01-31' WHERE key_id = ${keyId}`);
  await execute(db, sql`UPDATE budget_day SET day = '2026-01-31' WHERE key_id = ${keyId}`);
  await holds.settle({ ...hold, amountMicroUsd: 30, record: record() });
  expect(await ledger.day(keyId, '2026-01-31')).toEqual({ spentMicroUsd: 30, heldMicroUsd: 0 });
  expect(await usage(hold.requestId)).toMatchObject({ day: new Date('2026-01-31T00:00:00Z') });
});

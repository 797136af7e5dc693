import { execute, queryRow, sql } from '../../src/database/database.js';
import { as, expectError } from '../api/harness.js';
import { settled } from '../jobs/engine-harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { read, today } from './harness.js';

const PICTURE = { model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } };

interface Proof {
  balanced: boolean;
  sql: string;
  parameters: [string, string];
  counters: { spent_micro_usd: number; held_micro_usd: number };
}
interface Entries {
  data: { id: string; kind: string; work_id: string }[];
  has_more: boolean;
  last_id: string;
}

let kiln: Kiln;
let key: { id: string; secret: string };
let price: number;
const lane = async (state: string): Promise<void> =>
  void (await execute(kiln.database, sql`UPDATE lane SET state = ${state}`));
const post = async (): Promise<string> =>
  (await kiln.call<{ id: string }>('POST', '/v1/jobs', PICTURE, as(key.secret))).body.id;

beforeAll(async () => {
  kiln = await startKiln();
  const quote = await kiln.call<{ price_micro_usd: number }>('POST', '/v1/jobs/quote', PICTURE);
  price = quote.body.price_micro_usd;
});
afterAll(async () => kiln.drop());
beforeEach(async () => {
  key = await kiln.newKey({ daily_budget_micro_usd: 10 * price });
});

test('what is spent, held and left of the day', async () => {
  await settled(kiln, await post());
  await lane('paused');
  const waiting = await post();
  const tomorrow = `${new Date(Date.parse(today()) + 86_400_000).toISOString().slice(0, 10)}T00:00:00.000Z`;
  expect(await read(kiln, '/v1/budget', key.secret)).toEqual({
    object: 'budget',
    date: today(),
    limit_micro_usd: 10 * price,
    spent_micro_usd: price,
    held_micro_usd: price,
    left_micro_usd: 8 * price,
    resets_at: tomorrow,
  });
  await lane('open');
  await settled(kiln, waiting);
});

test('a key without a budget has no limit, one that has done nothing has all of it', async () => {
  const { secret } = await kiln.newKey();
  expect(await read(kiln, '/v1/budget', secret)).toMatchObject({
    limit_micro_usd: null,
    left_micro_usd: null,
    spent_micro_usd: 0,
  });
  expect(await read(kiln, '/v1/budget', key.secret)).toMatchObject({ left_micro_usd: 10 * price, held_micro_usd: 0 });
});

test('a budget that was lowered below what is spent leaves nothing', async () => {
  await settled(kiln, await post());
  await execute(kiln.database, sql`UPDATE api_key SET daily_budget_micro_usd = 1 WHERE id = ${key.id}`);
  // A key is known for two seconds.
  const { secret } = key;
  for (;;) {
    const budget = await read<Record<string, number>>(kiln, '/v1/budget', secret);
    if (budget['limit_micro_usd'] !== 1) continue;
    expect(budget).toMatchObject({ left_micro_usd: 0, spent_micro_usd: price });
    break;
  }
});

describe('the proof', () => {
  test('recomputes the day from rows, and can be followed', async () => {
    await settled(kiln, await post());
    await lane('paused');
    const canceled = await post();
    await kiln.call('POST', `/v1/jobs/${canceled}/cancel`, undefined, as(key.secret));
    const waiting = await post();
    const proof = await read<Proof>(kiln, '/v1/budget/proof', key.secret);
    expect(proof).toMatchObject({
      object: 'budget_proof',
      date: today(),
      balanced: true,
      counters: { spent_micro_usd: price, held_micro_usd: price },
      ledger: {
        spent_micro_usd: price,
        held_micro_usd: price,
        rows: 5,
        open_holds: 1,
        sums: { hold_micro_usd: 3 * price, settle_micro_usd: price, release_micro_usd: price },
      },
      usage: { records: 2, charged_micro_usd: price },
      parameters: [key.id, today()],
    });
    const { rows } = await kiln.database.pool.query<{ spent: string; held: string }>(proof.sql, proof.parameters);
    expect(rows).toMatchObject([{ spent: String(price), held: String(price) }]);
    await lane('open');
    await settled(kiln, waiting);
  });

  test.each([
    ['a counter', sql`UPDATE budget_day SET spent_micro_usd = spent_micro_usd + 1 WHERE key_id = `],
    [
      'a ledger row',
      sql`UPDATE ledger_entry SET amount_micro_usd = amount_micro_usd - 1 WHERE kind = 'settle' AND key_id = `,
    ],
    ['a usage record', sql`UPDATE usage_record SET charged_micro_usd = charged_micro_usd + 1 WHERE key_id = `],
    ['a missing usage record', sql`DELETE FROM usage_record WHERE key_id = `],
  ])('tells of %s that is off by one', async (_what, change) => {
    await settled(kiln, await post());
    expect(await read(kiln, '/v1/budget/proof', key.secret)).toMatchObject({ balanced: true });
    await execute(kiln.database, sql`${change}${key.id}`);
    expect(await read(kiln, '/v1/budget/proof', key.secret)).toMatchObject({ balanced: false });
  });

  test('of a day whose usage is past its time is that of counters and ledger', async () => {
    await settled(kiln, await post());
    await execute(kiln.database, sql`UPDATE budget_day SET day = '2024-02-29' WHERE key_id = ${key.id}`);
    await execute(kiln.database, sql`UPDATE ledger_entry SET day = '2024-02-29' WHERE key_id = ${key.id}`);
    expect(await read(kiln, '/v1/budget/proof?date=2024-02-29', key.secret)).toMatchObject({
      balanced: true,
      counters: { spent_micro_usd: price },
      usage: null,
    });
  });

  test('of a day without anything is zero', async () => {
    expect(await read(kiln, '/v1/budget/proof?date=2026-01-01', key.secret)).toMatchObject({
      balanced: true,
      ledger: { rows: 0, open_holds: 0 },
      usage: { records: 0 },
    });
  });
});

test('the rows of a day, page by page, and of no other key', async () => {
  await lane('paused');
  const first = await post();
  const second = await post();
  await lane('open');
  for (const id of [first, second]) await settled(kiln, id);
  const one = await read<Entries>(kiln, '/v1/budget/entries?order=asc&limit=3', key.secret);
  expect(one).toMatchObject({
    has_more: true,
    data: [{ kind: 'hold', work_id: first }, { kind: 'hold', work_id: second }, { kind: 'settle' }],
  });
  const two = await read<Entries>(kiln, `/v1/budget/entries?order=asc&after=${one.last_id}`, key.secret);
  expect(two).toMatchObject({ has_more: false, data: [{ kind: 'settle' }] });
  expect((await read<Entries>(kiln, '/v1/budget/entries?date=2026-01-01', key.secret)).data).toEqual([]);
  expect(
    await queryRow(kiln.database, sql`SELECT count(*)::int AS n FROM ledger_entry WHERE key_id = ${key.id}`),
  ).toEqual({ n: one.data.length + two.data.length });
});

test.each([
  ['/v1/budget/proof?date=today', 'date'],
  ['/v1/budget/proof?date=0000-01-01', 'date'],
  ['/v1/budget/entries?date=2026-13-01', 'date'],
  ['/v1/budget/entries?limit=101', 'limit'],
])('%s names the field', async (path, param) => {
  expectError(await kiln.call('GET', path), 'invalid_request_error', { param });
});

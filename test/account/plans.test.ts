import { jest } from '@jest/globals';
import { UsageReport } from '../../src/account/usage.js';
import { UsageRepository } from '../../src/account/usage.repository.js';
import { Ledger } from '../../src/billing/ledger.js';
import { Database, execute, sql } from '../../src/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

/** Statements over tables of a size at which PostgreSQL would rather read all of a small one. */
const ROWS = 200_000;
const KEYS = 40;
const DAYS = 390;

let server: TestDatabase;
let db: Database;

beforeAll(async () => {
  server = await createTestDatabase();
  db = new Database({ url: server.url, poolSize: 4 });
  await execute(
    db,
    sql`INSERT INTO usage_record (id, key_id, day, endpoint, model, route, status, http_status, charged_micro_usd, latency_ms)
        SELECT 'req_' || n, 'key_' || n % ${KEYS}::int, '2026-11-26'::date - n / ${KEYS}::int % ${DAYS}::int, 'chat.completions', 'model-' || n % 7, 'route-' || n % 3, 'ok', 200, n, 1
        FROM generate_series(1, ${ROWS}::int) n`,
  );
  await execute(
    db,
    sql`INSERT INTO ledger_entry (id, key_id, day, work_id, kind, amount_micro_usd, price)
        SELECT 'led_' || kind || n, 'key_' || n % ${KEYS}::int, '2026-11-26'::date - n / ${KEYS}::int % ${DAYS}::int, 'req_' || n, kind, n, '{}'
        FROM generate_series(1, ${ROWS}::int / 2) n, unnest(ARRAY['hold', 'settle']) kind`,
  );
  await execute(
    db,
    sql`INSERT INTO budget_day (key_id, day, spent_micro_usd) SELECT key_id, day, sum(charged_micro_usd) FROM usage_record GROUP BY 1, 2`,
  );
  await db.pool.query('ANALYZE usage_record, ledger_entry, budget_day');
}, 120_000);
afterAll(async () => {
  await db.close();
  await server.drop();
});

interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  Plans?: Node[];
}
const flat = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(flat)];

/** Tables that the plans of `run`'s statements read whole. */
async function readWhole(run: () => Promise<unknown>): Promise<string[]> {
  const query = jest.spyOn(db.pool, 'query');
  await run();
  const statements = query.mock.calls.map(([statement]) => statement as unknown as { text: string; values: unknown[] });
  query.mockRestore();
  expect(statements.length).toBeGreaterThan(0);
  const whole: string[] = [];
  for (const { text, values } of statements) {
    const { rows } = await db.pool.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(`EXPLAIN (FORMAT JSON) ${text}`, values);
    const nodes = rows.flatMap((row) => flat(row['QUERY PLAN'][0].Plan));
    whole.push(...nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name'] ?? ''));
  }
  return whole;
}

const month = { from: '2026-10-01', to: '2026-10-30' };
const report = (): UsageReport => new UsageReport(new UsageRepository(db));
const page = { limit: 1000, after: undefined };

test.each([
  [
    "a key's month by day and model",
    () => report().page({ ...month, by: ['day', 'model'] }, { keyId: 'key_7', isAdmin: false }, page),
  ],
  [
    "a key's whole time by route",
    () =>
      report().page({ from: '2025-11-01', to: '2026-11-26', by: ['route'] }, { keyId: 'key_7', isAdmin: false }, page),
  ],
  [
    "every key's week by key",
    () => report().page({ from: '2026-10-01', to: '2026-10-07', by: ['key'] }, { keyId: null, isAdmin: true }, page),
  ],
  ['the proof of a day', () => new Ledger(db).proof('key_7', '2026-10-05')],
  ['the rows of a day', () => new Ledger(db).entries('key_7', '2026-10-05', { limit: 20, order: 'desc' })],
  ['today', () => new Ledger(db).today('key_7')],
  ['the rows of a request', () => new Ledger(db).forWork('key_7', 'req_7')],
  ['the rows of a request of any key', () => new Ledger(db).forWork(null, 'req_7')],
] as [string, () => Promise<unknown>][])('%s reads no table whole', async (_what, run) => {
  expect(await readWhole(run)).toEqual([]);
});

test('what is read is right', async () => {
  const { total, data } = await report().page(
    { ...month, by: ['day', 'model'] },
    { keyId: 'key_7', isAdmin: false },
    page,
  );
  expect(data.length).toBeGreaterThan(100);
  expect(data.reduce((sum, row) => sum + Number(row['charged_micro_usd']), 0)).toBe(total.charged_micro_usd);
});

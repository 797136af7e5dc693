import { execute, sql } from '../../src/database/database.js';
import { as, expectError } from '../api/harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { parseCsv, read, today, type UsageAnswer } from './harness.js';

let kiln: Kiln;
let shop: { id: string; secret: string };
let other: { id: string; secret: string };

interface Row {
  keyId: string;
  day: string;
  model: string;
  charged: number;
  cost: number;
  route: string | null;
}
let rows = 0;
/** A request that was charged `charged`, with a token for each micro-USD. */
const used = async ({ keyId, day, model, charged, cost, route }: Row): Promise<void> =>
  void (await execute(
    kiln.database,
    sql`INSERT INTO usage_record (id, key_id, day, endpoint, model, route, status, http_status, input_tokens, audio_seconds, charged_micro_usd,
          upstream_cost_micro_usd, loss_micro_usd, latency_ms)
        VALUES (${`req_${(rows += 1)}`}, ${keyId}, ${day}::date, 'chat.completions', ${model}, ${route}, 'ok', 200, ${charged}::bigint, 0.1, ${charged}::bigint,
          ${cost}::bigint, 1, 1)`,
  ));

beforeAll(async () => {
  kiln = await startKiln({ workers: false });
  shop = await kiln.newKey();
  other = await kiln.newKey();
  const row = { keyId: shop.id, day: '2026-03-02', model: 'gpt-5.4', charged: 10, cost: 4, route: 'gpt-5.4/openai' };
  await used(row);
  await used({ ...row, charged: 5, route: null });
  await used({ ...row, model: 'claude, "sonnet"' });
  await used({ ...row, model: '=1+cmd', day: '2026-03-01' });
  await used({ ...row, keyId: other.id, charged: 1000, cost: 2000 });
});
afterAll(async () => kiln.drop());

const MARCH = 'from=2026-03-01&to=2026-03-31';

test('by day and model, with a total', async () => {
  const { data, total, ...rest } = await read<UsageAnswer>(kiln, `/v1/usage?${MARCH}`, shop.secret);
  expect(data.map(({ date, model, requests, charged_micro_usd: charged }) => [date, model, requests, charged])).toEqual(
    [
      ['2026-03-01', '=1+cmd', 1, 10],
      ['2026-03-02', 'claude, "sonnet"', 1, 10],
      ['2026-03-02', 'gpt-5.4', 2, 15],
    ],
  );
  expect(total).toMatchObject({
    requests: 4,
    succeeded: 4,
    failed: 0,
    input_tokens: 35,
    audio_seconds: 0.4,
    charged_micro_usd: 35,
  });
  expect(rest).toMatchObject({
    object: 'list',
    from: '2026-03-01',
    to: '2026-03-31',
    group_by: ['day', 'model'],
    has_more: false,
  });
});

test.each([
  [
    'route',
    [
      { route: null, charged_micro_usd: 5 },
      { route: 'gpt-5.4/openai', charged_micro_usd: 30 },
    ],
  ],
  ['endpoint,day', [{ date: '2026-03-01', endpoint: 'chat.completions' }, { date: '2026-03-02' }]],
] as const)('by %s', async (by, groups) => {
  expect((await read<UsageAnswer>(kiln, `/v1/usage?${MARCH}&group_by=${by}`, shop.secret)).data).toMatchObject(groups);
});

test("a key's own key is itself, and nobody learns what things cost upstream", async () => {
  const { data, total } = await read<UsageAnswer>(kiln, `/v1/usage?${MARCH}&group_by=key`, shop.secret);
  expect(data).toMatchObject([{ key: shop.id, charged_micro_usd: 35 }]);
  expect(Object.keys({ ...data[0], ...total }).filter((name) => /upstream|loss|margin/.test(name))).toEqual([]);
});

test('pages go through every group once', async () => {
  const seen: unknown[] = [];
  for (let after = ''; ;) {
    const page = await read<UsageAnswer>(
      kiln,
      `/v1/usage?${MARCH}&group_by=day,model,route&limit=1${after}`,
      shop.secret,
    );
    seen.push(...page.data.map(({ date, model, route }) => `${date} ${model} ${route}`));
    expect(page.total['requests']).toBe(4);
    if (!page.has_more) break;
    after = `&after=${page.last_id}`;
  }
  expect(seen).toEqual([
    '2026-03-01 =1+cmd gpt-5.4/openai',
    '2026-03-02 claude, "sonnet" gpt-5.4/openai',
    '2026-03-02 gpt-5.4 null',
    '2026-03-02 gpt-5.4 gpt-5.4/openai',
  ]);
});

test('ops see every key beside what it cost', async () => {
  const all = await read<UsageAnswer>(kiln, `/admin/usage?${MARCH}&group_by=key`);
  expect(all.data).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        key: shop.id,
        charged_micro_usd: 35,
        upstream_cost_micro_usd: 16,
        loss_micro_usd: 4,
        margin_micro_usd: 19,
      }),
      expect.objectContaining({ key: other.id, charged_micro_usd: 1000, margin_micro_usd: -1000 }),
    ]),
  );
  expect(all.total).toMatchObject({ charged_micro_usd: 1035, upstream_cost_micro_usd: 2016, margin_micro_usd: -981 });
  const one = await read<UsageAnswer>(kiln, `/admin/usage?${MARCH}&key=${other.id}`);
  expect(one.data).toMatchObject([{ model: 'gpt-5.4', charged_micro_usd: 1000 }]);
  expectError(await kiln.call('GET', '/admin/usage', undefined, as(shop.secret)), 'permission_denied');
});

describe('as CSV', () => {
  const get = (path: string, secret: string, headers = {}) =>
    fetch(`${kiln.url}${path}`, { headers: { ...as(secret), ...headers } });

  test('the same, for spreadsheets', async () => {
    const answer = await get(`/v1/usage?${MARCH}&format=csv`, shop.secret);
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="usage-2026-03-01-2026-03-31.csv"');
    const read = parseCsv(await answer.text());
    expect(read.map(({ date, model, charged_micro_usd: charged }) => [date, model, charged])).toEqual([
      ['2026-03-01', "'=1+cmd", '10'],
      ['2026-03-02', 'claude, "sonnet"', '10'],
      ['2026-03-02', 'gpt-5.4', '15'],
    ]);
  });

  test.each([
    [{ accept: 'text/csv' }, '', 'text/csv'],
    [{ accept: 'application/json, text/csv;q=0.5' }, '', 'application/json'],
    [{ accept: 'text/csv' }, '&format=json', 'application/json'],
    [{ accept: '*/*' }, '', 'application/json'],
  ] as const)('%j %s gives %s', async (headers, more, type) => {
    const answer = await get(`/v1/usage?${MARCH}${more}`, shop.secret, headers);
    expect(answer.headers.get('content-type')).toContain(type);
    await answer.text();
  });

  test('numbers stay numbers, also those below zero', async () => {
    const text = await (await get(`/admin/usage?${MARCH}&format=csv&key=${other.id}`, kiln.secret)).text();
    expect(parseCsv(text)).toMatchObject([
      { charged_micro_usd: '1000', upstream_cost_micro_usd: '2000', margin_micro_usd: '-1000' },
    ]);
  });

  test('more groups than are read at a time are all there, in order', async () => {
    const many = await kiln.newKey();
    await execute(
      kiln.database,
      sql`INSERT INTO usage_record (id, key_id, day, endpoint, model, status, http_status, charged_micro_usd, latency_ms)
          SELECT 'many_' || n, ${many.id}, '2026-03-01'::date + n % 7, 'jobs', 'model-' || n, 'ok', 200, n, 1 FROM generate_series(1, 2500) n`,
    );
    const read = parseCsv(await (await get(`/v1/usage?${MARCH}&format=csv`, many.secret)).text());
    expect(new Set(read.map(({ model }) => model)).size).toBe(2500);
    expect(read).toHaveLength(2500);
    const dates = read.map(({ date = '' }) => date);
    expect(dates).toEqual(dates.toSorted((a, b) => a.localeCompare(b)));
    expect(read.reduce((sum, row) => sum + Number(row['charged_micro_usd']), 0)).toBe((2500 * 2501) / 2);
  });

  test('nothing used is a header', async () => {
    const text = await (await get('/v1/usage?from=2025-12-01&to=2025-12-01&format=csv', shop.secret)).text();
    expect(text).toMatch(/^date,model,requests,succeeded,.*,charged_micro_usd\r\n$/);
  });
});

test('without dates it is the last 30 days, today included', async () => {
  const days = await read<{ from: string; to: string }>(kiln, '/v1/usage', shop.secret);
  expect(days.to).toBe(today());
  expect(Date.parse(days.to) - Date.parse(days.from)).toBe(29 * 86_400_000);
});

describe('refused', () => {
  test.each([
    ['from=yesterday', 'from', ['"yesterday"', 'YYYY-MM-DD']],
    ['from=2026-02-30', 'from', ['2026-02-30', 'YYYY-MM-DD']],
    ['to=0000-01-01', 'to', ['2000-01-01']],
    ['from=2026-03-02&to=2026-03-01', 'from', ['2026-03-02', '2026-03-01']],
    ['from=2025-01-01&to=2026-03-01', 'from', ['425 days', '400']],
    ['group_by=week', 'group_by', ['day, model, key, endpoint, route', "'week'"]],
    ['group_by=', 'group_by', ['day, model, key, endpoint, route']],
    ['group_by=day,day', 'group_by', ['each once']],
    ['limit=0', 'limit', ['0']],
    ['limit=1001', 'limit', ['1001']],
    ['format=xml', 'format', ['xml']],
    ['after=x', 'after', ['last_id']],
    ['format=csv&limit=5', 'limit', ['CSV']],
    ['format=csv&after=x', 'after', ['CSV']],
  ] as [string, string, string[]][])('%s', async (query, param, says) => {
    expectError(await kiln.call('GET', `/v1/usage?${query}`), 'invalid_request_error', { param, says });
  });

  test('another parameter, by name', async () => {
    const answer = await kiln.call('GET', '/v1/usage?key=key_x');
    expectError(answer, 'invalid_request_error', { param: 'key', code: 'unknown_parameter' });
  });

  test.each([
    ['another group_by', ['model', 'x']],
    ['no day', ['day,model', 'x', 'y']],
    ['too few values', ['day,model', '2026-03-01']],
    ['a NUL', ['day,model', '2026-03-01', 'a\0']],
    ['half a surrogate pair', ['day,model', '2026-03-01', '\ud800']],
    ['no texts', ['day,model', 1, 2]],
  ])('a place with %s', async (_what, place) => {
    const after = Buffer.from(JSON.stringify(place)).toString('base64url');
    expectError(await kiln.call('GET', `/v1/usage?after=${after}`), 'invalid_request_error', { param: 'after' });
  });
});

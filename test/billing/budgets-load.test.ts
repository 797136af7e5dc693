import { Ledger } from '../../src/billing/ledger.js';
import { queryRow, queryRows, sql } from '../../src/database/database.js';
import { as } from '../api/harness.js';
import { type GatewayKiln, routeOn, startGateway, textModel } from '../gateway/gateway.js';
import { until } from '../jobs/engine-harness.js';
import { guardBudgets, openHolds, today } from './harness.js';

/** What a picture costs; a chat request is held for, and costs, one micro-USD more. */
const UNIT = 20_000;
const CHAT_TOKENS = 100;
const REQUESTS = 1000;
const BUDGET = 100 * UNIT + (UNIT - 1);

let kiln: GatewayKiln;
beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    chat: textModel(
      {
        only: routeOn(upstream, 'chat', {
          // 100 tokens at 100 dollars a million, twice: 20,000 micro-USD. Input is a fraction of one.
          price: { rates: { input: 0.001, output: 100 }, source: 'test', date: '2026-11-26' },
        }),
      },
      { max_output_tokens: CHAT_TOKENS },
    ),
  }));
});
afterAll(() => kiln.end());

type Body = { error?: { type: string; budget?: Record<string, number> }; id?: string };
const chat = (n: number) => ({
  path: '/v1/chat/completions',
  body: { model: 'chat', max_tokens: CHAT_TOKENS, messages: [{ role: 'user', content: `${n}` }], stream: false },
});
const job = (n: number) => ({
  path: '/v1/jobs',
  body: { model: 'flux-dev', input: { prompt: `picture ${n}`, size: '256x256' } },
});
const picture = (n: number) => ({
  path: '/v1/images/generations',
  body: { model: 'flux-dev', prompt: `image ${n}`, size: '256x256' },
});

test('1,000 requests and jobs at once on a budget for 100 spend it to the last unit and not a micro-USD more', async () => {
  const key = await kiln.newKey({ daily_budget_micro_usd: BUDGET });
  await guardBudgets(kiln.database, key.id);
  const usage = { prompt_tokens: 1, completion_tokens: CHAT_TOKENS, total_tokens: CHAT_TOKENS + 1 };
  kiln.upstream.script('chat', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        id: 'up-1',
        object: 'chat.completion',
        created: 1,
        model: 'up-model',
        choices: [{ index: 0, message: { role: 'assistant', content: 'yes' }, finish_reason: 'stop' }],
        usage,
      }),
    );
  });
  // Eight of ten are chat requests, for a picture takes a hundred times as long.
  const asked = Array.from({ length: REQUESTS }, (_, n) =>
    n % 10 === 3 ? job(n) : n % 10 === 7 ? picture(n) : chat(n),
  );
  const answers = await Promise.all(asked.map(({ path, body }) => kiln.call<Body>('POST', path, body, as(key.secret))));
  const statuses = new Map<number, number>();
  for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  expect(Object.fromEntries(statuses)).toEqual({
    200: expect.any(Number),
    202: expect.any(Number),
    429: REQUESTS - 100,
  });

  for (const { status, body, headers } of answers) {
    if (status !== 429) continue;
    const budget = body.error?.budget ?? {};
    expect({ type: body.error?.type, retry: headers.get('x-should-retry') }).toEqual({
      type: 'budget_exceeded',
      retry: 'false',
    });
    const [spent = -1, held = -1, left = -1] = ['spent', 'held', 'left'].map((name) => budget[`${name}_micro_usd`]);
    expect(spent + held + left).toBe(BUDGET);
    expect(left).toBeLessThan(UNIT);
    expect([UNIT, UNIT + 1]).toContain(budget['request_micro_usd']);
  }

  const { database } = kiln;
  const open = sql`SELECT 1 AS one FROM job WHERE key_id = ${key.id} AND charged_micro_usd IS NULL`;
  await until('every job is over', async () => (await queryRow(database, open)) === null, 60_000);
  const chats = answers.filter(({ status }, n) => status === 200 && asked[n]?.path === chat(n).path).length;
  expect(await kiln.app.get(Ledger).proof(key.id, await today(database))).toMatchObject({
    balanced: true,
    rows: 200,
    counters: { spentMicroUsd: 100 * UNIT + chats, heldMicroUsd: 0 },
  });
  expect(await openHolds(database)).toBe(0);
  expect(chats).toBeGreaterThan(0);
  expect(chats).toBeLessThan(100);
  expect(
    await queryRows(database, sql`SELECT status, count(*)::int AS n FROM job WHERE key_id = ${key.id} GROUP BY status`),
  ).toEqual([{ status: 'succeeded', n: 100 - chats }]);
});

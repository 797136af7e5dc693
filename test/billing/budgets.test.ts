import { Ledger } from '../../src/billing/ledger.js';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { Reconciler } from '../../src/jobs/engine/reconciler.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { as } from '../api/harness.js';
import { type GatewayKiln, routeOn, startGateway, textModel } from '../gateway/gateway.js';
import { answers } from '../gateway/upstream.js';
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
  const usage = { prompt_tokens: 1, completion_tokens: CHAT_TOKENS, total_tokens: CHAT_TOKENS + 1 };
  kiln.upstream.script('chat', answers('yes', usage));
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
  const send = ({ path, body }: { path: string; body: object }) => kiln.call<Body>('POST', path, body, as(key.secret));
  const { database } = kiln;
  // Media first, for a group of chat requests would take the whole day at once; and less than the day has room for.
  const media = Array.from({ length: 30 }, (_, n) => (n % 3 === 0 ? picture(n) : job(n)));
  const waiting = media.map(send);
  const kinds = sql`SELECT count(DISTINCT fingerprint IS NULL)::int AS n FROM job WHERE key_id = ${key.id}`;
  await until('a job and a picture', async () => (await queryRow<{ n: number }>(database, kinds))?.n === 2);
  waiting.push(...Array.from({ length: REQUESTS - media.length }, (_, n) => send(chat(n))));
  const got = await Promise.all(waiting);
  const statuses = new Map<number, number>();
  for (const { status } of got) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  expect(Object.fromEntries(statuses)).toEqual({
    200: expect.any(Number),
    202: expect.any(Number),
    429: REQUESTS - 100,
  });

  for (const { status, body, headers } of got) {
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

  const open = sql`SELECT 1 AS one FROM job WHERE key_id = ${key.id} AND charged_micro_usd IS NULL`;
  await until('every job is over', async () => (await queryRow(database, open)) === null, 60_000);
  const chats = got.slice(media.length).filter(({ status }) => status === 200).length;
  expect(await kiln.app.get(Ledger).proof(key.id, await today(database))).toMatchObject({
    balanced: true,
    rows: 200,
    counters: { spentMicroUsd: 100 * UNIT + chats, heldMicroUsd: 0 },
  });
  expect(await openHolds(database)).toBe(0);
  expect(
    await queryRows(database, sql`SELECT status, count(*)::int AS n FROM job WHERE key_id = ${key.id} GROUP BY status`),
  ).toEqual([{ status: 'succeeded', n: 100 - chats }]);
});

/** The key's counters of today and of yesterday. */
async function days(keyId: string) {
  const ledger = kiln.app.get(Ledger);
  const date = await today(kiln.database);
  const before = new Date(Date.parse(date) - 86_400_000).toISOString().slice(0, 10);
  return { yesterday: await ledger.proof(keyId, before), today: await ledger.proof(keyId, date) };
}
const lane = (id: string, state: string) =>
  execute(kiln.database, sql`UPDATE lane SET state = ${state} WHERE id = ${id}`);

test('a job accepted before midnight is charged to the day it was accepted, and quoted, held and charged the same', async () => {
  const { id: keyId, secret } = await kiln.newKey({ daily_budget_micro_usd: UNIT });
  const body = { model: 'flux-dev', input: { prompt: 'at midnight', size: '256x256' } };
  const quote = await kiln.call<{ price_micro_usd: number }>('POST', '/v1/jobs/quote', body, as(secret));
  await lane('comfyui', 'paused');
  const { body: job } = await kiln.call<JobView>('POST', '/v1/jobs', body, as(secret));
  expect(job.cost.held_micro_usd).toBe(quote.body.price_micro_usd);
  expect((await kiln.call('POST', '/v1/jobs', body, as(secret))).status).toBe(429);
  // Midnight.
  await execute(kiln.database, sql`UPDATE ledger_entry SET day = day - 1 WHERE key_id = ${keyId}`);
  await execute(kiln.database, sql`UPDATE budget_day SET day = day - 1 WHERE key_id = ${keyId}`);
  const { body: next } = await kiln.call<JobView>('POST', '/v1/jobs', body, as(secret));
  expect(await days(keyId)).toMatchObject({
    yesterday: { counters: { spentMicroUsd: 0, heldMicroUsd: UNIT } },
    today: { counters: { spentMicroUsd: 0, heldMicroUsd: UNIT } },
  });
  await kiln.call('POST', `/v1/jobs/${next.id}/cancel`, undefined, as(secret));
  await lane('comfyui', 'open');
  await kiln.app.get(Reconciler).reconcile(0);
  await kiln.finished(job.id);
  const done = await kiln.call<JobView>('GET', `/v1/jobs/${job.id}`, undefined, as(secret));
  expect(done.body.cost).toEqual({ held_micro_usd: UNIT, charged_micro_usd: UNIT });
  expect(await days(keyId)).toMatchObject({
    yesterday: { balanced: true, counters: { spentMicroUsd: UNIT, heldMicroUsd: 0 } },
    today: { balanced: true, counters: { spentMicroUsd: 0, heldMicroUsd: 0 } },
  });
});

test('a key whose day is full may not chat, nor have a picture made, until a hold is given back', async () => {
  const { secret } = await kiln.newKey({ daily_budget_micro_usd: UNIT + 1 });
  await lane('comfyui', 'paused');
  const first = await kiln.call<JobView>('POST', '/v1/jobs', job(1).body, as(secret));
  const tries = async () => {
    const statuses: number[] = [];
    for (const { path, body } of [chat(1), job(2)])
      statuses.push((await kiln.call('POST', path, body, as(secret))).status);
    return statuses;
  };
  expect(await tries()).toEqual([429, 429]);
  await kiln.call('POST', `/v1/jobs/${first.body.id}/cancel`, undefined, as(secret));
  await until('the gateway sees it', async () => {
    const { path, body } = chat(1);
    return (await kiln.call('POST', path, body, as(secret))).status === 200;
  });
  expect(await tries()).toEqual([429, 429]);
  await lane('comfyui', 'open');
});

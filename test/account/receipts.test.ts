import { newId } from '../../src/common/ids.js';
import { execute, sql } from '../../src/database/database.js';
import { as, expectError } from '../api/harness.js';
import { settled, until } from '../jobs/engine-harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { read } from './harness.js';

const PICTURE = { model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } };

interface Receipt {
  id: string;
  request_id: string | null;
  job_id: string | null;
  cost: { held_micro_usd: number; charged_micro_usd: number | null };
  times: Record<string, number | string | null>;
  attempts: { state: string; run: number }[];
  ledger: { kind: string; run: number; amount_micro_usd: number; reason: string | null }[];
  price: Record<string, unknown>;
}

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(async () => kiln.drop());
const receipt = (id: string): Promise<Receipt> => read<Receipt>(kiln, `/v1/requests/${id}`);
const kinds = ({ ledger }: Receipt): string[] => ledger.map(({ kind, run }) => `${kind} ${run}`);
const chat = (content: string, model = 'gpt-5.4') =>
  kiln.call('POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content }] });

test('a request: what it was, took, used and cost', async () => {
  const answer = await chat('hello');
  const id = answer.headers.get('x-request-id') ?? '';
  const got = await receipt(id);
  const charged = Number(answer.headers.get('x-kiln-cost-micro-usd'));
  const { usage } = answer.body as { usage: { prompt_tokens: number; completion_tokens: number } };
  expect(got).toMatchObject({
    id,
    request_id: id,
    job_id: null,
    run: 1,
    endpoint: 'chat.completions',
    model: 'gpt-5.4',
    status: 'ok',
    http_status: 200,
    error_code: null,
    attempt_count: 1,
    attempts: [],
    usage: { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens, images: 0 },
    cost: { charged_micro_usd: charged, all_runs_charged_micro_usd: charged },
  });
  expect(charged).toBeGreaterThan(0);
  expect(got.cost.held_micro_usd).toBeGreaterThanOrEqual(charged);
  expect(kinds(got)).toEqual(['hold 1', 'settle 1']);
  expect(got.ledger[1]?.amount_micro_usd).toBe(charged);
  expect(got.times['total_ms']).toBeGreaterThanOrEqual(Number(got.times['first_byte_ms']));
  const { routes } = got.price as { routes: { id: string; price: Record<string, unknown> }[] };
  expect(routes).toMatchObject([
    {
      id: answer.headers.get('x-kiln-route'),
      price: { multiplier: expect.any(Number), source: expect.any(String), date: expect.any(String) },
    },
  ]);
});

test('a request that every route refused cost nothing', async () => {
  const { headers, status } = await chat('[[sandbox:context-length]]');
  const got = await receipt(headers.get('x-request-id') ?? '');
  expect(got).toMatchObject({ status: 'failed', http_status: status, cost: { charged_micro_usd: 0 } });
  expect(kinds(got)).toEqual(['hold 1', 'release 1']);
  expect(got.ledger[1]?.reason).toBe((got as unknown as { error_code: string }).error_code);
});

test('a job, by its id and by that of the request that made it, from the hold to the charge', async () => {
  await execute(kiln.database, sql`UPDATE lane SET state = 'paused'`);
  const posted = await kiln.call<{ id: string }>('POST', '/v1/jobs', PICTURE);
  const { id } = posted.body;
  const request = posted.headers.get('x-request-id') ?? '';
  const waiting = await receipt(id);
  expect(waiting).toMatchObject({
    status: 'running',
    usage: null,
    attempts: [],
    cost: { charged_micro_usd: null },
    times: { queue_ms: null, total_ms: null, finished_at: null },
  });
  expect(kinds(waiting)).toEqual(['hold 1']);
  await execute(kiln.database, sql`UPDATE lane SET state = 'open'`);
  await settled(kiln, id);
  const done = await receipt(id);
  expect(done).toMatchObject({
    id,
    request_id: request,
    job_id: id,
    endpoint: 'jobs',
    status: 'ok',
    http_status: 200,
    attempts: [{ state: 'succeeded', run: 1, error: null, route: expect.stringContaining('flux-dev/') }],
    usage: { images: 1, input_tokens: 0 },
    price: {
      unit: 'image',
      quantity: 1,
      multiplier: expect.any(Number),
      unit_price_micro_usd: expect.any(Number),
      source: expect.any(String),
    },
    cost: { held_micro_usd: waiting.cost.held_micro_usd, charged_micro_usd: waiting.cost.held_micro_usd },
  });
  const { queue_ms: queue, cold_start_ms: cold, upstream_ms: upstream, overhead_ms: overhead } = done.times;
  expect(Number(queue) + Number(cold) + Number(upstream) + Number(overhead)).toBe(done.times['total_ms']);
  expect(await receipt(request)).toEqual(done);
});

test('a job that ran twice shows its last run, and the money of both', async () => {
  const { id } = await kiln.post({ ...PICTURE, input: { prompt: '[[sandbox:policy]]' } });
  await settled(kiln, id);
  expect(await receipt(id)).toMatchObject({ status: 'failed', error_code: 'content_policy', run: 1 });
  await execute(kiln.database, sql`UPDATE job SET input = ${JSON.stringify(PICTURE.input)}::jsonb WHERE id = ${id}`);
  await kiln.call('POST', `/v1/jobs/${id}/replay`);
  await settled(kiln, id);
  const again = await receipt(id);
  expect(again).toMatchObject({ status: 'ok', error_code: null, run: 2, usage: { images: 1 } });
  expect(kinds(again)).toEqual(['hold 1', 'release 1', 'hold 2', 'settle 2']);
  expect(again.attempts.map(({ run }) => run)).toEqual(expect.arrayContaining([1, 2]));
});

test('a request under way is held and not charged', async () => {
  const answer = fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...as(kiln.secret), 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-5.4',
      stream: true,
      messages: [{ role: 'user', content: '[[sandbox:chunks=4]] [[sandbox:stall-after=2]]' }],
    }),
  });
  const response = await answer;
  const id = response.headers.get('x-request-id') ?? '';
  const running = await receipt(id);
  expect(running).toMatchObject({ status: 'running', cost: { charged_micro_usd: null }, usage: null, model: null });
  expect(kinds(running)).toEqual(['hold 1']);
  await response.body?.cancel();
  const ended = await until('it ends', async () => {
    const now = await receipt(id);
    return now.cost.charged_micro_usd !== null && now;
  });
  expect(ended).toMatchObject({ status: 'canceled' });
});

test('a request whose process died is abandoned', async () => {
  const id = newId('req');
  const { id: keyId, secret } = await kiln.newKey();
  for (const [kind, reason] of [
    ['hold', null],
    ['release', 'abandoned'],
  ] as const)
    await execute(
      kiln.database,
      sql`INSERT INTO ledger_entry (id, key_id, day, work_id, kind, amount_micro_usd, price, reason)
          VALUES (${newId('led')}, ${keyId}, now()::date, ${id}, ${kind}, 7, '{"unit": "usage"}', ${reason})`,
    );
  expect(await read(kiln, `/v1/requests/${id}`, secret)).toMatchObject({
    status: 'abandoned',
    cost: { held_micro_usd: 7, charged_micro_usd: 0 },
  });
});

test('a deleted job leaves its money', async () => {
  const { id } = await kiln.post(PICTURE);
  await settled(kiln, id);
  const { cost, ledger } = await receipt(id);
  expect((await kiln.call('DELETE', `/v1/jobs/${id}`)).status).toBe(200);
  expect(await receipt(id)).toMatchObject({ status: 'ok', cost, ledger, attempts: [], model: 'flux-dev' });
});

describe('there is none', () => {
  test.each(['job_x', 'req_x', 'led_01h455vb4pex5vsknk084sn02q', newId('job'), newId('req')])('of %s', async (id) => {
    expectError(await kiln.call('GET', `/v1/requests/${id}`), 'not_found', { says: [id] });
  });

  test('of a request that was refused before anything was held', async () => {
    const { headers } = await chat('hello', 'nobody');
    const id = headers.get('x-request-id') ?? '';
    expectError(await kiln.call('GET', `/v1/requests/${id}`), 'not_found', { says: [id, 'held'] });
  });

  test("of another key's, by request and by job", async () => {
    const { secret } = await kiln.newKey();
    const posted = await kiln.call<{ id: string }>('POST', '/v1/jobs', PICTURE);
    const asked = (await chat('hello')).headers.get('x-request-id');
    for (const id of [posted.body.id, posted.headers.get('x-request-id'), asked])
      expectError(await kiln.call('GET', `/v1/requests/${id}`, undefined, as(secret)), 'not_found');
    await settled(kiln, posted.body.id);
  });
});

test('ops see what it cost them, and whose it was', async () => {
  const id = (await chat('hello')).headers.get('x-request-id') ?? '';
  await execute(
    kiln.database,
    sql`UPDATE usage_record SET upstream_cost_micro_usd = charged_micro_usd - 3, loss_micro_usd = 2 WHERE id = ${id}`,
  );
  const { upstream_cost_micro_usd: cost, ...own } = await read<Record<string, unknown>>(kiln, `/admin/requests/${id}`);
  expect(cost).toEqual(expect.any(Number));
  expect(own).toMatchObject({ key_id: expect.stringMatching(/^key_/), loss_micro_usd: 2, margin_micro_usd: 3 });
  expect(Object.keys(await receipt(id)).filter((name) => /upstream|loss|margin|key/.test(name))).toEqual([]);
});

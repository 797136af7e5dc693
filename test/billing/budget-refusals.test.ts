import { jest } from '@jest/globals';
import { Ledger } from '../../src/billing/ledger.js';
import { execute, queryRow, sql } from '../../src/database/database.js';
import { ReplayBatches, type ReplayBatchView } from '../../src/jobs/admin/replay-batches.js';
import { CreateRepository } from '../../src/jobs/api/create.repository.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { as } from '../api/harness.js';
import { type Answer, type Kiln, startKiln } from '../support/kiln.js';
import { tinyPng } from '../support/media.js';
import { today } from './harness.js';

let kiln: Kiln;
beforeAll(async () => {
  // No workers: a job stays where the test puts it.
  kiln = await startKiln({ workers: false });
});
afterAll(() => kiln.drop());

interface Refused {
  error: { message: string; type: string; code: string; budget: Record<string, unknown> };
}
type Key = Awaited<ReturnType<Kiln['newKey']>>;

const newKey = (budget: number | null, more = {}): Promise<Key> =>
  kiln.newKey({ daily_budget_micro_usd: budget, ...more });
const clip = (duration_seconds: number, more: Record<string, unknown> = {}) => ({
  model: 'wan-2.2',
  input: { prompt: 'a walk', duration_seconds, ...more },
});
const post = (key: Key, body: unknown, headers: Record<string, string> = {}, path = '/v1/jobs') =>
  kiln.call<JobView & Refused>('POST', path, body, { ...as(key.secret), ...headers });
const SECOND = 50_000;

const day = async (key: Key) => kiln.app.get(Ledger).day(key.id, await today(kiln.database));
/** Rows that an accepted job of the key has written. */
async function written(key: Key): Promise<Record<string, number>> {
  const row = await queryRow<Record<string, number>>(
    kiln.database,
    sql`SELECT (SELECT count(*)::int FROM job WHERE key_id = ${key.id}) AS jobs,
          (SELECT count(*)::int FROM idempotency WHERE key_id = ${key.id}) AS idempotency,
          (SELECT count(*)::int FROM ledger_entry WHERE key_id = ${key.id}) AS ledger,
          (SELECT count(*)::int FROM asset_pin p JOIN upload u ON u.id = p.asset_id WHERE u.key_id = ${key.id}) AS pins,
          (SELECT count(*)::int FROM upload WHERE key_id = ${key.id}) AS uploads`,
  );
  return row ?? {};
}

function expectRefusal(answer: Answer<Refused>, numbers: Record<string, unknown>): void {
  expect(answer.status).toBe(429);
  expect(answer.body.error).toMatchObject({ type: 'budget_exceeded', code: '429', budget: numbers });
  expect(answer.headers.get('x-should-retry')).toBe('false');
  const resetsAt = String(answer.body.error.budget['resets_at']);
  expect(answer.body.error.message).toMatch(
    /^Budget has been exceeded! Current cost: [\d.]+, Max budget: [\d.]+, .*\. Budget will reset at /,
  );
  expect(answer.body.error.message.endsWith(`Budget will reset at ${resetsAt}`)).toBe(true);
  expect(resetsAt).toMatch(/^\d{4}-\d\d-\d\dT00:00:00Z$/);
  const secondsLeft = (Date.parse(resetsAt) - Date.now()) / 1000;
  expect(Math.abs(Number(answer.headers.get('retry-after')) - secondsLeft)).toBeLessThan(30);
}

async function failed(id: string): Promise<void> {
  const error = { code: 'provider_error', message: 'it failed', param: null, retryable: true };
  await kiln.app.get(Outcomes).end({ jobId: id, transition: 'failed', error });
}

describe('POST /v1/jobs', () => {
  test('a job that fits to the micro-USD is accepted, the next is refused with what is left', async () => {
    const key = await newKey(9 * SECOND);
    expect((await post(key, clip(5))).status).toBe(202);
    const before = await written(key);
    const png = `data:image/png;base64,${(await tinyPng()).toString('base64')}`;
    expectRefusal(await post(key, clip(5, { image: png }), { 'idempotency-key': 'later' }), {
      limit_micro_usd: 9 * SECOND,
      spent_micro_usd: 0,
      held_micro_usd: 5 * SECOND,
      left_micro_usd: 4 * SECOND,
      request_micro_usd: 5 * SECOND,
      affordable: { duration_seconds: 4 },
    });
    expect(await written(key)).toEqual(before);
    // The refusal is not remembered: what is said to fit is taken, and once there is room the same request is.
    expect((await post(key, clip(4))).status).toBe(202);
    expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 9 * SECOND });
    await execute(kiln.database, sql`UPDATE api_key SET daily_budget_micro_usd = ${14 * SECOND} WHERE id = ${key.id}`);
    expect((await post(key, clip(5, { image: png }), { 'idempotency-key': 'later' })).status).toBe(202);
  });

  test('the first job of a day is refused where it costs more than a whole day', async () => {
    const key = await newKey(4 * SECOND);
    expectRefusal(await post(key, clip(5)), { left_micro_usd: 4 * SECOND, affordable: { duration_seconds: 4 } });
    expect(await written(key)).toEqual({ jobs: 0, idempotency: 0, ledger: 0, pins: 0, uploads: 0 });
  });

  test.each([
    ['the statement itself', {}],
    ['a transaction, for a key whose waiting jobs are counted', { max_queued_jobs: 1000 }],
  ])('of many at once, by %s, as many are accepted as the day has room for', async (_by, limits) => {
    const key = await newKey(10 * SECOND + 49_999, limits);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => post(key, clip(1), { 'idempotency-key': `n-${n}` })),
    );
    const accepted = answers.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(10);
    for (const answer of answers.filter(({ status }) => status !== 202))
      expectRefusal(answer, { request_micro_usd: SECOND, affordable: {} });
    expect(await written(key)).toMatchObject({ jobs: 10, idempotency: 10, ledger: 10 });
    expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 10 * SECOND });
  });

  test('a request sent again finds its job, also on a day that this job has filled', async () => {
    const key = await newKey(5 * SECOND);
    const send = () => post(key, clip(5), { 'idempotency-key': 'once' });
    const answers = await Promise.all([send(), send(), send(), send(), send()]);
    answers.push(await send());
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 202]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });

  test('what a canceled job gives back may be held again', async () => {
    const key = await newKey(5 * SECOND);
    const { body } = await post(key, clip(5));
    expect((await post(key, clip(5))).status).toBe(429);
    await kiln.call('POST', `/v1/jobs/${body.id}/cancel`, undefined, as(key.secret));
    expect((await post(key, clip(5))).status).toBe(202);
  });

  test('what is refused is refused before anything is written', async () => {
    const key = await newKey(SECOND);
    await post(key, clip(2));
    const create = jest.spyOn(kiln.app.get(CreateRepository), 'create');
    for (let n = 0; n < 5; n += 1) expectRefusal(await post(key, clip(2)), { held_micro_usd: 0 });
    expect(create).not.toHaveBeenCalled();
    await post(key, clip(1));
    expect(create).toHaveBeenCalledTimes(1);
    create.mockRestore();
  });

  test('a quote is given on a full day too', async () => {
    const key = await newKey(0);
    expect((await post(key, clip(2), {}, '/v1/jobs/quote')).status).toBe(200);
  });
});

describe('facades', () => {
  test.each([
    ['/v1/images/generations', { model: 'flux-dev', prompt: 'a fox', n: 3, size: '256x256' }, 60_000, { n: 2 }],
    [
      '/v1/videos',
      { model: 'veo-3.1', prompt: 'a fox', seconds: '8', size: '1280x720' },
      6_400_000,
      { duration_seconds: 6 },
    ],
  ])('%s is refused by the same rule, before and beside the hold', async (path, body, price, affordable) => {
    const key = await newKey(price - 1);
    const refusal = await post(key, body, {}, path);
    expectRefusal(refusal, { request_micro_usd: price, left_micro_usd: price - 1, affordable });
    expect(await written(key)).toMatchObject({ jobs: 0, ledger: 0, uploads: 0 });
  });

  test('of many at once as many are accepted as the day has room for', async () => {
    const key = await newKey(3 * 3_200_000);
    const body = { model: 'veo-3.1', seconds: '4', size: '1280x720' };
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => post(key, { ...body, prompt: `fox ${n}` }, {}, '/v1/videos')),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 9_600_000 });
  });
});

describe('replay', () => {
  test("of one is held under its owner's budget of today", async () => {
    const key = await newKey(5 * SECOND);
    const { body } = await post(key, clip(4));
    await failed(body.id);
    await post(key, clip(2));
    const replay = () => kiln.call<JobView & Refused>('POST', `/v1/jobs/${body.id}/replay`, undefined, as(key.secret));
    expectRefusal(await replay(), {
      held_micro_usd: 2 * SECOND,
      left_micro_usd: 3 * SECOND,
      request_micro_usd: 4 * SECOND,
      affordable: {},
    });
    expect(await kiln.call('GET', `/v1/jobs/${body.id}`, undefined, as(key.secret))).toMatchObject({
      body: { status: 'failed', run: 1 },
    });
    await execute(kiln.database, sql`UPDATE api_key SET daily_budget_micro_usd = ${6 * SECOND} WHERE id = ${key.id}`);
    expect(await replay()).toMatchObject({ status: 202, body: { run: 2 } });
    expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 6 * SECOND });
  });

  test('of many at once holds what the day has room for, and leaves the others as they were', async () => {
    const key = await newKey(6 * SECOND);
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      const { body } = await post(key, clip(2));
      await failed(body.id);
      ids.push(body.id);
    }
    const answers = await Promise.all(
      ids.map((id) => kiln.call<Refused>('POST', `/v1/jobs/${id}/replay`, undefined, as(key.secret))),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(3);
    for (const answer of answers.filter(({ status }) => status !== 202)) expectRefusal(answer, { affordable: {} });
    const events = sql`SELECT count(*)::int AS n FROM job_event e JOIN job j ON j.id = e.job_id WHERE j.key_id = ${key.id} AND j.run = 1 AND e.data ? 'run'`;
    expect(await queryRow(kiln.database, events)).toEqual({ n: 0 });
    expect(await kiln.app.get(Ledger).proof(key.id, await today(kiln.database))).toMatchObject({
      balanced: true,
      counters: { spentMicroUsd: 0, heldMicroUsd: 6 * SECOND },
    });
  });

  test('a batch of ops skips what the owner can not pay, and says so', async () => {
    const key = await newKey(5 * SECOND);
    for (let n = 0; n < 3; n += 1) await failed((await post(key, clip(2))).body.id);
    const replay = (more = {}) =>
      kiln.call<ReplayBatchView & { count: number }>('POST', '/admin/jobs/replay', {
        filter: { key: key.id },
        ...more,
      });
    expect((await replay({ dry_run: true })).body).toMatchObject({ count: 3, cost_micro_usd: 6 * SECOND });
    const { body } = await replay();
    await kiln.app.get(ReplayBatches).runDue();
    expect((await kiln.call('GET', `/admin/replays/${body.id}`)).body).toMatchObject({
      status: 'done',
      done: 2,
      skipped: 1,
      skip_reasons: { budget_exceeded: 1 },
    });
    expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 4 * SECOND });
  });

  test('is charged to its own day, and the run before it to its own', async () => {
    const key = await newKey(2 * SECOND);
    const { body } = await post(key, clip(2));
    await failed(body.id);
    await execute(kiln.database, sql`UPDATE ledger_entry SET day = day - 1 WHERE key_id = ${key.id}`);
    await execute(kiln.database, sql`UPDATE budget_day SET day = day - 1 WHERE key_id = ${key.id}`);
    await kiln.call('POST', `/v1/jobs/${body.id}/replay`, undefined, as(key.secret));
    expect(await day(key)).toEqual({ spentMicroUsd: 0, heldMicroUsd: 2 * SECOND });
    await failed(body.id);
    const { rows } = await kiln.app.get(Ledger).proof(key.id, await today(kiln.database));
    expect(rows).toBe(2);
  });
});

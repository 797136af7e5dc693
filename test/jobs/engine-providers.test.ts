import { execute, queryRow, sql } from '../../src/database/database.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import {
  attemptsOf,
  bought,
  expectBooks,
  image,
  jobRow,
  newPrompt,
  reconcile,
  seen,
  settled,
  statesOf,
  timePasses,
  toldOps,
  until,
  video,
} from './engine-harness.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(async () => kiln.drop());
afterEach(async () => {
  await kiln.sandbox.clearFaults();
  await execute(kiln.database, sql`DELETE FROM route_state`);
  await execute(kiln.database, sql`DELETE FROM endpoint_state`);
});

/** It was tried, and waits for another slot. */
const waits = (id: string): Promise<boolean> =>
  until('it waits for another slot', async () => {
    const { status, stage, claimToken } = await jobRow(kiln.database, id);
    return status === 'running' && stage === 'waiting' && claimToken === null;
  });
const errorsOf = async (id: string): Promise<(string | undefined)[]> =>
  (await attemptsOf(kiln.database, id)).map(({ error }) => error?.kind);

test('a queue that ComfyUI lost in a restart runs again', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'comfyui', fault: 'never', match: prompt });
  const { id } = await kiln.post(image(prompt));
  await until('it is generating', async () => (await jobRow(kiln.database, id)).stage === 'generating');
  await kiln.sandbox.restartComfy(0);
  await kiln.sandbox.restartComfy(1);
  // Right after a submit "no such task" may be early: this one was a while ago.
  await execute(
    kiln.database,
    sql`UPDATE attempt SET submitted_at = submitted_at - interval '30 seconds' WHERE job_id = ${id}`,
  );
  const done = await settled(kiln, id);
  expect(done).toMatchObject({ status: 'succeeded', error: null });
  expect(await statesOf(kiln.database, id)).toEqual(['lost', 'succeeded']);
  expect(await bought(kiln.sandbox, 'comfyui', prompt)).toBe(2);
  expect(await toldOps(kiln.database, id)).toEqual(['attempt.lost']);
  await expectBooks(kiln, id, ['settle']);
});

test('a refusal for the rate waits as long as the provider asked, under the same hold', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'vertex', fault: '429', match: prompt });
  const { id } = await kiln.post(video(prompt, { routing: { only: ['vertex'] } }));
  await waits(id);
  expect(await kiln.get(id)).toMatchObject({ status: 'running', stage: 'waiting', cost: { charged_micro_usd: null } });
  const until429 = await queryRow<{ ahead: boolean; cooling: boolean }>(
    kiln.database,
    sql`SELECT ready_at > now() AS ahead, EXISTS (SELECT 1 FROM route_state WHERE id = 'veo-3.1/vertex' AND cooldown_until > now()) AS cooling FROM job WHERE id = ${id}`,
  );
  expect(until429).toEqual({ ahead: true, cooling: true });
  await reconcile(kiln);
  expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(1);
  // Its slot is free meanwhile.
  expect((await attemptsOf(kiln.database, id)).map(({ state, slotUntil }) => ({ state, slotUntil }))).toEqual([
    { state: 'failed', slotUntil: null },
  ]);
  await timePasses(kiln.database, id);
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
  expect(await bought(kiln.sandbox, 'vertex', prompt)).toBe(1);
  expect(await errorsOf(id)).toEqual(['rate_limited', undefined]);
  await expectBooks(kiln, id, ['settle']);
});

test('a provider that is away: the next route takes the same job under the same hold', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'vertex', fault: '503', match: prompt });
  const { id } = await kiln.post(video(prompt));
  const done = await settled(kiln, id);
  expect(done).toMatchObject({
    id,
    status: 'succeeded',
    error: null,
    route: { id: 'veo-3.1/gemini', provider: 'google' },
  });
  expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(1);
  expect(await bought(kiln.sandbox, 'vertex', prompt)).toBe(0);
  expect(await bought(kiln.sandbox, 'gemini', prompt)).toBe(1);
  await expectBooks(kiln, id, ['settle']);
});

test('both providers are away: the job waits; one is back: it is done', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'vertex', fault: '503', times: 100 });
  await kiln.sandbox.arm({ provider: 'gemini', fault: '503', times: 100 });
  const { id } = await kiln.post(video(prompt, { routing: { only: ['google'] } }));
  for (const tries of [2, 3]) {
    await until(
      'another try was refused',
      async () => (await statesOf(kiln.database, id)).length === tries && (await waits(id)),
    );
    expect(await kiln.get(id)).toMatchObject({ status: 'running', stage: 'waiting', error: null });
    if (tries === 3) await kiln.sandbox.clearFaults();
    await timePasses(kiln.database, id);
    await reconcile(kiln);
  }
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
  expect((await bought(kiln.sandbox, 'vertex', prompt)) + (await bought(kiln.sandbox, 'gemini', prompt))).toBe(1);
  await expectBooks(kiln, id, ['settle']);
});

test('a provider that stays away: the job ends with an error that says so', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'vertex', fault: '503', times: 100 });
  const { id } = await kiln.post(video(prompt, { routing: { only: ['vertex'], allow_fallback: false } }));
  await until('it gave up', async () => {
    await timePasses(kiln.database, id);
    await reconcile(kiln);
    return (await jobRow(kiln.database, id)).status === 'failed';
  });
  expect(await kiln.get(id)).toMatchObject({
    error: {
      code: 'provider_unavailable',
      message: expect.stringContaining('try again later') as string,
      retryable: true,
    },
    cost: { charged_micro_usd: 0 },
  });
  expect(await errorsOf(id)).toEqual(Array.from({ length: 6 }, () => 'unavailable'));
  await expectBooks(kiln, id, ['release']);
});

test('a sick instance is left alone for a while, the other one takes over', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'comfyui', fault: '429', match: prompt });
  const { id } = await kiln.post(image(prompt));
  await until('it was refused', async () => (await statesOf(kiln.database, id)).includes('failed'));
  await execute(kiln.database, sql`UPDATE job SET ready_at = now() WHERE id = ${id}`);
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
  const endpoints = (await attemptsOf(kiln.database, id)).map(({ endpoint }) => endpoint);
  expect(new Set(endpoints).size).toBe(2);
  expect(await queryRow(kiln.database, sql`SELECT id FROM endpoint_state WHERE cooldown_until > now()`)).toEqual({
    id: endpoints[0],
  });
  expect(await queryRow(kiln.database, sql`SELECT id FROM route_state WHERE cooldown_until > now()`)).toBeNull();
  await expectBooks(kiln, id, ['settle']);
});

test.each(['drop-after', 'malformed-submit'])('%s at ComfyUI: the task is found by its token', async (fault) => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'comfyui', fault, match: prompt });
  const { id } = await kiln.post(image(prompt));
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
  expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
  expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
  await expectBooks(kiln, id, ['settle']);
});

test('drop at ComfyUI: nothing was taken, so it is sent again', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'comfyui', fault: 'drop', match: prompt });
  const { id } = await kiln.post(image(prompt));
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
  expect(await bought(kiln.sandbox, 'comfyui', prompt)).toBe(1);
  expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(2);
  await expectBooks(kiln, id, ['settle']);
});

test('drop-after at Google, where nothing can be looked up: with on_unknown: next the other route delivers', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'vertex', fault: 'drop-after', match: prompt });
  const { id } = await kiln.post(video(prompt, { routing: { on_unknown: 'next' } }));
  const done = await kiln.finished(id);
  expect(done).toMatchObject({ status: 'succeeded', error: null, route: { id: 'veo-3.1/gemini' } });
  expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
  expect(await statesOf(kiln.database, id)).toEqual(['unknown', 'succeeded']);
  expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(1);
});

test('with on_unknown: next and no other route, the job waits instead of buying twice', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'vertex', fault: 'drop-after', match: prompt });
  const { id } = await kiln.post(video(prompt, { routing: { on_unknown: 'next', only: ['vertex'] } }));
  await until('it is unknown', async () => (await statesOf(kiln.database, id))[0] === 'unknown');
  await timePasses(kiln.database, id);
  await reconcile(kiln);
  await until('it looked again', async () => (await jobRow(kiln.database, id)).claimToken === null);
  expect(await jobRow(kiln.database, id)).toMatchObject({ status: 'running', stage: 'submitting' });
  expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(1);
  await kiln.call('POST', `/v1/jobs/${id}/cancel`);
});

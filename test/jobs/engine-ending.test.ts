import { execute, queryRows, sql } from '../../src/database/database.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { tinyPng } from '../support/media.js';
import {
  attemptsOf,
  bought,
  eventsOf,
  expectBooks,
  holdAt,
  image,
  jobRow,
  newPrompt,
  openGates,
  reconcile,
  seen,
  settled,
  statesOf,
  toldOps,
  until,
  video,
} from './engine-harness.js';
import { faultPoints } from '../../src/jobs/store/fault-points.js';

let kiln: Kiln;
let hook = '';
beforeAll(async () => {
  kiln = await startKiln();
  hook = `https://receiver.invalid/hook`;
});
afterAll(async () => kiln.drop());
afterEach(async () => {
  openGates();
  await kiln.sandbox.clearFaults();
  await lane('veo-vertex', 'open');
  await lane('comfyui', 'open');
  await execute(kiln.database, sql`DELETE FROM route_state`);
});

const lane = async (id: string, state: string): Promise<void> =>
  void (await execute(kiln.database, sql`UPDATE lane SET state = ${state} WHERE id = ${id}`));
const cancel = (id: string) => kiln.call('POST', `/v1/jobs/${id}/cancel`);
const generating = async (id: string): Promise<void> =>
  void (await until('it is generating', async () => (await jobRow(kiln.database, id)).stage === 'generating'));
const deliveries = (id: string): Promise<{ event: string; run: number }[]> =>
  queryRows(kiln.database, sql`SELECT event, run FROM webhook_delivery WHERE job_id = ${id} ORDER BY run, created_at`);
const deadlinePasses = async (id: string): Promise<void> => {
  await execute(kiln.database, sql`UPDATE job SET deadline_at = now() - interval '1 millisecond' WHERE id = ${id}`);
  await execute(kiln.database, sql`UPDATE job SET wake_at = now() WHERE id = ${id} AND wake_at IS NOT NULL`);
};

describe('cancel', () => {
  test('of a queued job is final at once; again is the same answer', async () => {
    await lane('veo-vertex', 'paused');
    const prompt = newPrompt();
    const { id } = await kiln.post({ ...video(prompt), webhook: { url: hook } });
    expect(await cancel(id)).toMatchObject({
      status: 200,
      body: { status: 'canceled', cost: { charged_micro_usd: 0 } },
    });
    expect(await cancel(id)).toMatchObject({ status: 200, body: { status: 'canceled' } });
    await lane('veo-vertex', 'open');
    await reconcile(kiln);
    expect(await attemptsOf(kiln.database, id)).toEqual([]);
    expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(0);
    expect(await deliveries(id)).toEqual([{ event: 'job.canceled', run: 1 }]);
    await expectBooks(kiln, id, ['release']);
  });

  test('of a job whose references are being prepared lets go of them', async () => {
    const png = (await tinyPng()).toString('base64');
    await execute(kiln.database, sql`UPDATE lane SET state = 'paused' WHERE id = 'comfyui'`);
    const { id } = await kiln.post({
      model: 'wan-2.2',
      input: { prompt: newPrompt(), image: `data:image/png;base64,${png}`, duration_seconds: 2 },
    });
    expect(await cancel(id)).toMatchObject({ status: 200 });
    expect(await queryRows(kiln.database, sql`SELECT asset_id FROM asset_pin WHERE job_id = ${id}`)).toEqual([]);
    await expectBooks(kiln, id, ['release']);
  });

  test('of a generating job stops it at a provider that can, and nothing is charged', async () => {
    const prompt = newPrompt();
    await kiln.sandbox.arm({ provider: 'comfyui', fault: 'never', match: prompt });
    const { id } = await kiln.post(image(prompt));
    await generating(id);
    expect(await cancel(id)).toMatchObject({ status: 200, body: { cost: { charged_micro_usd: null } } });
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'canceled', cost: { charged_micro_usd: 0 } });
    expect(await statesOf(kiln.database, id)).toEqual(['canceled']);
    await expectBooks(kiln, id, ['release']);
  });

  test('of a generating job that can not be stopped is charged when it is known to have been made', async () => {
    const prompt = newPrompt();
    const { id } = await kiln.post({ ...video(prompt), webhook: { url: hook } });
    await generating(id);
    expect(await cancel(id)).toMatchObject({ status: 200, body: { cost: { charged_micro_usd: null } } });
    const replay = await kiln.call('POST', `/v1/jobs/${id}/replay`);
    expect(replay).toMatchObject({ status: 409, body: { error: { type: 'attempt_open' } } });
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'canceled', outputs: [] });
    expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
    expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
    expect(await deliveries(id)).toEqual([{ event: 'job.canceled', run: 1 }]);
    await expectBooks(kiln, id, ['settle']);
  });

  test('after the end is 409 with the outcome', async () => {
    const { id } = await kiln.post(image(newPrompt()));
    await settled(kiln, id);
    expect(await cancel(id)).toMatchObject({ status: 409, body: { error: { type: 'job_finished' } } });
    await expectBooks(kiln, id, ['settle']);
  });
});

describe('time', () => {
  test('a deadline ends a job that is generating, and stops its attempt', async () => {
    const prompt = newPrompt();
    await kiln.sandbox.arm({ provider: 'comfyui', fault: 'never', match: prompt });
    const { id } = await kiln.post(image(prompt));
    await generating(id);
    await deadlinePasses(id);
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded', retryable: true } });
    expect(await statesOf(kiln.database, id)).toEqual(['canceled']);
    await expectBooks(kiln, id, ['release']);
  });

  test('what succeeds after the deadline is neither delivered nor charged', async () => {
    const prompt = newPrompt();
    const { id } = await kiln.post({ ...video(prompt), webhook: { url: hook } });
    await generating(id);
    await deadlinePasses(id);
    const done = await settled(kiln, id);
    expect(done).toMatchObject({
      status: 'failed',
      error: { code: 'deadline_exceeded' },
      outputs: [],
      cost: { charged_micro_usd: 0 },
    });
    expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
    expect(await deliveries(id)).toEqual([{ event: 'job.failed', run: 1 }]);
    await expectBooks(kiln, id, ['release']);
  });

  test('once the provider has succeeded the deadline no longer applies', async () => {
    const gate = holdAt('store.half');
    const { id } = await kiln.post(image(newPrompt()));
    await gate.reached;
    await deadlinePasses(id);
    gate.open();
    expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
    await expectBooks(kiln, id, ['settle']);
  });

  test('a job that finds no slot in start_timeout_seconds fails, and one that started is not touched by it', async () => {
    await lane('veo-vertex', 'paused');
    const { id } = await kiln.post(video(newPrompt(), { start_timeout_seconds: 60, routing: { only: ['vertex'] } }));
    const startTimePasses = () =>
      execute(
        kiln.database,
        sql`UPDATE job SET start_by = now() - interval '1 millisecond', wake_at = now() WHERE id = ${id}`,
      );
    await startTimePasses();
    expect(await settled(kiln, id)).toMatchObject({ status: 'failed', error: { code: 'start_timeout' } });
    await expectBooks(kiln, id, ['release']);

    const prompt = newPrompt();
    await kiln.sandbox.arm({ provider: 'vertex', fault: '503', match: prompt });
    await lane('veo-vertex', 'open');
    const again = await kiln.post(video(prompt, { start_timeout_seconds: 60, routing: { only: ['vertex'] } }));
    await until('it was refused', async () => (await statesOf(kiln.database, again.id)).includes('failed'));
    await until('it waits', async () => (await jobRow(kiln.database, again.id)).stage === 'waiting');
    await execute(
      kiln.database,
      sql`UPDATE job SET start_by = now() - interval '1 second', wake_at = now() WHERE id = ${again.id}`,
    );
    await reconcile(kiln);
    // Woken once, it sleeps until its deadline instead of waking for ever for a time that no longer counts.
    await until('it sleeps', async () => {
      const { wakeAt, deadlineAt } = await jobRow(kiln.database, again.id);
      return wakeAt?.getTime() === deadlineAt.getTime();
    });
    await cancel(again.id);
    await expectBooks(kiln, again.id, ['release']);
  });
});

test('a replay is another run: new hold, new terminal event, the same id', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'vertex', fault: 'policy-submit', match: prompt });
  const { id } = await kiln.post({ ...video(prompt), webhook: { url: hook } });
  expect(await settled(kiln, id)).toMatchObject({
    status: 'failed',
    error: { code: 'content_policy', retryable: false },
  });
  expect(await kiln.call('POST', `/v1/jobs/${id}/replay`)).toMatchObject({ status: 202, body: { id } });
  const done = await settled(kiln, id);
  expect(done).toMatchObject({ status: 'succeeded', run: 2, error: null });
  expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
  expect(await bought(kiln.sandbox, 'vertex', prompt)).toBe(1);
  expect(await deliveries(id)).toEqual([
    { event: 'job.failed', run: 1 },
    { event: 'job.succeeded', run: 2 },
  ]);
  expect(await kiln.call('POST', `/v1/jobs/${id}/replay`)).toMatchObject({ status: 409 });
  await expectBooks(kiln, id, ['release', 'settle']);
});

describe('a step that never ends', () => {
  /** The job's step breaks at its end, each time, until it is set aside. */
  async function quarantined(): Promise<string> {
    faultPoints.reach = (point) => {
      if (point === 'process.derived') throw new Error('a bug');
    };
    const { id } = await kiln.post(image(newPrompt()));
    await until('it is set aside', async () => {
      // Its back-off is over; a step that runs is left alone.
      await execute(
        kiln.database,
        sql`UPDATE job SET wake_at = now() WHERE id = ${id} AND wake_at > now() AND claim_token IS NULL`,
      );
      await reconcile(kiln);
      return (await jobRow(kiln.database, id)).quarantinedAt;
    });
    faultPoints.reach = null;
    return id;
  }

  test('is tried three times, then people are asked; they let it go on', async () => {
    const id = await quarantined();
    expect(await jobRow(kiln.database, id)).toMatchObject({
      status: 'running',
      stage: 'processing',
      wakeAt: null,
      claimToken: null,
    });
    expect(await toldOps(kiln.database, id)).toEqual(['job.quarantined']);
    await reconcile(kiln);
    expect((await jobRow(kiln.database, id)).stage).toBe('processing');
    expect((await kiln.call('POST', `/admin/jobs/${id}/release`)).status).toBeLessThan(300);
    expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
    expect((await jobRow(kiln.database, id)).claims).toBe(0);
    await expectBooks(kiln, id, ['settle']);
  });

  test('does not keep a canceled job from its end, nor from a replay', async () => {
    const id = await quarantined();
    expect(await cancel(id)).toMatchObject({ status: 200, body: { status: 'canceled' } });
    await expectBooks(kiln, id, ['settle']);
    expect((await kiln.call('POST', `/v1/jobs/${id}/replay`)).status).toBe(202);
    expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', run: 2 });
    await expectBooks(kiln, id, ['settle', 'settle']);
    expect((await eventsOf(kiln.database, id)).filter((type) => type === 'job.queued').length).toBeGreaterThan(0);
  });
});

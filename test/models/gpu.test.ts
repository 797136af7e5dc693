import { until } from '../../sandbox/test-client.js';
import { queryRow, sql } from '../../src/database/database.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { type AliasRun, testAliases } from '../support/run-alias.js';

const MODEL = 'Skywork/SkyReels-V2-DF-14B-720P';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterEach(async () => kiln.sandbox.clearFaults());
afterAll(async () => kiln.drop());

const row = (
  only: string,
  operation: string,
  input: Record<string, unknown>,
  expected: Partial<AliasRun['expect']>,
  files?: AliasRun['files'],
): AliasRun => ({
  model: 'skyreels-v2',
  only,
  operation,
  input: { prompt: 'a kite over the sea', ...input },
  ...(files ? { files } : {}),
  expect: {
    type: 'video',
    sound: false,
    contentType: 'video/mp4',
    upstreamModel: MODEL,
    substituted: false,
    ...expected,
  },
});
const wide = { width: 1280, height: 720 };

const onEither = (only: string): AliasRun[] => [
  row(only, 'text_to_video', {}, { ...wide, seconds: 5, warnings: /121 frames at 24 fps/ }),
  row(
    only,
    'text_to_video',
    {
      duration_seconds: 2,
      resolution: '540p',
      aspect_ratio: '9:16',
      seed: 4294967294,
      steps: 30,
      guidance: 6.5,
      fps: 24,
      negative_prompt: 'text',
    },
    { width: 544, height: 960, seconds: 2, warnings: /resolution 540p became 544x960/ },
  ),
  row(only, 'image_to_video', { duration_seconds: 1 }, { ...wide, seconds: 1 }, { image: 'image' }),
  row(
    only,
    'image_to_video',
    { duration_seconds: 1, aspect_ratio: '9:16' },
    { width: 720, height: 1280, seconds: 1 },
    { image: 'square' },
  ),
  row(
    only,
    'first_last_frame',
    { duration_seconds: 2 },
    { ...wide, seconds: 2 },
    { image: 'image', last_image: 'square' },
  ),
  row(
    only,
    'video_to_video',
    { duration_seconds: 2 },
    { ...wide, seconds: 5, warnings: /goes on for 2 s/ },
    { video: 'video' },
  ),
];

const rows: AliasRun[] = [
  ...onEither('gpu'),
  ...onEither('runpod'),
  row('gpu', 'text_to_video', { duration_seconds: 120, seed: 1 }, { ...wide, seconds: 120 }),
  row('runpod', 'text_to_video', { duration_seconds: 120, seed: 1 }, { ...wide, seconds: 120 }),
  row(
    'wan',
    'text_to_video',
    { duration_seconds: 2 },
    { width: 1280, height: 704, seconds: 2, upstreamModel: 'wan2.2-ti2v-5b', substituted: true },
  ),
  row(
    'wan',
    'image_to_video',
    { duration_seconds: 1, seed: 3, steps: 10, guidance: 5 },
    { width: 1280, height: 704, seconds: 1, upstreamModel: 'wan2.2-ti2v-5b', substituted: true },
    { image: 'image' },
  ),
];

describe('every route makes what was asked for', () => {
  testAliases(rows, () => kiln);
});

const job = (prompt: string, more: Record<string, unknown> = {}, only?: string): Record<string, unknown> => ({
  model: 'skyreels-v2',
  input: { prompt, duration_seconds: 1, seed: 7, ...more },
  ...(only ? { routing: { only: [only], allow_fallback: false } } : {}),
});
const run = async (body: Record<string, unknown>): Promise<JobView> => kiln.finished((await kiln.post(body)).id, 40);
const steer = async (path: string, body: object = {}): Promise<void> => {
  const response = await fetch(`${kiln.sandbox.url}/gpu/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
};
/** How often a fact of the sandbox's counts grew while `work` ran. */
async function grown(name: string, work: () => Promise<void>): Promise<number> {
  const before = (await kiln.sandbox.counts('gpu'))[name] ?? 0;
  await work();
  return ((await kiln.sandbox.counts('gpu'))[name] ?? 0) - before;
}
const startedOn = (id: string): Promise<unknown> =>
  until(() => queryRow(kiln.database, sql`SELECT 1 FROM attempt WHERE job_id = ${id} AND state = 'running'`));

describe('what no route here can do', () => {
  it('a long clip and one that goes on are not given to the substitute', async () => {
    for (const more of [{ duration_seconds: 9 }, { resolution: '540p' }])
      expect((await kiln.call('POST', '/v1/jobs', job('x', more, 'wan'))).status).toBe(400);
  });

  it('a last frame needs a first one', async () => {
    const last = 'data:image/png;base64,iVBORw0KGgo=';
    const answer = await kiln.call('POST', '/v1/jobs', job('x', { last_image: last }));
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining('first frame')]);
  });
});

describe.each(['gpu', 'runpod'])('%s', (only) => {
  it('a withheld result fails the job as content_policy', async () => {
    const done = await run(job('x [[sandbox:policy]]', {}, only));
    expect(done).toMatchObject({
      status: 'failed',
      error: { code: 'content_policy' },
      cost: { charged_micro_usd: 0 },
    });
    expect(done.error?.message).toContain('withheld');
  });

  it('a link into the inner network is not followed', async () => {
    const done = await run(job('x [[sandbox:off-origin]]', {}, only));
    expect(done).toMatchObject({ status: 'failed', error: { code: 'invalid_result' } });
    expect(done.error?.message).not.toContain('169.254');
  });

  it('a result that is gone', async () => {
    expect((await run(job('x [[sandbox:expired]]', {}, only))).error?.code).toBe('result_expired');
  });

  it('a download that breaks off goes on where it was', async () => {
    const whole = await run(job('rain', {}, only));
    const torn = await run(job('rain[[sandbox:truncate]]', {}, only));
    expect([torn.error, torn.outputs[0]?.sha256]).toEqual([null, whole.outputs[0]?.sha256]);
  });

  it('a run that is canceled is canceled at the endpoint', async () => {
    const cancels = async () => (await kiln.sandbox.counts('gpu'))['cancels'] ?? 0;
    const before = await cancels();
    const { id } = await kiln.post(job('x [[sandbox:never]]', {}, only));
    await startedOn(id);
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
    expect((await kiln.finished(id)).status).toBe('canceled');
    await until(async () => (await cancels()) > before);
  });
});

describe('the contract', () => {
  it('a prompt refused at once', async () => {
    const done = await run(job('x [[sandbox:policy-submit]]', {}, 'gpu'));
    expect(done).toMatchObject({ status: 'failed', error: { code: 'content_policy' } });
  });

  it('a submit that got no answer is sent again and made once', async () => {
    let done: JobView | null = null;
    const accepted = await grown('submits_accepted', async () => {
      const repeated = await grown('submits_repeated', async () => {
        done = await run(job('x [[sandbox:drop-after]]', {}, 'gpu'));
      });
      expect(repeated).toBe(1);
    });
    expect([accepted, done]).toMatchObject([1, { status: 'succeeded' }]);
  });

  it('a job that a restart lost runs again', async () => {
    const { id } = await kiln.post(job('x [[sandbox:latency=2000]]', {}, 'gpu'));
    await startedOn(id);
    await steer('_restart');
    const done = await kiln.finished(id, 60);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(done.attempts.map(({ state }) => state)).toEqual(['lost', 'succeeded']);
  }, 70_000);

  it('while the GPU wakes, RunPod answers', async () => {
    await steer('_sleep', { load_ms: 60_000 });
    const done = await run(job('cold'));
    expect(done).toMatchObject({ status: 'succeeded', error: null, route: { provider: 'gpu', substituted: false } });
    expect(done.outputs[0]).toMatchObject({ width: 1280, height: 720 });
    expect((await kiln.sandbox.requests('gpu')).at(-1)?.path).toBe('/gpu/runpod/v2/skyreels/run');
    await steer('_restart');
  });

  it('where neither takes it, the substitute answers, if it may', async () => {
    await kiln.sandbox.arm({ provider: 'gpu', fault: '429', times: 2, match: 'busy' });
    const done = await run(job('busy'));
    expect(done).toMatchObject({ status: 'succeeded', route: { provider: 'comfyui', substituted: true } });
  });
});

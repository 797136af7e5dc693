import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { execute, queryRow, sql } from '../../src/database/database.js';
import { faultPoints } from '../../src/jobs/store/fault-points.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { until } from '../../sandbox/test-client.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { clipFile } from '../support/media.js';
import { type AliasRun, sample, testAliases } from '../support/run-alias.js';

let kiln: Kiln;
/** A clip as Seedance takes them: the shared sample has fewer pixels than its least. */
let clip: string;
beforeAll(async () => {
  kiln = await startKiln();
  const path = await clipFile('mp4', { width: 864, height: 480, seconds: 3, fps: 24 });
  clip = `data:video/mp4;base64,${(await readFile(path)).toString('base64')}`;
});
afterEach(() => {
  faultPoints.reach = null;
});
afterAll(async () => kiln.drop());

type Row = Omit<AliasRun, 'model'> & { clips?: number };
const SMALL = { prompt: 'A kite over dunes', duration_seconds: 4, resolution: '480p' };
const wide = { type: 'video', width: 864, height: 496, seconds: 4.04, sound: true } as const;
const BYTEPLUS = { upstreamModel: 'dreamina-seedance-2-0-260128', substituted: false };
const VOLCENGINE = { upstreamModel: 'doubao-seedance-2-0-260128', substituted: false };

const text = (only: string, input: Record<string, unknown>, expected: AliasRun['expect']): Row => ({
  only,
  operation: 'text_to_video',
  input: { ...SMALL, ...input },
  expect: expected,
});

const rows: Row[] = [
  {
    only: 'byteplus',
    operation: 'text_to_video',
    input: { prompt: 'By default' },
    expect: { ...wide, ...BYTEPLUS, width: 1280, height: 720, seconds: 5.04 },
  },
  text('byteplus', { generate_audio: false, seed: 7, fps: 24 }, { ...wide, sound: false }),
  text('volcengine', { aspect_ratio: '9:16', resolution: '720p' }, { ...wide, width: 720, height: 1280 }),
  text('byteplus', { aspect_ratio: '21:9', resolution: '1080p' }, { ...wide, width: 2206, height: 946 }),
  text('byteplus', { resolution: '4k', generate_audio: false }, { ...wide, width: 3840, height: 2160, sound: false }),
  text('byteplus', { duration_seconds: 15 }, { ...wide, seconds: 15.04 }),
  {
    only: 'byteplus',
    operation: 'image_to_video',
    input: SMALL,
    files: { image: 'square' },
    expect: { ...wide, width: 640, height: 640, warnings: /aspect_ratio 16:9 gave way to the shape of image/ },
  },
  {
    only: 'volcengine',
    operation: 'image_to_video',
    input: SMALL,
    files: { image: 'image' },
    expect: { ...wide, ...VOLCENGINE },
  },
  {
    only: 'byteplus',
    operation: 'first_last_frame',
    input: SMALL,
    files: { image: 'image', last_image: 'square' },
    expect: wide,
  },
  {
    only: 'byteplus',
    operation: 'reference_to_video',
    input: { ...SMALL, aspect_ratio: '3:4' },
    files: { reference_images: Array.from({ length: 9 }, () => 'image' as const) },
    expect: { ...wide, width: 560, height: 752 },
  },
  { only: 'byteplus', operation: 'reference_to_video', input: SMALL, clips: 2, expect: wide },
  {
    only: 'byteplus',
    operation: 'reference_to_video',
    input: { ...SMALL, aspect_ratio: '1:1' },
    clips: 1,
    files: { reference_images: ['image', 'square'], reference_audios: ['audio'] },
    providerOptions: { ark: { safety_identifier: 'u-1' } },
    expect: { ...wide, width: 640, height: 640 },
  },
  {
    only: 'volcengine',
    operation: 'reference_to_video',
    input: SMALL,
    clips: 1,
    files: { reference_audios: ['audio'] },
    expect: { ...wide, ...VOLCENGINE },
  },
];

describe('every route and operation ends in a stored clip', () => {
  testAliases(
    rows.map(({ clips = 0, input, ...row }) => ({
      model: 'seedance-2',
      ...row,
      input: { ...input, ...(clips > 0 && { reference_videos: Array.from({ length: clips }, () => 'clip') }) },
    })),
    () => kiln,
    ({ input, ...row }) => ({
      ...row,
      input: Array.isArray(input['reference_videos'])
        ? { ...input, reference_videos: input['reference_videos'].map(() => clip) }
        : input,
    }),
  );
});

const body = (prompt: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: 'seedance-2',
  input: { ...SMALL, generate_audio: false, prompt, ...more },
  routing: { only: ['byteplus'], allow_fallback: false },
});
const run = async (prompt: string, more: Record<string, unknown> = {}): Promise<JobView> =>
  kiln.finished((await kiln.post(body(prompt, more))).id);
const submits = async (contains: string) =>
  (await kiln.sandbox.requests('ark')).filter((one) => JSON.stringify(one.body).includes(contains));

describe('what is asked of the provider', () => {
  test('fields, never flags; no watermark; given up when nobody waits for it any more', async () => {
    await run('an unmarked kite', { seed: 3 });
    const [submit] = await submits('an unmarked kite');
    expect(submit?.body).toEqual({
      callback_url: expect.stringMatching(/\/callbacks\/ark\//),
      model: 'dreamina-seedance-2-0-260128',
      content: [{ type: 'text', text: 'an unmarked kite' }],
      resolution: '480p',
      ratio: '16:9',
      duration: 4,
      seed: 3,
      generate_audio: false,
      watermark: false,
      execution_expires_after: 7200,
    });
  });

  test('pictures go inside of the request, clips and sounds by link', async () => {
    await kiln.finished(
      (
        await kiln.post({
          model: 'seedance-2',
          input: { ...SMALL, prompt: 'by link', reference_videos: [clip], reference_images: [await sample('square')] },
          routing: { only: ['byteplus'] },
        })
      ).id,
    );
    const [submit] = await submits('by link');
    expect(submit?.body['content']).toEqual([
      { type: 'text', text: 'by link' },
      {
        type: 'image_url',
        image_url: { url: expect.stringMatching(/^data:image/) as string },
        role: 'reference_image',
      },
      { type: 'video_url', video_url: { url: expect.stringMatching(/^https?:/) as string }, role: 'reference_video' },
    ]);
  });

  const PNG = 'https://example.com/a.png';
  test.each([
    ['a flag', { prompt: 'a cat --rs 1080p' }, /prompt holds '--rs'/],
    ['another flag', { prompt: 'a cat --dur 15' }, /prompt holds '--dur'/],
    ['a sound alone', { reference_audios: ['https://example.com/a.mp3'] }, /reference_audios need/],
    ['frames and references', { image: PNG, reference_images: [PNG] }, /'input.reference_images' is not allowed/],
    ['a last frame alone', { last_image: PNG }, /'input.image' is required/],
    ['a negative prompt', { negative_prompt: 'y' }, /Seedance has no such control/],
    ['three seconds', { duration_seconds: 3 }, /from 4 to 15/],
    ['a step in between', { duration_seconds: 4.5 }, /an integer/],
  ])('%s is refused with 400 before anything is bought', async (_what, input, message) => {
    const answer = await kiln.call('POST', '/v1/jobs', { model: 'seedance-2', input: { prompt: 'x', ...input } });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toMatch(message);
  });

  test('more seconds of reference video than the price carries fail the job, by name', async () => {
    const job = await run('too long', { reference_videos: [clip, clip, clip] });
    expect(job.error).toMatchObject({ code: 'invalid_input' });
    expect(job.error?.message).toContain('a clip of 4 s takes at most 8 s of them');
    expect(await submits('too long')).toEqual([]);
  });
});

test('what an attempt has cost is read from its tokens, below what the client pays', async () => {
  const costOf = async (job: JobView): Promise<number> => {
    const row = await queryRow<{ cost: bigint }>(
      kiln.database,
      sql`SELECT upstream_cost_micro_usd AS cost FROM attempt WHERE job_id = ${job.id}`,
    );
    return Number(row?.cost);
  };
  const plain = await run('plain');
  // 864 × 496 × 97 / 1024 tokens at 7 USD a million.
  expect(await costOf(plain)).toBe(Math.ceil(Math.floor((864 * 496 * 97) / 1024) * 7));
  // 4 s × 10,149 tokens × 7 USD a million × 2.
  expect(plain.cost.charged_micro_usd).toBe(568_344);
  const referenced = await run('referenced', { reference_videos: [clip, clip] });
  expect(await costOf(referenced)).toBe(Math.ceil(Math.floor((864 * 496 * (97 + 6 * 24)) / 1024) * 4.3));
  expect(referenced.cost.charged_micro_usd).toBe(568_344);
});

describe('what can go wrong', () => {
  test.each(['policy', 'policy-submit'])('%s is content_policy, and free', async (fault) => {
    const job = await run(`rain [[sandbox:${fault}]]`);
    expect(job).toMatchObject({ status: 'failed', error: { code: 'content_policy', retryable: false } });
    expect(job.cost.charged_micro_usd).toBe(0);
  });

  test('a link elsewhere is not followed', async () => {
    const job = await run('rain [[sandbox:off-origin]]');
    expect(job.error).toMatchObject({ code: 'invalid_result' });
    expect(job.cost.charged_micro_usd).toBe(0);
  });

  test('a link that is dead, also after fresh ones', async () => {
    expect((await run('rain [[sandbox:expired]]')).error).toMatchObject({ code: 'result_expired' });
  });

  test('a download that breaks off goes on where it was', async () => {
    const [whole, torn] = await Promise.all([run('rain', { seed: 7 }), run('rain[[sandbox:truncate]]', { seed: 7 })]);
    expect([whole.error, torn.error]).toEqual([null, null]);
    const bytes = Buffer.from(await (await fetch(torn.outputs[0]?.url ?? '')).arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(whole.outputs[0]?.sha256);
  });

  test('a download that always breaks off is given up in the end', async () => {
    const { id } = await kiln.post(body('rain [[sandbox:truncate-always]]'));
    faultPoints.reach = async (point, jobId) => {
      if (point !== 'store.half' || jobId !== id) return;
      await execute(
        kiln.database,
        sql`UPDATE attempt SET provider_done_at = now() - interval '7 hours' WHERE job_id = ${id}`,
      );
    };
    expect((await kiln.finished(id)).error).toMatchObject({ code: 'result_unreachable' });
  });

  test('trouble of polls is waited out', async () => {
    for (const fault of ['429-poll=1', '500-poll=1', 'malformed=1'])
      expect((await run(`fog [[sandbox:${fault}]]`)).status).toBe('succeeded');
  });
});

describe('cancel', () => {
  const statusOf = async (taskId: string): Promise<string> => {
    const response = await fetch(`${kiln.sandbox.url}/ark/api/v3/contents/generations/tasks/${taskId}`, {
      headers: { authorization: 'Bearer sandbox' },
    });
    return ((await response.json()) as { status: string }).status;
  };
  const speed = async (value: number): Promise<void> => {
    await fetch(`${kiln.sandbox.url}/_sandbox/speed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ speed: value }),
    });
  };
  const accepted = async (prompt: string): Promise<string> =>
    until(async () => (await submits(prompt)).find(({ taskId }) => taskId !== null)?.taskId ?? null);

  test('a task that waits at the provider is taken back', async () => {
    await speed(1000);
    try {
      const { id } = await kiln.post(body('taken back'));
      const taskId = await accepted('taken back');
      await until(async () => (await kiln.get(id)).stage === 'generating');
      await kiln.call('POST', `/v1/jobs/${id}/cancel`, {});
      const job = await kiln.finished(id);
      expect(job.status).toBe('canceled');
      await until(async () => (await statusOf(taskId)) === 'cancelled');
    } finally {
      await speed(0.02);
    }
  });

  test('one that runs is left alone: no DELETE reaches a task that is not queued', async () => {
    const { id } = await kiln.post(body('runs on [[sandbox:latency=1500]]'));
    const taskId = await accepted('runs on');
    await until(async () => (await statusOf(taskId)) === 'running' && (await kiln.get(id)).stage === 'generating');
    const before = (await kiln.sandbox.counts('ark'))['deletes'] ?? 0;
    await kiln.call('POST', `/v1/jobs/${id}/cancel`, {});
    await kiln.finished(id);
    await until(async () => (await statusOf(taskId)) === 'succeeded');
    expect((await kiln.sandbox.counts('ark'))['deletes'] ?? 0).toBe(before);
  });
});

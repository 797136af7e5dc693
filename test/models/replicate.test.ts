import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { until } from '../../sandbox/test-client.js';
import { faultPoints } from '../../src/jobs/store/fault-points.js';
import { execute, queryRow, sql } from '../../src/database/database.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { type AliasRun, testAliases } from '../support/run-alias.js';

/** Aliases that only this test needs: Kling, LoRAs by link, and a model that runs by its version. */
const OVERLAY = `
models:
  kling-test:
    modality: video
    title: Kling
    description: Kling by Replicate.
    created: 2026-11-26
    operations: [text_to_video, image_to_video, first_last_frame]
    input:
      prompt: { required: true, max_length: 2500 }
      negative_prompt: { max_length: 2500 }
      image: {}
      last_image: {}
      duration_seconds: { type: integer, min: 3, max: 10, default: 5 }
      resolution: { values: [720p, 1080p, 4k], default: 720p }
      aspect_ratio: { values: ["16:9", "9:16", "1:1"], default: "16:9" }
      generate_audio: { default: false }
      seed: { min: 0, max: 100 }
    price: replicate-kling-3.0
    routes:
      replicate: &route
        provider: replicate
        model: kwaivgi/kling-v3-video
        endpoints: [https://api.replicate.com/v1]
        credential: replicate
        lane: replicate
        settings: { family: kling-v3, cancel_after_seconds: 1800 }
        upstream_price: replicate-kling-3.0
        max_run_seconds: 1800
        expected_seconds: 60
        sandbox: { paths: [/replicate/v1] }
  flux-dev:
    input:
      loras: { urls: true, max_items: 4 }
    routes:
      replicate-lora:
        <<: *route
        model: black-forest-labs/flux-dev-lora
        settings: { family: flux-dev-lora }
        upstream_price: replicate-flux-dev-lora
      replicate-version:
        <<: *route
        model: black-forest-labs/flux-dev
        settings: { family: flux-dev, version: VERSION }
        upstream_price: replicate-flux-dev
`;

let kiln: Kiln;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kiln-replicate-'));
  const catalog = join(dir, 'catalog.yaml');
  // The version that the sandbox gives the official model.
  const version = createHash('sha256').update('black-forest-labs/flux-dev').digest('hex');
  await writeFile(catalog, OVERLAY.replace('VERSION', version));
  kiln = await startKiln({ env: { KILN_CATALOG: catalog } });
});
afterEach(() => {
  faultPoints.reach = null;
});
afterAll(async () => {
  await kiln.drop();
  await rm(dir, { recursive: true, force: true });
});

const flux = (input: object, expected: object, more: Partial<AliasRun> = {}): AliasRun => ({
  model: 'flux-dev',
  only: 'replicate',
  operation: 'text_to_image',
  input: { prompt: 'a kite over dunes', ...input },
  expect: { type: 'image', contentType: 'image/png', upstreamModel: 'black-forest-labs/flux-dev', ...expected },
  ...more,
});
const lora = (input: object, more: Partial<AliasRun> = {}): AliasRun =>
  flux(
    input,
    { width: 1024, height: 1024, upstreamModel: 'black-forest-labs/flux-dev-lora' },
    {
      only: 'replicate-lora',
      ...more,
    },
  );
const kling = (input: object, expected: object, more: Partial<AliasRun> = {}): AliasRun => ({
  model: 'kling-test',
  only: 'replicate',
  operation: 'text_to_video',
  input: { prompt: 'a kite over dunes', duration_seconds: 3, ...input },
  expect: { type: 'video', contentType: 'video/mp4', seconds: 3, sound: false, ...expected },
  ...more,
});

const SHAPES: [string, number, number][] = [
  ['1:1', 1024, 1024],
  ['16:9', 1344, 768],
  ['9:16', 768, 1344],
  ['4:3', 1152, 896],
  ['3:4', 896, 1152],
  ['3:2', 1216, 832],
  ['2:3', 832, 1216],
  ['5:4', 1088, 896],
  ['4:5', 896, 1088],
  ['21:9', 1536, 640],
];
const WEIGHTS = 'https://example.com/film.safetensors';
const image = { image: 'image' } as const;

const ROWS: AliasRun[] = [
  flux({}, { width: 1024, height: 1024 }),
  ...SHAPES.map(([aspect_ratio, width, height]) => flux({ aspect_ratio }, { width, height })),
  flux({ size: '1216x832' }, { width: 1216, height: 832 }),
  flux({ width: 768, height: 1344 }, { width: 768, height: 1344 }),
  flux({ n: 4, seed: 7, steps: 30, guidance: 3.5, output_format: 'png' }, { count: 4 }),
  flux({ strength: 0.6 }, { width: 1280, height: 720 }, { operation: 'image_to_image', files: { images: ['image'] } }),
  flux({ seed: 7 }, { width: 1024, height: 1024 }, { operation: 'image_to_image', files: { images: ['square'] } }),
  flux({ seed: 7 }, { warnings: /seed does not fix/ }, { providerOptions: { replicate: { go_fast: true } } }),
  flux({ aspect_ratio: '16:9' }, { width: 1344, height: 768 }, { only: 'replicate-version' }),
  lora({ loras: [{ url: WEIGHTS, strength: 0.8 }] }),
  lora({
    loras: [
      { url: WEIGHTS, strength: 0.8 },
      { url: 'https://huggingface.co/owner/model', strength: -0.5 },
    ],
    seed: 3,
  }),
  lora(
    { loras: [{ url: WEIGHTS, strength: 1 }], strength: 0.4 },
    {
      operation: 'image_to_image',
      files: { images: ['square'] },
    },
  ),
  kling({}, { width: 1280, height: 720 }),
  kling({ negative_prompt: 'text', generate_audio: true }, { sound: true }),
  kling({ aspect_ratio: '9:16' }, { width: 720, height: 1280 }),
  kling({ aspect_ratio: '1:1' }, { width: 960, height: 960 }),
  kling({ duration_seconds: 10 }, { seconds: 10 }),
  kling({ resolution: '1080p', generate_audio: true }, { width: 1920, height: 1080, sound: true }),
  kling({ resolution: '1080p', aspect_ratio: '9:16' }, { width: 1080, height: 1920 }),
  kling({ resolution: '4k' }, { width: 3840, height: 2160 }),
  kling({}, { width: 1280, height: 720 }, { operation: 'image_to_video', files: image }),
  kling(
    { aspect_ratio: '9:16' },
    { width: 1280, height: 720, warnings: /gave way to the shape of image/ },
    {
      operation: 'image_to_video',
      files: image,
    },
  ),
  kling(
    { aspect_ratio: '1:1' },
    { width: 960, height: 960 },
    {
      operation: 'image_to_video',
      files: { image: 'square' },
    },
  ),
  kling(
    { generate_audio: true },
    { sound: true },
    {
      operation: 'first_last_frame',
      files: { image: 'image', last_image: 'image' },
    },
  ),
];

describe('every route, operation and notable input', () => {
  testAliases(ROWS, () => kiln);

  test('a large picture goes by an upload', async () => {
    const noise = await sharp(randomBytes(512 * 512 * 3), { raw: { width: 512, height: 512, channels: 3 } })
      .png()
      .toBuffer();
    expect(noise.length).toBeGreaterThan(256 * 1024);
    const { id } = await kiln.post({
      model: 'flux-dev',
      input: { prompt: 'by upload', images: [`data:image/png;base64,${noise.toString('base64')}`], strength: 0.5 },
      routing: { only: ['replicate'] },
    });
    expect((await kiln.finished(id)).outputs[0]).toMatchObject({ width: 512, height: 512 });
    const sent = (await kiln.sandbox.requests('replicate')).find(({ body }) =>
      JSON.stringify(body).includes('by upload'),
    );
    expect(sent?.body['input']).toMatchObject({ image: expect.stringMatching(/\/replicate\/v1\/files\//) as string });
  });
});

describe('what no route can do is refused by name', () => {
  test.each([
    ['flux-dev', 'replicate', { size: '1024x768' }, /size 1024x768/],
    ['flux-dev', 'replicate', { guidance: 12 }, /guidance/],
    ['flux-dev', 'replicate-lora', { loras: [{ url: 'https://example.com/page', strength: 1 }] }, /loras/],
    ['kling-test', 'replicate', { seed: 7 }, /seed/],
  ])('%s by %s: %j', async (model, only, input, message) => {
    const { status, body } = await kiln.call<{ error?: { message: string } }>('POST', '/v1/jobs', {
      model,
      input: { prompt: 'x', ...input },
      routing: { only: [only], allow_fallback: false },
    });
    expect(status).toBe(400);
    expect(body.error?.message).toMatch(message);
  });

  test('a size that only the own GPUs have goes there', async () => {
    const { id } = await kiln.post({ model: 'flux-dev', input: { prompt: 'x', size: '256x256' } });
    expect((await kiln.finished(id)).route?.provider).toBe('comfyui');
  });
});

const run = async (model: string, prompt: string) => {
  const { id } = await kiln.post({
    model,
    input: { prompt, ...(model === 'kling-test' ? { duration_seconds: 3 } : {}) },
    routing: { only: ['replicate'], allow_fallback: false },
  });
  return kiln.finished(id, 40);
};

describe('what goes wrong', () => {
  test.each([
    ['flux-dev', 'policy', /NSFW/],
    ['kling-test', 'policy', /flagged as sensitive/],
    ['flux-dev', 'policy-submit', /flagged as sensitive/],
  ])("%s, %s: the job fails as content_policy, in the provider's words, for nothing", async (model, fault, message) => {
    const job = await run(model, `x [[sandbox:${fault}]]`);
    expect(job).toMatchObject({ status: 'failed', error: { code: 'content_policy' }, cost: { charged_micro_usd: 0 } });
    expect(job.error?.message).toMatch(message);
  });

  test('a link to elsewhere is not followed, a dead one is told', async () => {
    expect((await run('flux-dev', 'x [[sandbox:off-origin]]')).error).toMatchObject({ code: 'invalid_result' });
    expect((await run('kling-test', 'x [[sandbox:expired]]')).error).toMatchObject({ code: 'result_expired' });
    expect((await run('flux-dev', 'x [[sandbox:not-media]]')).error).toMatchObject({ code: 'invalid_result' });
  });

  test('a download that breaks off goes on; one that always does is given up', async () => {
    expect(await run('kling-test', 'x [[sandbox:truncate]]')).toMatchObject({ status: 'succeeded', error: null });
    const { id } = await kiln.post({
      model: 'flux-dev',
      input: { prompt: 'x [[sandbox:truncate-always]]' },
      routing: { only: ['replicate'], allow_fallback: false },
    });
    faultPoints.reach = async (point, jobId) => {
      if (point !== 'store.half' || jobId !== id) return;
      await execute(
        kiln.database,
        sql`UPDATE attempt SET provider_done_at = now() - interval '7 hours' WHERE job_id = ${id}`,
      );
    };
    expect((await kiln.finished(id)).error).toMatchObject({ code: 'result_unreachable' });
  });

  test('trouble while polling only delays', async () => {
    for (const fault of ['429-poll', '503-poll', 'malformed'])
      expect(await run('flux-dev', `x [[sandbox:${fault}=1]]`)).toMatchObject({ status: 'succeeded', error: null });
  });

  test("a run that fails, runs out of memory or ends with nothing is the provider's error", async () => {
    for (const fault of ['oom', 'empty'])
      expect((await run('flux-dev', `x [[sandbox:${fault}]]`)).error).toMatchObject({ code: 'provider_error' });
  });

  test('a create whose answer was lost is not sent again: nothing proves that it was not bought', async () => {
    const prompt = 'lost [[sandbox:drop-after]]';
    const { id } = await kiln.post({
      model: 'flux-dev',
      input: { prompt },
      routing: { only: ['replicate'], allow_fallback: false },
    });
    const state = async () =>
      (await queryRow<{ state: string }>(kiln.database, sql`SELECT state FROM attempt WHERE job_id = ${id}`))?.state;
    await until(async () => (await state()) === 'unknown');
    const sent = (await kiln.sandbox.requests('replicate')).filter(({ body }) =>
      JSON.stringify(body).includes('lost ['),
    );
    expect(sent.map(({ outcome }) => outcome)).toEqual(['accepted']);
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });

  test('a cancel stops the prediction', async () => {
    const { id } = await kiln.post({
      model: 'kling-test',
      input: { prompt: 'x [[sandbox:never]]' },
      routing: { only: ['replicate'] },
    });
    await until(async () => (await kiln.get(id)).stage === 'generating');
    const before = (await kiln.sandbox.counts('replicate'))['cancels'] ?? 0;
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
    expect((await kiln.finished(id)).status).toBe('canceled');
    await until(async () => ((await kiln.sandbox.counts('replicate'))['cancels'] ?? 0) > before);
  });
});

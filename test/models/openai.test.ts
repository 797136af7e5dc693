import sharp from 'sharp';
import { loadCatalog } from '../../src/catalog/load-catalog.js';
import { queryRow, queryRows, sql } from '../../src/database/database.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { adapters } from '../../src/providers/registry.js';
import { lackingFor, plan } from '../../src/routing/plan.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { type AliasRun, runAlias, testAliases } from '../support/run-alias.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterEach(async () => {
  await kiln.sandbox.clearFaults();
});
afterAll(async () => kiln.drop());

const png = async (width: number, height: number, channels: 3 | 4 = 3): Promise<string> => {
  const bytes = await sharp({ create: { width, height, channels, background: { r: 20, g: 90, b: 160, alpha: 0 } } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${bytes.toString('base64')}`;
};

const clip = { type: 'video', sound: true, contentType: 'video/mp4' } as const;
const videos: AliasRun[] = [
  {
    model: 'sora-2',
    only: 'openai',
    operation: 'text_to_video',
    input: { prompt: 'A fox' },
    expect: { ...clip, width: 1280, height: 720, seconds: 4, upstreamModel: 'sora-2', substituted: false },
  },
  {
    model: 'sora-2',
    only: 'openai',
    operation: 'text_to_video',
    input: { prompt: 'A fox', duration_seconds: 12, resolution: '720p', aspect_ratio: '9:16' },
    expect: { ...clip, width: 720, height: 1280, seconds: 12 },
  },
  {
    model: 'sora-2',
    only: 'openai',
    operation: 'image_to_video',
    input: { prompt: 'A fox', duration_seconds: 8 },
    files: { image: 'image' },
    expect: { ...clip, width: 1280, height: 720, seconds: 8 },
  },
  {
    model: 'sora-2',
    only: 'vertex',
    operation: 'text_to_video',
    input: { prompt: 'A fox', duration_seconds: 8, aspect_ratio: '9:16' },
    expect: {
      ...clip,
      width: 720,
      height: 1280,
      seconds: 8,
      upstreamModel: 'veo-3.1-fast-generate-001',
      substituted: true,
    },
  },
  {
    model: 'sora-2',
    only: 'vertex',
    operation: 'image_to_video',
    input: { prompt: 'A fox' },
    files: { image: 'square' },
    expect: { ...clip, width: 1280, height: 720, seconds: 4, substituted: true },
  },
];

const picture = { type: 'image', contentType: 'image/png', width: 1024, height: 1024 } as const;
const images = ['gpt-image-1.5', 'gpt-image-1'].flatMap((model): AliasRun[] =>
  ['openai', 'successor'].flatMap((route): AliasRun[] => {
    const runs = route === 'openai' ? model : 'gpt-image-2.6-sunburst';
    const base = { model, only: `${model}/${route}` };
    const of = { upstreamModel: runs, substituted: route === 'successor' };
    return [
      {
        ...base,
        operation: 'text_to_image',
        input: { prompt: 'A fox', quality: 'low' },
        expect: { ...picture, ...of },
      },
      {
        ...base,
        operation: 'text_to_image',
        input: { prompt: 'A fox', n: 3, size: '1536x1024', output_format: 'webp', background: 'transparent' },
        providerOptions: { openai: { moderation: 'low', output_compression: 70 } },
        expect: { ...picture, ...of, contentType: 'image/webp', width: 1536, count: 3 },
      },
      {
        ...base,
        operation: 'image_to_image',
        input: { prompt: 'A fox', size: 'auto', quality: 'low', output_format: 'jpeg' },
        files: { images: ['image', 'square'] },
        expect: { ...picture, ...of, contentType: 'image/jpeg', width: 1536 },
      },
    ];
  }),
);

describe('every route', () => {
  testAliases([...videos, ...images], () => kiln);

  test.each(['gpt-image-1.5/openai', 'gpt-image-1.5/successor', 'gpt-image-1/openai'])(
    '%s fills a mask',
    async (only) => {
      const [first, mask] = await Promise.all([png(300, 200), png(300, 200, 4)]);
      await runAlias(kiln, {
        model: only.split('/')[0] ?? '',
        only,
        operation: 'inpaint',
        input: { prompt: 'A fox', images: [first], mask, quality: 'low', size: '1024x1536' },
        expect: { ...picture, height: 1536 },
      });
      expect((await kiln.sandbox.requests('openai')).at(-1)).toMatchObject({
        path: '/openai/v1/images/edits',
        body: { mask: { filename: 'mask-0.png', content_type: 'image/png' } },
      });
    },
  );
});

const run = async (body: Record<string, unknown>): Promise<JobView> => kiln.finished((await kiln.post(body)).id, 40);
const only = (...routes: string[]) => ({ only: routes, allow_fallback: routes.length > 1 });
const video = (prompt: string, more: object = {}) => ({ model: 'sora-2', input: { prompt, ...more } });
const image = (prompt: string, more: object = {}) => ({
  model: 'gpt-image-1',
  input: { prompt, quality: 'low', ...more },
  routing: only('gpt-image-1/openai'),
});

test('twelve seconds go to no substitute', async () => {
  const { body, status } = await kiln.call('POST', '/v1/jobs', {
    ...video('A fox', { duration_seconds: 12 }),
    routing: only('vertex'),
  });
  expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('duration_seconds')]);
});

test('a first frame of another size is refused by name, before anything is sent', async () => {
  const before = (await kiln.sandbox.requests('openai')).length;
  const job = await run({ ...video('A fox', { image: await png(640, 360) }), routing: only('openai') });
  expect(job.error).toMatchObject({ code: 'invalid_input' });
  expect(job.error?.message).toMatch(/image has 640x360 pixels.*1280x720/);
  expect(await kiln.sandbox.requests('openai')).toHaveLength(before);
});

test('an opaque mask is refused by name', async () => {
  const job = await run(image('A fox', { images: [await png(64, 64)], mask: await png(64, 64) }));
  expect(job.error).toMatchObject({ code: 'invalid_input' });
  expect(job.error?.message).toMatch(/mask has no alpha channel/);
});

describe('a policy block fails the job, and nothing is charged', () => {
  test.each([
    ['a video at submit', () => ({ ...video('x [[sandbox:policy-submit]]'), routing: only('openai') })],
    ['a video in its run', () => ({ ...video('x [[sandbox:policy]]'), routing: only('openai') })],
    ['a picture at submit', () => image('x [[sandbox:policy-submit]]')],
    ['a picture in its run', () => image('x [[sandbox:policy]]')],
  ])('%s', async (_what, body) => {
    const job = await run(body());
    expect(job).toMatchObject({ status: 'failed', outputs: [], cost: { charged_micro_usd: 0 } });
    expect(job.error).toMatchObject({ code: 'content_policy', retryable: false });
  });
});

describe('results that can not be had', () => {
  test.each([
    ['a video whose link leads to the metadata service', 'off-origin', 'invalid_result'],
    ['a video that has expired', 'expired', 'result_expired'],
    ['a video that is a web page', 'not-media', 'invalid_result'],
    ['a video without bytes', 'zero-bytes', 'invalid_result'],
    ['a video that ended with nothing', 'empty', 'result_expired'],
  ])('%s', async (_what, fault, code) => {
    const job = await run({ ...video(`x [[sandbox:${fault}]]`), routing: only('openai') });
    expect(job).toMatchObject({ status: 'failed', error: { code }, cost: { charged_micro_usd: 0 } });
  });

  test.each([
    ['pictures that are web pages', 'not-media', 'invalid_result'],
    ['pictures without bytes', 'zero-bytes', 'invalid_result'],
  ])('%s', async (_what, fault, code) => {
    const job = await run(image(`x [[sandbox:${fault}]]`));
    expect(job).toMatchObject({ status: 'failed', error: { code }, cost: { charged_micro_usd: 0 } });
  });
});

describe('a broken download', () => {
  test('of a video goes on where it was', async () => {
    const job = await run({ ...video('torn [[sandbox:truncate]]'), routing: only('openai') });
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    expect(job.attempts).toHaveLength(1);
  });

  test('of pictures is a call of its own: once more, and the job has what it asked for', async () => {
    const job = await run(image('torn [[sandbox:truncate]]', { n: 2 }));
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    expect(job.outputs).toHaveLength(2);
    const seen = (await kiln.sandbox.requests('openai')).filter(({ body }) => JSON.stringify(body).includes('torn'));
    expect(seen.filter(({ path }) => path.endsWith('/generations'))).toHaveLength(2);
  });
});

test("what an answer's usage costs is kept on the attempt", async () => {
  const { id, cost } = await run(image('A fox'));
  // The client pays by the picture: 0.011 a low square, twice.
  expect(cost.charged_micro_usd).toBe(22_000);
  const attempt = await queryRow<{ cost: bigint }>(
    kiln.database,
    sql`SELECT upstream_cost_micro_usd AS cost FROM attempt WHERE job_id = ${id}`,
  );
  // Two tokens of text in and the 272 of a low square out.
  expect(Number(attempt?.cost)).toBe(2 * 5 + 272 * 40);
});

test('a video whose create was never answered is never sent twice', async () => {
  const { id } = await kiln.post({ ...video('gone [[sandbox:drop-after]]'), routing: only('openai') });
  const unknown = async (): Promise<boolean> =>
    (await queryRows<{ state: string }>(kiln.database, sql`SELECT state FROM attempt WHERE job_id = ${id}`)).some(
      ({ state }) => state === 'unknown',
    );
  for (let tries = 0; tries < 400 && !(await unknown()); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 25));
  expect(await unknown()).toBe(true);
  const seen = (await kiln.sandbox.requests('openai')).filter(({ body }) => JSON.stringify(body).includes('gone'));
  expect(seen).toHaveLength(1);
});

describe('outside of the sandbox', () => {
  const routesOn = (day: string, alias: string, endpoints: string[] = []): string[] => {
    const now = new Date(`${day}T12:00:00Z`);
    const catalog = loadCatalog({
      overlayPath: null,
      sandbox: null,
      hasCredential: () => true,
      endpointsFrom: (name) => (name === 'OPENAI_VIDEOS' || name === 'VERTEX' ? endpoints : []),
      adapters,
      now: () => now,
    });
    const model = catalog.get(alias);
    if (!model) throw new Error(`no model ${alias}`);
    const [operation = ''] = model.operations;
    const shape = { modality: model.modality, operation, input: { prompt: 'a' }, references: {} };
    const { routes } = plan({
      routes: model.routes,
      lacking: lackingFor(shape, adapters),
      routing: { allowSubstitution: true, allowFallback: true, only: null, onUnknown: 'wait' },
      states: new Map(),
      cold: new Set(),
      random: () => 0,
      now,
    });
    return routes.map(({ id }) => id).filter((id) => /openai|successor|vertex/.test(id));
  };

  test('what OpenAI has ended goes to its successor, from that day', () => {
    expect(routesOn('2026-11-30', 'gpt-image-1.5')).toEqual(['gpt-image-1.5/openai', 'gpt-image-1.5/successor']);
    expect(routesOn('2026-12-01', 'gpt-image-1.5')).toEqual(['gpt-image-1.5/successor']);
    expect(routesOn('2026-11-26', 'gpt-image-1')).toEqual(['gpt-image-1/successor']);
  });

  test('the Videos API is where the operator says', () => {
    expect(routesOn('2026-11-26', 'sora-2')).toEqual([]);
    expect(routesOn('2026-11-26', 'sora-2', ['https://gateway.example.com/v1'])).toEqual([
      'sora-2/openai',
      'sora-2/vertex',
    ]);
  });
});

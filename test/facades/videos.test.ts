import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import OpenAI from 'openai';
import sharp from 'sharp';
import { MEDIA, type Media } from '../../src/media/media.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { as, expectError } from '../api/harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { imageFile } from '../support/media.js';
import { madeBy, onceKey, uploadsOf } from './harness.js';
import { clientOf, completedOn, createBy, jobOf, picture, refusalOf, type Video } from './videos-client.js';

let kiln: Kiln;
let client: OpenAI;
let dir: string;
beforeAll(async () => {
  kiln = await startKiln();
  client = clientOf(kiln, kiln.secret);
  dir = await mkdtemp(join(tmpdir(), 'kiln-videos-'));
});
afterAll(async () => {
  await kiln.drop();
  await rm(dir, { recursive: true });
});

const create = (body: Record<string, unknown>, by = client): Promise<Video> => createBy(by, body);

async function bytesOf(response: Response): Promise<Buffer> {
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

async function saved(bytes: Buffer): Promise<string> {
  const path = join(dir, 'downloaded');
  await writeFile(path, bytes);
  return path;
}

/** Kiln has blocked sharp's other ways to read. */
const pictureOf = async (bytes: Buffer) => sharp(await saved(bytes)).metadata();

async function factsOf(bytes: Buffer) {
  const path = await saved(bytes);
  const most = Number.MAX_SAFE_INTEGER;
  const limits = { maxBytes: most, maxPixels: most, maxDurationSeconds: most, timeoutMs: 30_000 };
  return kiln.app.get<Media>(MEDIA).probe(path, limits);
}

/** What `create_and_poll` of OpenAI's Python client does (resources/videos.py, `poll`), written out. */
async function createAndPoll(body: Record<string, unknown>): Promise<{ video: Video; seen: Set<string> }> {
  const { id } = await create(body);
  const seen = new Set<string>();
  let intervalMs: number | null = null;
  for (;;) {
    const { data: video, response } = await client.videos
      .retrieve(id, { headers: { 'X-Stainless-Poll-Helper': 'true' } })
      .withResponse();
    seen.add(video.status);
    if (video.status !== 'queued' && video.status !== 'in_progress') return { video, seen };
    intervalMs ??= Number.parseInt(response.headers.get('openai-poll-after-ms') ?? '1000', 10);
    expect(intervalMs).toBeGreaterThanOrEqual(1000);
    expect(intervalMs).toBeLessThanOrEqual(10_000);
    await delay(intervalMs);
  }
}

describe('create, poll, download', () => {
  test('kling-3.0 as OpenAI’s own model: no field of it is needed', async () => {
    const body = { model: 'kling-3.0', prompt: 'a fox in the snow', seconds: '4', size: '1280x720' };
    const { video, seen } = await createAndPoll(body);
    expect([...seen].filter((status) => !['queued', 'in_progress', 'completed'].includes(status))).toEqual([]);
    expect(video).toEqual({
      id: expect.stringMatching(/^video_[0-9a-z]{26}$/),
      object: 'video',
      model: 'kling-3.0',
      status: 'completed',
      progress: 100,
      created_at: expect.any(Number),
      completed_at: expect.any(Number),
      expires_at: expect.any(Number),
      prompt: 'a fox in the snow',
      seconds: '4',
      size: '1280x720',
      remixed_from_video_id: null,
      error: null,
    });
    expect(Math.abs(video.created_at - Date.now() / 1000)).toBeLessThan(120);

    const clip = await bytesOf(await client.videos.downloadContent(video.id));
    expect(await factsOf(clip)).toMatchObject({ contentType: 'video/mp4', width: 1280, height: 720 });
    const still = await bytesOf(await client.videos.downloadContent(video.id, { variant: 'thumbnail' }));
    expect(await pictureOf(still)).toMatchObject({ format: 'webp', width: 320, height: 180 });
    const sheet = await bytesOf(await client.videos.downloadContent(video.id, { variant: 'spritesheet' }));
    expect(await pictureOf(sheet)).toMatchObject({ format: 'jpeg', width: 1280, height: 720 });

    const part = await client.videos.downloadContent(video.id, {}, { headers: { range: 'bytes=4-7' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      `bytes 4-7/${clip.length}`,
      'ftyp',
    ]);
  });

  test.each([
    ['kling-3.0', 1280, 720, '1280x720'],
    // Wan's sides are multiples of 32.
    ['wan-2.2', 720, 1280, '704x1280'],
    ['sora-2', 1280, 720, '1280x720'],
  ])('%s begins with a file of %dx%d', async (model, width, height, made) => {
    const owner = await kiln.newKey();
    const file = await picture(width, height);
    const video = await create(
      { model, prompt: 'it moves', seconds: '4', size: `${width}x${height}`, input_reference: file },
      clientOf(kiln, owner.secret),
    );
    expect(['queued', 'in_progress']).toContain(video.status);
    await kiln.finished(jobOf(video));
    const done = await clientOf(kiln, owner.secret).videos.retrieve(video.id);
    expect(done).toMatchObject({ status: 'completed', model, size: made, seconds: '4' });
    const { body } = await kiln.call<JobView>('GET', `/v1/jobs/${jobOf(video)}`, undefined, as(owner.secret));
    expect(body).toMatchObject({ operation: 'image_to_video', input: { image: { upload_id: expect.any(String) } } });
    expect(await uploadsOf(kiln, owner.id)).toBe(1);
  });

  test('every video alias takes what an unchanged client sends', async () => {
    const { body } = await kiln.call<{ data: { id: string; modality: string }[] }>('GET', '/v1/models');
    const aliases = body.data.filter(({ id, modality }) => modality === 'video' && !id.includes('*'));
    expect(aliases.length).toBeGreaterThanOrEqual(9);
    for (const { id } of aliases) {
      const video = await create({ model: id, prompt: 'a fox', input_reference: await picture(1280, 720) });
      expect(video).toMatchObject({ object: 'video', model: id, progress: 0, error: null });
      await kiln.call('POST', `/v1/jobs/${jobOf(video)}/cancel`);
    }
  });

  test('sora-2 where no model is named, and JSON as well as a form', async () => {
    const answer = await kiln.call<Video>('POST', '/v1/videos', { prompt: 'a fox' });
    expect([answer.status, answer.body.model, answer.body.seconds]).toEqual([200, 'sora-2', '4']);
    expect(answer.headers.get('openai-poll-after-ms')).toMatch(/^\d+$/);
    expect(answer.headers.get('x-kiln-job-id')).toBe(jobOf(answer.body));
    const done = await completedOn(kiln, answer.body);
    const { response } = await client.videos.retrieve(done.id).withResponse();
    expect(response.headers.get('openai-poll-after-ms')).toBeNull();
    expect(response.headers.get('x-kiln-route')).toMatch(/^sora-2\//);
    expect(Number(response.headers.get('x-kiln-cost-micro-usd'))).toBe(
      (await kiln.get(jobOf(done))).cost.charged_micro_usd,
    );
  });

  test('Kiln’s own fields, through the brackets of the official client', async () => {
    const video = await create({
      model: 'kling-3.0',
      prompt: 'a fox',
      duration_seconds: 3,
      resolution: '1080p',
      aspect_ratio: '1:1',
      generate_audio: false,
      camera: { move: 'zoom', amount: -4 },
      routing: { allow_fallback: false },
      metadata: { order: '7' },
    });
    const job = await kiln.get(jobOf(video));
    expect(job).toMatchObject({
      input: { duration_seconds: 3, resolution: '1080p', aspect_ratio: '1:1', camera: { move: 'zoom', amount: -4 } },
      metadata: { order: '7' },
    });
    expect(job.input['generate_audio']).toBe(false);
    expect(video.size).toBe('1080x1080');
  });

  test.each([
    ['a link to a data URI', { image_url: `data:image/png;base64,` }],
    ['an upload', { file_id: '' }],
  ])('a first frame by %s', async (name, reference) => {
    const bytes = await readFile(await imageFile('png', 1280, 720));
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)], { type: 'image/png' }), 'a.png');
    const upload = await kiln.call<{ id: string }>('POST', '/v1/uploads', form);
    const input =
      'file_id' in reference
        ? { file_id: upload.body.id }
        : { image_url: reference.image_url + bytes.toString('base64') };
    const video = await create({ model: 'wan-2.2', prompt: name, input_reference: input });
    expect((await kiln.get(jobOf(video))).operation).toBe('image_to_video');
  });
});

describe('a refusal names the field as the client sent it', () => {
  test.each([
    [{ model: 'kling-3.0' }, 'prompt', 'required'],
    [{ model: 'kling-3.0', prompt: 'x', seconds: '60' }, 'seconds', 'an integer from 3 to 10; got 60'],
    [{ model: 'veo-3.1', prompt: 'x', duration_seconds: 5 }, 'duration_seconds', 'one of 4, 6, 8; got 5'],
    [{ prompt: 'x', size: '1792x1024' }, 'size', 'one of 1280x720, 720x1280 for sora-2'],
    [{ model: 'veo-3.1', prompt: 'x', size: '1920x1080', seconds: '4' }, 'seconds', "when 'size' is"],
    [{ model: 'kling-3.0', prompt: 'x', seed: 7 }, 'seed', 'Kling has no such control'],
    [{ model: 'kling-3.0', prompt: 'x', style: 'noir' }, 'style', 'Unknown parameter'],
    [{ model: 'wan-2.2', prompt: 'x', input_reference: { image_url: 'ftp://x' } }, 'input_reference', 'an https URL'],
    [{ model: 'framepack', prompt: 'x' }, 'input_reference', 'required by framepack'],
    [{ model: 'flux-dev', prompt: 'x' }, 'model', 'makes image'],
    [{ model: 'kling-3.0', prompt: 'x', metadata: 'y' }, 'metadata', 'expected'],
  ])('%j: %s', async (body, param, says) => {
    const error = await refusalOf(create(body));
    expect([error.status, error.param]).toEqual([400, param]);
    expect(error.message).toContain(says);
    expect(error.message).not.toContain('input.');
  });

  test('a model that is not there, or not for this key, and a body that is no object', async () => {
    const unknown = await refusalOf(create({ model: 'sora-9', prompt: 'x' }));
    expect([unknown.status, unknown.code, unknown.param]).toEqual([404, 'model_not_found', 'model']);
    const { secret } = await kiln.newKey({ allowed_models: ['wan-2.2'] });
    expect((await refusalOf(create({ model: 'kling-3.0', prompt: 'x' }, clientOf(kiln, secret)))).status).toBe(403);
    expectError(await kiln.call('POST', '/v1/videos', []), 'invalid_request_error', { says: ['JSON object'] });
  });

  test('and leaves nothing of the file that came with it', async () => {
    const owner = await kiln.newKey();
    const body = { model: 'kling-3.0', prompt: 'x', style: 'noir', input_reference: await picture(1280, 720) };
    await refusalOf(create(body, clientOf(kiln, owner.secret)));
    expect(await uploadsOf(kiln, owner.id)).toBe(0);
  });
});

describe('a request that is sent again', () => {
  const body = { model: 'kling-3.0', prompt: 'once [[sandbox:never]]' };

  test('by the official client’s own retry attaches to its job', async () => {
    const owner = await kiln.newKey();
    let tries = 0;
    const flaky = new OpenAI({
      apiKey: owner.secret,
      baseURL: `${kiln.url}/v1`,
      fetch: async (url, init) => {
        const answer = await fetch(url, init);
        // The client asks 'data:,' first, to learn what its fetch makes of a form.
        if (init?.method !== 'POST' || tries++ > 0) return answer;
        await answer.arrayBuffer();
        throw new TypeError('fetch failed');
      },
    });
    const file = await picture(1280, 720);
    const { data: video, response } = await flaky.videos.create({ ...body, input_reference: file }).withResponse();
    expect([tries, response.headers.get('idempotent-replayed')]).toEqual([2, 'true']);
    expect(await madeBy(kiln, owner.id)).toEqual({ jobs: [jobOf(video)], holds: 1 });
    expect(await uploadsOf(kiln, owner.id)).toBe(1);
  });

  test('with an Idempotency-Key attaches to it too; with another body it is 422', async () => {
    const owner = await kiln.newKey();
    const once = { ...onceKey(), ...as(owner.secret) };
    const first = await kiln.call<Video>('POST', '/v1/videos', body, once);
    const second = await kiln.call<Video>('POST', '/v1/videos', body, once);
    expect(second.body.id).toBe(first.body.id);
    expectError(await kiln.call('POST', '/v1/videos', { ...body, prompt: 'x' }, once), 'idempotency_key_reused', {
      param: 'Idempotency-Key',
    });
    expect((await madeBy(kiln, owner.id)).holds).toBe(1);
  });
});

import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOpenAI } from '@ai-sdk/openai';
import { generateImage } from 'ai';
import OpenAI, { toFile } from 'openai';
import sharp from 'sharp';
import { FACADE_TIMES, type FacadeTimes } from '../../src/facades/shared/facade-times.js';
import { JobWaiter } from '../../src/jobs/events/wait.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { as, type ErrorBody, eventually, expectError, open, raw } from '../api/harness.js';
import { dropGround, type Ground, newGround, startKiln, type Kiln } from '../support/kiln.js';
import { imageFile, tinyPng } from '../support/media.js';
import { madeBy, onceKey, uploadsOf } from './harness.js';

let ground: Ground;
let kiln: Kiln;
let openai: OpenAI;
beforeAll(async () => {
  ground = await newGround();
  kiln = await startKiln({ ground });
  openai = new OpenAI({ apiKey: kiln.secret, baseURL: `${kiln.url}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await kiln.close();
  await dropGround(ground);
});

const GENERATIONS = '/v1/images/generations';
const EDITS = '/v1/images/edits';

interface Pictures {
  created: number;
  data: { b64_json?: string; url?: string }[];
  output_format: string;
  size: string;
  quality?: string;
  usage?: { output_tokens: number };
}

interface Seen {
  format: string;
  width: number;
  height: number;
}

/** Decodes the whole picture, not its header alone; from a file, for Kiln forbids sharp in this process anything else. */
async function lookAt(bytes: Uint8Array): Promise<Seen> {
  const path = join(ground.dir, `seen-${randomUUID()}`);
  await writeFile(path, bytes);
  const image = sharp(path);
  const { format, width, height } = await image.metadata();
  await image.stats();
  return { format, width, height };
}
const look = async (base64: string | undefined): Promise<Seen> => lookAt(Buffer.from(base64 ?? '', 'base64'));
const square = async () => readFile(await imageFile('png', 1024, 1024));
const png = async (name: string) => toFile(await square(), name, { type: 'image/png' });

/** A form as the parts are given: bytes are file parts. */
function form(...parts: [string, string | Buffer][]): FormData {
  const data = new FormData();
  for (const [name, value] of parts) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, new Blob([new Uint8Array(value)], { type: 'image/png' }), 'a.png');
  }
  return data;
}
const edit = (data: FormData | object, headers = {}) => kiln.call<Pictures & ErrorBody>('POST', EDITS, data, headers);
const generate = (body: unknown, headers = {}) => kiln.call<Pictures & ErrorBody>('POST', GENERATIONS, body, headers);
const jobOf = (answer: { headers: Headers }): Promise<JobView> => kiln.get(answer.headers.get('x-kiln-job-id') ?? '');

describe("OpenAI's client", () => {
  test('generates with every field that it has', async () => {
    const { data, response } = await openai.images
      .generate({
        model: 'gpt-image-1.5',
        prompt: 'a lighthouse at dusk',
        n: 2,
        size: '1536x1024',
        quality: 'low',
        background: 'opaque',
        output_format: 'webp',
        output_compression: 80,
        moderation: 'low',
        user: 'u-1',
      })
      .withResponse();
    expect(data).toMatchObject({ output_format: 'webp', size: '1536x1024', quality: 'low', background: 'opaque' });
    expect(data.created).toBeGreaterThan(1_700_000_000);
    expect(data.data).toHaveLength(2);
    for (const { b64_json } of data.data ?? [])
      expect(await look(b64_json)).toEqual({ format: 'webp', width: 1536, height: 1024 });
    const job = await jobOf(response);
    expect(response.headers.get('x-kiln-route')).toBe(job.route?.id);
    expect(response.headers.get('x-kiln-cost-micro-usd')).toBe(String(job.cost.charged_micro_usd));
    expect(job.cost.charged_micro_usd).toBeGreaterThan(0);
    expect(job.operation).toBe('text_to_image');
  });

  test.each(['gpt-image-1.5', 'gpt-image-1', 'nano-banana-2', 'flux-dev'])(
    '%s, with nothing but words',
    async (model) => {
      const { data, output_format } = await openai.images.generate({ model, prompt: 'a red boat' });
      expect(data).toHaveLength(1);
      expect((await look(data?.[0]?.b64_json)).format).toBe(output_format);
    },
  );

  test('edits several pictures under a mask', async () => {
    const { data, response } = await openai.images
      .edit({
        model: 'gpt-image-1.5',
        image: [await png('one.png'), await png('two.png')],
        mask: await png('mask.png'),
        prompt: 'add a hat',
        size: '1024x1024',
        input_fidelity: 'low',
      })
      .withResponse();
    expect(await look(data.data?.[0]?.b64_json)).toEqual({ format: 'png', width: 1024, height: 1024 });
    const job = await jobOf(response);
    expect(job.operation).toBe('inpaint');
    expect(job.input).toMatchObject({
      images: [{ upload_id: expect.any(String) }, { upload_id: expect.any(String) }],
      mask: { upload_id: expect.any(String) },
    });
  });

  test('a link instead of bytes', async () => {
    const { data } = await openai.images.generate({
      model: 'flux-dev',
      prompt: 'a fox',
      size: '256x256',
      response_format: 'url',
    });
    expect(data?.[0]?.b64_json).toBeUndefined();
    const bytes = await (await fetch(data?.[0]?.url ?? '')).bytes();
    expect((await lookAt(bytes)).width).toBe(256);
  });

  test('streams a generation', async () => {
    const stream = await openai.images.generate({
      model: 'gpt-image-1.5',
      prompt: 'a fox',
      quality: 'low',
      stream: true,
      partial_images: 2,
    });
    const events = [];
    for await (const event of stream) events.push(event);
    expect(events).toHaveLength(1);
    const [last] = events;
    expect(last).toMatchObject({
      type: 'image_generation.completed',
      output_format: 'png',
      quality: 'low',
      size: '1024x1024',
      usage: { total_tokens: 0 },
    });
    expect((await look(last?.b64_json)).width).toBe(1024);
  });

  test('streams an edit', async () => {
    const image = await png('a.png');
    const stream = await openai.images.edit({ model: 'nano-banana-2', prompt: 'in blue', image, stream: true });
    const types = [];
    for await (const event of stream) types.push([event.type, (await look(event.b64_json)).format]);
    expect(types).toEqual([['image_edit.completed', 'png']]);
  });

  test('is told what the content policy refused, as a status and in a stream', async () => {
    const asked = { model: 'flux-dev', prompt: 'a fox [[sandbox:policy]]', size: '256x256' } as const;
    const refusal = { code: 'moderation_blocked', type: 'invalid_request_error' };
    await expect(openai.images.generate(asked)).rejects.toMatchObject({ status: 400, ...refusal });
    const stream = await openai.images.generate({ ...asked, stream: true });
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject(refusal);
  });
});

test('the AI SDK, which asks for pictures one by one', async () => {
  const owner = await kiln.newKey();
  const provider = createOpenAI({ apiKey: owner.secret, baseURL: `${kiln.url}/v1` });
  const { images } = await generateImage({
    model: provider.image('flux-dev'),
    prompt: 'two boats',
    n: 2,
    size: '256x256',
    maxImagesPerCall: 1,
  });
  expect(images).toHaveLength(2);
  for (const { base64 } of images) expect(await look(base64)).toEqual({ format: 'png', width: 256, height: 256 });
  expect((await madeBy(kiln, owner.id)).holds).toBe(2);
});

describe('forms', () => {
  test.each([
    ['image', [['image', 'FILE']]],
    [
      'image twice',
      [
        ['image', 'FILE'],
        ['image', 'FILE'],
      ],
    ],
    [
      'image[] before the model',
      [
        ['image[]', 'FILE'],
        ['image[]', 'FILE'],
      ],
    ],
    [
      'a link in brackets',
      [
        ['images[0][image_url]', 'DATA'],
        ['images[1][image_url]', 'DATA'],
      ],
    ],
    ['text', [['image', 'DATA']]],
  ] as [string, [string, string][]][])('%s', async (_name, parts) => {
    const bytes = await tinyPng();
    const data = `data:image/png;base64,${bytes.toString('base64')}`;
    const given = parts.map(([name, what]) => [name, what === 'FILE' ? bytes : data] as [string, string | Buffer]);
    const answer = await edit(
      form(...given, ['model', 'nano-banana-2'], ['seed', '7'], ['n', '1'], ['prompt', 'in blue']),
    );
    expect([answer.status, answer.body.error]).toEqual([200, undefined]);
    const job = await jobOf(answer);
    expect(job.input['images']).toHaveLength(parts.length);
    expect(job.input['seed']).toBe(7);
  });

  test('JSON: links, data URIs, uploads, and what an earlier job made', async () => {
    const uploaded = await kiln.call<{ id: string }>('POST', '/v1/uploads', form(['file', await tinyPng()]));
    const data = `data:image/png;base64,${(await tinyPng()).toString('base64')}`;
    const first = await generate({ model: 'flux-dev', prompt: 'a fox', size: '256x256' });
    const images = [
      { file_id: uploaded.body.id },
      { image_url: data },
      data,
      { job_id: first.headers.get('x-kiln-job-id') },
    ];
    const answer = await edit({ model: 'nano-banana-2', prompt: 'all in one', images, user: null });
    expect([answer.status, answer.body.error]).toEqual([200, undefined]);
    expect(answer.body.usage?.output_tokens).toBe(1120);
    expect((await jobOf(answer)).input['images']).toHaveLength(4);
  });

  test("Kiln's own fields and the job's options", async () => {
    const answer = await generate({
      model: 'flux-dev',
      prompt: 'a fox',
      width: 256,
      height: 320,
      steps: 4,
      seed: 9,
      metadata: { album: 'foxes' },
      routing: { only: ['comfyui'] },
    });
    expect(answer.body.size).toBe('256x320');
    expect(await jobOf(answer)).toMatchObject({
      input: { steps: 4, seed: 9 },
      metadata: { album: 'foxes' },
      route: { provider: 'comfyui' },
    });
  });

  test.each([
    ['no model', { prompt: 'x' }, 400, 'model'],
    ['a video model', { model: 'veo-3.1', prompt: 'x' }, 400, 'model'],
    ['an unknown model', { model: 'x', prompt: 'x' }, 404, 'model'],
    ['no prompt', { model: 'flux-dev' }, 400, 'prompt'],
    ['too many pictures', { model: 'nano-banana-2', prompt: 'x', n: 2 }, 400, 'n'],
    ['a size it has not', { model: 'flux-dev', prompt: 'x', size: '100x100' }, 400, 'size'],
    ['a number as text', { model: 'flux-dev', prompt: 'x', steps: '4' }, 400, 'steps'],
    ['an unknown field', { model: 'flux-dev', prompt: 'x', nothing: 1 }, 400, 'nothing'],
    ['wrong metadata', { model: 'flux-dev', prompt: 'x', metadata: { a: 1 } }, 400, 'metadata.a'],
    [
      "another provider's options",
      { model: 'flux-dev', prompt: 'x', provider_options: { kling: {} } },
      400,
      'provider_options.kling',
    ],
  ])('%s is refused by name', async (_name, body, status, param) => {
    const answer = await generate(body);
    expect([answer.status, answer.body.error.param]).toEqual([status, param]);
    expect(answer.body.error.message).not.toContain('input.');
  });

  test.each([
    ['no JSON', '{', { 'content-type': 'application/json' }, 400],
    ['a list', '[]', { 'content-type': 'application/json' }, 400],
    ['nothing', undefined, {}, 415],
    ['text', 'x', { 'content-type': 'text/plain' }, 415],
    ['a picture alone', 'x', { 'content-type': 'image/png' }, 415],
    ['a form without its boundary', 'x', { 'content-type': 'multipart/form-data' }, 400],
    [
      'a form that breaks off',
      '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nfl',
      { 'content-type': 'multipart/form-data; boundary=b' },
      400,
    ],
  ])('%s is refused', async (_name, body, headers, status) => {
    const answer = await raw(kiln, 'POST', EDITS, body, headers);
    expect([answer.status, answer.body]).toEqual([
      status,
      { error: expect.objectContaining({ message: expect.any(String) }) },
    ]);
  });

  test('a file that is no picture is 422, and names its part', async () => {
    const answer = await edit(form(['model', 'nano-banana-2'], ['prompt', 'x'], ['image', Buffer.from('no picture')]));
    expectError(answer, 'unusable_media', { param: 'image[0]', says: ['unknown_type'] });
  });

  test('files of a refused request are not kept', async () => {
    const owner = await kiln.newKey();
    const parts = form(['image', await tinyPng()], ['model', 'nano-banana-2'], ['n', '2'], ['prompt', 'x']);
    expectError(await edit(parts, as(owner.secret)), 'invalid_request_error', { param: 'n' });
    expect(await uploadsOf(kiln, owner.id)).toBe(0);
  });

  test('the model must be one that the key may call', async () => {
    const owner = await kiln.newKey({ allowed_models: ['gpt-*'] });
    const answer = await generate({ model: 'flux-dev', prompt: 'x' }, as(owner.secret));
    expectError(answer, 'key_model_access_denied', { param: 'model' });
    expectError(await generate({ model: 'flux-dev', prompt: 'x' }, as('sk-x')), 'authentication_error', {
      code: 'invalid_api_key',
    });
  });
});

describe('what takes long', () => {
  const NEVER = { model: 'flux-dev', prompt: 'a tortoise [[sandbox:never]]', size: '256x256' };
  let times: FacadeTimes;
  let usual: FacadeTimes;
  beforeEach(() => {
    times = kiln.app.get<FacadeTimes>(FACADE_TIMES);
    usual = { ...times };
  });
  afterEach(() => Object.assign(times, usual));
  const cancel = (id: string | null) => kiln.call('POST', `/v1/jobs/${id}/cancel`);

  test('is 504 that names the job, and no SDK tries again', async () => {
    times.imageWaitSeconds = 0.2;
    const answer = await generate(NEVER);
    const id = answer.headers.get('x-kiln-job-id');
    expectError(answer, 'still_running', { says: [String(id)] });
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect((await kiln.get(id ?? '')).status).toMatch(/queued|running/);
    await cancel(id);
  });

  test('a stream is kept alive, and ends in an error event', async () => {
    Object.assign(times, { imageWaitSeconds: 0.5, heartbeatMs: 50 });
    const response = await fetch(kiln.url + GENERATIONS, {
      method: 'POST',
      headers: { ...as(kiln.secret), 'content-type': 'application/json' },
      body: JSON.stringify({ ...NEVER, stream: true }),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const id = response.headers.get('x-kiln-job-id');
    const text = await response.text();
    expect(text).toContain(': keep-alive\n\n');
    const [, data = ''] = /^event: error\ndata: (.*)$/m.exec(text) ?? [];
    expect(JSON.parse(data)).toMatchObject({
      type: 'error',
      error: { type: 'still_running', code: '504', message: expect.stringContaining(String(id)) },
    });
    await cancel(id);
  });

  test('a job that someone cancels is 409', async () => {
    const once = onceKey();
    const waiting = generate(NEVER, once);
    const [id = ''] = await eventually(async () => {
      const { body } = await kiln.call<{ data: JobView[] }>('GET', '/v1/jobs?status=queued&limit=1');
      const { body: running } = await kiln.call<{ data: JobView[] }>('GET', '/v1/jobs?status=running&limit=1');
      const ids = [...body.data, ...running.data].map((job) => job.id);
      return ids.length > 0 && ids;
    });
    await cancel(id);
    const answer = await waiting;
    expectError(answer, 'conflict', { says: [id, 'canceled'] });
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });
});

test('a process that stops answers 503 with the job, and the same key finds it in the next', async () => {
  const own = await newGround();
  const running: Kiln[] = [];
  const start = async (secret?: string): Promise<Kiln> => {
    const one = await startKiln({ ground: own, secret });
    running.push(one);
    return one;
  };
  try {
    const first = await start();
    const once = onceKey();
    const body = { model: 'flux-dev', prompt: 'a fox [[sandbox:latency=1500]]', size: '256x256' };
    const waiting = open(first, 'POST', GENERATIONS, { body, headers: once });
    await eventually(async () => (await first.call<{ data: unknown[] }>('GET', '/v1/jobs')).body.data.length === 1);
    first.app.get(JobWaiter).release();
    const answer = await waiting.answer;
    answer.resume();
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1']);
    const id = answer.headers['x-kiln-job-id'];
    await first.close();
    const second = await start(first.secret);
    const again = await second.call<Pictures>('POST', GENERATIONS, body, once);
    expect([again.status, again.headers.get('x-kiln-job-id')]).toEqual([200, id]);
    expect((await look(again.body.data[0]?.b64_json)).width).toBe(256);
  } finally {
    for (const one of running) await one.close();
    await dropGround(own);
  }
});

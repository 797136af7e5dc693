import { createFal } from '@ai-sdk/fal';
import { ApiError, createFalClient, type FalClient } from '@fal-ai/client';
import { experimental_generateVideo as generateVideo, generateImage } from 'ai';
import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';
import { download, probe } from '../../sandbox/test-client.js';

const KEY = 'witness';
/** Hosts of fal, as its clients have them built in, and where the sandbox has them. */
const HOSTS = { 'https://queue.fal.run': '', 'https://fal.run': '/direct', 'https://rest.fal.ai': '' };

let sandbox: Sandbox;
let base: string;
let fal: FalClient;
let picture: Blob;

const here = (url: string): string => {
  for (const [host, path] of Object.entries(HOSTS))
    if (url.startsWith(host)) return `${base}${path}${url.slice(host.length)}`;
  return url;
};

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.01, key: KEY });
  base = `${sandbox.url}/fal`;
  fal = createFalClient({
    credentials: KEY,
    requestMiddleware: async (request) => ({ ...request, url: here(request.url) }),
    retry: { maxRetries: 0 },
  });
  const bytes = await sharp({ create: { width: 1280, height: 720, channels: 3, background: '#a03020' } })
    .png()
    .toBuffer();
  picture = new Blob([new Uint8Array(bytes)], { type: 'image/png' });
});
afterAll(() => sandbox.close());

describe('@fal-ai/client', () => {
  test('subscribes: submit, statuses, result, download', async () => {
    const statuses: string[] = [];
    const { data, requestId } = await fal.subscribe('fal-ai/veo3.1', {
      input: { prompt: 'a kite', duration: '4s', aspect_ratio: '9:16', generate_audio: false },
      pollInterval: 20,
      logs: true,
      onQueueUpdate: ({ status }) => statuses.push(status),
      storageSettings: { expiresIn: '1d' },
    });
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(statuses.at(-1)).toBe('COMPLETED');
    expect(statuses).toContain('IN_PROGRESS');
    const { streams, seconds } = probe(await download(data.video.url), 'mp4');
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 720, height: 1280 });
    expect(seconds).toBeCloseTo(4, 1);
  });

  test('uploads a file on its way to a model', async () => {
    const { data } = await fal.subscribe('fal-ai/flux/dev/image-to-image', {
      input: { prompt: 'a kite', image_url: picture, strength: 0.7, output_format: 'png' },
      pollInterval: 20,
    });
    const [image] = data.images;
    expect(await sharp(await download(image?.url ?? '')).metadata()).toMatchObject({
      width: 1280,
      height: 720,
      format: 'png',
    });
  });

  test('submits, asks, cancels', async () => {
    const { request_id: requestId } = await fal.queue.submit('fal-ai/flux/dev', {
      input: { prompt: 'a kite [[sandbox:latency=600000]]' },
      webhookUrl: 'http://127.0.0.1:9/hook?a=1&b=2',
      priority: 'low',
    });
    expect(await fal.queue.status('fal-ai/flux/dev', { requestId })).toMatchObject({ request_id: requestId });
    await fal.queue.cancel('fal-ai/flux/dev', { requestId });
    expect(await fal.queue.status('fal-ai/flux/dev', { requestId })).toMatchObject({ status: 'COMPLETED' });
    const error = await fal.queue.result('fal-ai/flux/dev', { requestId }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 499 });
  });

  test('runs directly, and reads both error bodies', async () => {
    const { data } = await fal.run('fal-ai/ace-step', { input: { tags: 'lo-fi', duration: 5 } });
    expect(probe(await download(data.audio.url), 'wav').seconds).toBeCloseTo(5, 0);
    const wrong = await fal
      .run('fal-ai/flux/dev', { input: { prompt: 'x', num_images: 9 } })
      .catch((thrown: unknown) => thrown);
    expect(wrong).toMatchObject({
      name: 'ValidationError',
      status: 422,
      fieldErrors: [{ loc: ['body', 'num_images'] }],
    });
    const stranger = createFalClient({
      credentials: 'other',
      requestMiddleware: async (request) => ({ ...request, url: here(request.url) }),
    });
    await expect(stranger.queue.submit('fal-ai/flux/dev', { input: { prompt: 'x' } })).rejects.toMatchObject({
      status: 401,
    });
  });

  test('a policy block is the result of the request', async () => {
    const blocked = fal.subscribe('fal-ai/veo3.1', { input: { prompt: 'x [[sandbox:policy]]' }, pollInterval: 20 });
    await expect(blocked).rejects.toMatchObject({
      status: 422,
      body: { detail: [{ type: 'content_policy_violation' }] },
    });
  });
});

describe('@ai-sdk/fal', () => {
  /** The package has the queue's host built in, and sends its key to that origin only. */
  const through: typeof fetch = async (input, init) => {
    const response = await fetch(here(new Request(input).url), init);
    if (!response.headers.get('content-type')?.includes('json')) return response;
    const text = (await response.text()).replaceAll(
      /"[^"]*\/fal\/([^"]+\/requests\/[^"]+)"/g,
      '"https://queue.fal.run/$1"',
    );
    return new Response(text, { status: response.status, headers: { 'content-type': 'application/json' } });
  };

  test('makes a video', async () => {
    const provider = createFal({ apiKey: KEY, fetch: through });
    const { video } = await generateVideo({
      model: provider.video('veo3.1'),
      prompt: 'a kite',
      duration: 4,
      aspectRatio: '16:9',
      providerOptions: { fal: { pollIntervalMs: 20, resolution: '720p' } },
      download: async ({ url }) => ({ data: new Uint8Array(await download(String(url))), mediaType: 'video/mp4' }),
    });
    const { streams, seconds } = probe(Buffer.from(video.uint8Array), 'mp4');
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 1280, height: 720 });
    expect(seconds).toBeCloseTo(4, 1);
  });

  test('makes pictures', async () => {
    const provider = createFal({ apiKey: KEY, baseURL: `${base}/direct` });
    const { images } = await generateImage({
      model: provider.image('fal-ai/flux/dev'),
      prompt: 'a kite',
      size: '512x256',
      seed: 3,
      providerOptions: { fal: { outputFormat: 'png' } },
    });
    expect(images).toHaveLength(1);
    expect(await sharp(images[0]?.uint8Array).metadata()).toMatchObject({ width: 512, height: 256, format: 'png' });
  });

  test('reads a refusal', async () => {
    const provider = createFal({ apiKey: KEY, baseURL: `${base}/direct` });
    await expect(
      generateImage({ model: provider.image('fal-ai/flux/dev'), prompt: 'x [[sandbox:policy]]', maxRetries: 0 }),
    ).rejects.toThrow(/flagged by a content checker/);
  });
});

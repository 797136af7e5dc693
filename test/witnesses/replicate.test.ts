import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createReplicate } from '@ai-sdk/replicate';
import { experimental_generateVideo as generateVideo, generateImage } from 'ai';
import Replicate, { parseProgressFromLogs, validateWebhook } from 'replicate';
import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';
import { download, probe, until } from '../../sandbox/test-client.js';

/** The official client and the AI SDK's provider, pointed at the sandbox by their base URL: whole journeys, bytes and all. */
const KEY = 'r8_test';
const FLUX = 'black-forest-labs/flux-dev';
const LORA = 'black-forest-labs/flux-dev-lora';
const KLING = 'kwaivgi/kling-v3-video';

let sandbox: Sandbox;
let client: Replicate;
let picture: Buffer;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.01, key: KEY });
  client = new Replicate({ auth: KEY, baseUrl: `${sandbox.url}/replicate/v1` });
  picture = await sharp({ create: { width: 640, height: 384, channels: 3, background: '#3aa' } })
    .png()
    .toBuffer();
});
afterAll(() => sandbox.close());

describe('the replicate package', () => {
  test('runs FLUX and waits by polling, with every input', async () => {
    const seen: string[] = [];
    const input = {
      prompt: 'a kite',
      aspect_ratio: '3:2',
      num_outputs: 2,
      num_inference_steps: 28,
      guidance: 3.5,
      seed: 7,
      output_format: 'png',
      go_fast: false,
    };
    const output = (await client.run(FLUX, { input, wait: { mode: 'poll', interval: 20 } }, ({ status }) =>
      seen.push(status),
    )) as string[];
    expect(seen[0]).toBe('starting');
    expect(seen.at(-1)).toBe('succeeded');
    expect(output).toHaveLength(2);
    for (const url of output)
      expect(await sharp(await download(url)).metadata()).toMatchObject({ format: 'png', width: 1216, height: 832 });
  });

  test('uploads a picture by itself and runs FLUX from it, in one held request', async () => {
    const output = (await client.run(FLUX, {
      input: { prompt: 'a kite', image: picture, prompt_strength: 0.7, output_format: 'webp' },
    })) as string[];
    expect(await sharp(await download(output[0] ?? '')).metadata()).toMatchObject({
      format: 'webp',
      width: 640,
      height: 384,
    });
    const { results } = await client.files.list();
    expect(results[0]).toMatchObject({ size: picture.length, urls: { get: expect.any(String) } });
    expect(await client.files.delete(results[0]?.id ?? '')).toBe(true);
  });

  test('runs FLUX with LoRAs', async () => {
    const { status, input } = await client.predictions.create({
      model: LORA,
      input: { prompt: 'a kite', lora_weights: 'https://example.com/film.safetensors', lora_scale: 0.9 },
      wait: true,
    });
    expect(status).toBe('succeeded');
    expect(input).toMatchObject({ lora_scale: 0.9 });
  });

  test('runs Kling from two frames and waits', async () => {
    const frame = `data:image/png;base64,${picture.toString('base64')}`;
    const started = await client.predictions.create({
      model: KLING,
      input: {
        prompt: 'a kite',
        start_image: frame,
        end_image: frame,
        mode: 'standard',
        duration: 3,
        generate_audio: true,
      },
    });
    const done = await client.wait(started, { interval: 20 });
    const { streams, seconds } = probe(await download(done.output as string), 'mp4');
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(['h264', 'aac']);
    expect(seconds).toBeCloseTo(3, 1);
    expect(done.metrics?.predict_time).toBeGreaterThan(0);
  });

  test('reads the progress out of the log, cancels, and finds the prediction in the list', async () => {
    const { id } = await client.predictions.create({
      model: FLUX,
      input: { prompt: 'slow [[sandbox:latency=60000]]' },
    });
    const running = await until(async () => {
      const prediction = await client.predictions.get(id);
      return prediction.status === 'processing' && prediction;
    });
    expect(parseProgressFromLogs(running)).toMatchObject({ total: 28 });
    expect((await client.predictions.cancel(id)).status).toBe('canceled');
    const pages = client.paginate(client.predictions.list);
    const { value = [] } = await pages.next();
    expect((value as { id: string }[]).map((one) => one.id)).toContain(id);
  });

  test("a withheld result is an error with the model's own words", async () => {
    await expect(client.run(FLUX, { input: { prompt: 'x [[sandbox:policy]]' } })).rejects.toThrow(/NSFW/);
  });

  test('a refusal names the field', async () => {
    await expect(client.run(FLUX, { input: { prompt: 'x', num_outputs: 9 } })).rejects.toThrow(
      /422.*input\.num_outputs/,
    );
  });

  test('a throttled create is sent again, once', async () => {
    const prompt = 'again [[sandbox:429=1]]';
    await client.run(FLUX, { input: { prompt } });
    const outcomes = sandbox.requests({ provider: 'replicate', contains: prompt }).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['refused', 'accepted']);
  });

  describe('webhooks', () => {
    let receiver: Server;
    let url: string;
    const received: { headers: IncomingHttpHeaders; body: string }[] = [];

    beforeAll(async () => {
      receiver = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
          response.end();
        });
      });
      await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    });
    afterAll(() => receiver.close());

    test('pass its validation with the secret it fetched', async () => {
      const { id } = await client.predictions.create({
        model: FLUX,
        input: { prompt: 'ring' },
        webhook: url,
        webhook_events_filter: ['completed'],
      });
      await until(async () => received.length > 0);
      const [message = { headers: {}, body: '' }] = received;
      expect(JSON.parse(message.body)).toMatchObject({ id, status: 'succeeded' });
      const { key: secret } = await client.webhooks.default.secret.get();
      const parts = {
        id: String(message.headers['webhook-id']),
        timestamp: String(message.headers['webhook-timestamp']),
        signature: String(message.headers['webhook-signature']),
        secret,
      };
      expect(await validateWebhook({ ...parts, body: message.body })).toBe(true);
      expect(await validateWebhook({ ...parts, body: `${message.body} ` })).toBe(false);
    });
  });
});

describe("the AI SDK's provider", () => {
  const provider = () => createReplicate({ apiToken: KEY, baseURL: `${sandbox.url}/replicate/v1` });

  test('makes a picture', async () => {
    const { image } = await generateImage({
      model: provider().image(FLUX),
      prompt: 'a kite',
      aspectRatio: '16:9',
      seed: 7,
      providerOptions: { replicate: { output_format: 'png' } },
    });
    expect(await sharp(image.uint8Array).metadata()).toMatchObject({ format: 'png', width: 1344, height: 768 });
  });

  test('makes a picture from a picture', async () => {
    const { image } = await generateImage({
      model: provider().image(FLUX),
      prompt: { text: 'a kite', images: [picture] },
      providerOptions: { replicate: { prompt_strength: 0.5, output_format: 'png' } },
    });
    expect(await sharp(image.uint8Array).metadata()).toMatchObject({ width: 640, height: 384 });
  });

  test('makes a clip, by polling', async () => {
    const { video } = await generateVideo({
      model: provider().video(KLING),
      prompt: 'a kite',
      aspectRatio: '1:1',
      duration: 4,
      providerOptions: { replicate: { mode: 'standard', pollIntervalMs: 20, maxWaitTimeInSeconds: 1 } },
      download: async ({ url }) => ({ data: new Uint8Array(await download(url.href)), mediaType: 'video/mp4' }),
    });
    const { streams, seconds } = probe(Buffer.from(video.uint8Array), 'mp4');
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({ width: 960, height: 960 });
    expect(seconds).toBeCloseTo(4, 1);
  });

  test('passes on why a clip was withheld', async () => {
    const attempt = generateVideo({
      model: provider().video(KLING),
      prompt: 'x [[sandbox:policy]]',
      providerOptions: { replicate: { pollIntervalMs: 20 } },
    });
    await expect(attempt).rejects.toThrow(/flagged as sensitive/);
  });
});

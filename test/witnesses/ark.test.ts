import { readFile } from 'node:fs/promises';
import { createByteDance } from '@ai-sdk/bytedance';
import { experimental_generateVideo as generateVideo } from 'ai';
import { startSandbox, type Sandbox } from '../../sandbox/server.js';
import { download, probe } from '../../sandbox/test-client.js';
import { imageFile } from '../support/media.js';

/** Vercel's own client of Ark, which knows nothing of the sandbox but its address. */
const MODEL = 'dreamina-seedance-2-0-260128';
const POLL = { pollIntervalMs: 20, pollTimeoutMs: 20_000 };

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.005, key: 'witness' });
});
afterAll(() => sandbox.close());

const model = (apiKey = 'witness', id = MODEL) =>
  createByteDance({ baseURL: `${sandbox.url}/ark/api/v3`, apiKey }).video(id);
const options = (more: Record<string, string | boolean | number | string[]> = {}) => ({
  bytedance: { ...POLL, ...more },
});
/** The SDK's own download refuses private addresses, which the sandbox's is. */
const fetched = async ({ url }: { url: URL }) => ({
  data: new Uint8Array(await download(url.href)),
  mediaType: 'video/mp4',
});
const make = async (more: Partial<Parameters<typeof generateVideo>[0]>) =>
  generateVideo({ model: model(), prompt: 'A kite over dunes', maxRetries: 0, download: fetched, ...more });
const dataUri = async (width: number, height: number): Promise<string> =>
  `data:image/png;base64,${(await readFile(await imageFile('png', width, height))).toString('base64')}`;

describe('@ai-sdk/bytedance', () => {
  test('submits, polls and downloads a clip of the asked size and length, with sound', async () => {
    const { video, warnings, providerMetadata } = await make({
      aspectRatio: '9:16',
      resolution: '1280x720',
      duration: 4,
      seed: 7,
      generateAudio: true,
      providerOptions: options({ watermark: false }),
    });
    expect(warnings).toEqual([]);
    expect(providerMetadata).toMatchObject({
      bytedance: { taskId: expect.stringMatching(/^cgt-/) as string, usage: { completion_tokens: 87_300 } },
    });
    const { streams, seconds } = probe(Buffer.from(video.uint8Array), 'mp4');
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 720, height: 1280 });
    expect(streams[1]).toMatchObject({ codec_name: 'aac' });
    expect(seconds).toBeCloseTo(4.04, 1);
    expect(sandbox.requests({ provider: 'ark' }).at(-1)?.body).toMatchObject({ ratio: '9:16', resolution: '720p' });
  });

  test('a first frame, and a first and a last one', async () => {
    const first = await dataUri(600, 800);
    const only = await make({
      prompt: { text: 'It turns', image: first },
      resolution: '864x496',
      duration: 4,
      providerOptions: options(),
    });
    expect(probe(Buffer.from(only.video.uint8Array), 'mp4').streams[0]).toMatchObject({ width: 560, height: 752 });
    const both = await make({
      prompt: { text: 'It turns', image: first },
      resolution: '864x496',
      duration: 4,
      providerOptions: options({ lastFrameImage: await dataUri(800, 600), generateAudio: false }),
    });
    expect(probe(Buffer.from(both.video.uint8Array), 'mp4').streams).toHaveLength(1);
  });

  test('reference pictures', async () => {
    const { video } = await make({
      aspectRatio: '1:1',
      resolution: '864x496',
      duration: 4,
      providerOptions: options({ referenceImages: [await dataUri(600, 800), await dataUri(800, 600)] }),
    });
    expect(probe(Buffer.from(video.uint8Array), 'mp4').streams[0]).toMatchObject({ width: 640, height: 640 });
  });

  test('reads refusals and failures', async () => {
    const failing = async (prompt: string) => make({ prompt, duration: 4, providerOptions: options() });
    await expect(failing('[[sandbox:policy-submit]] x')).rejects.toThrow(/sensitive information/);
    // It reads the status and nothing of the reason.
    await expect(failing('[[sandbox:policy]] x')).rejects.toThrow(/"status":"failed"/);
    await expect(make({ model: model('wrong') })).rejects.toThrow(/missing or invalid/);
    await expect(make({ model: model('witness', 'seedance-9') })).rejects.toThrow(/does not exist/);
    await expect(make({ duration: 4, providerOptions: options({ serviceTier: 'flex' }) })).rejects.toThrow(/flex/);
  });
});

import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { GoogleGenAI } from '@google/genai';
import { experimental_generateVideo as generateVideo, generateImage } from 'ai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OAuth2Client } from 'google-auth-library';
import { GoogleGenAI as GoogleGenAI2, VideoGenerationReferenceType } from 'google-genai-2';
import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';
import { probe } from '../../sandbox/test-client.js';
import { lendUndiciDispatcher } from '../support/undici-dispatcher.js';

// The sandbox as the makers' own clients see it: what they send must be taken, what it answers must be read by them.

const KEY = 'witness-key';
const IMAGE_MODEL = 'gemini-3.1-flash-image';
const POLL_MS = 10;

let sandbox: Sandbox;
let picture: Buffer;
let dir: string;

beforeAll(async () => {
  lendUndiciDispatcher();
  sandbox = await startSandbox({ speed: 0, key: KEY });
  dir = await mkdtemp(join(tmpdir(), 'kiln-witness-'));
  picture = await sharp({ create: { width: 640, height: 360, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
});
afterAll(async () => {
  await sandbox.close();
  await rm(dir, { recursive: true, force: true });
});

const vertex = (location: string) =>
  new GoogleGenAI({
    vertexai: true,
    project: 'p1',
    location,
    googleAuthOptions: { authClient: Object.assign(new OAuth2Client(), { credentials: { access_token: KEY } }) },
    httpOptions: { baseUrl: `${sandbox.url}/vertex` },
  });
const gemini = () => new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: `${sandbox.url}/gemini` } });
const gemini2 = () => new GoogleGenAI2({ apiKey: KEY, httpOptions: { baseUrl: `${sandbox.url}/gemini` } });
const aiSdk = () => createGoogleGenerativeAI({ apiKey: KEY, baseURL: `${sandbox.url}/gemini/v1beta` });

/** The one inline result among the parts of an answer. */
function inlineOf(parts: { inlineData?: { data?: string; mimeType?: string }; thought?: boolean }[] | undefined) {
  const found = (parts ?? []).filter(({ inlineData, thought }) => inlineData?.data && thought !== true);
  expect(found).toHaveLength(1);
  const { data = '', mimeType } = found[0]?.inlineData ?? {};
  return { bytes: Buffer.from(data, 'base64'), mimeType };
}
const sizeOf = async (bytes: Uint8Array) => {
  const { format, width, height } = await sharp(bytes).metadata();
  return { format, width, height };
};
const videoOf = (bytes: Uint8Array) => {
  const { streams, seconds } = probe(Buffer.from(bytes), 'mp4');
  const of = (type: string) => streams.find(({ codec_type: codec }) => codec === type);
  return { width: of('video')?.width, height: of('video')?.height, sound: of('audio') !== undefined, seconds };
};

describe('@google/genai 3 on Vertex', () => {
  test('generateVideos with first and last frame, polled to the end, read from the answer', async () => {
    const client = vertex('us-central1');
    const image = { imageBytes: picture.toString('base64'), mimeType: 'image/png' };
    let operation = await client.models.generateVideos({
      model: 'veo-3.1-generate-001',
      source: { prompt: 'A boat at dawn', image },
      config: {
        lastFrame: image,
        aspectRatio: '9:16',
        durationSeconds: 4,
        resolution: '720p',
        generateAudio: false,
        seed: 7,
        numberOfVideos: 1,
      },
    });
    while (!operation.done) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      operation = await client.operations.getVideosOperation({ operation });
    }
    const bytes = Buffer.from(operation.response?.generatedVideos?.[0]?.video?.videoBytes ?? '', 'base64');
    expect(videoOf(bytes)).toEqual({ width: 720, height: 1280, sound: false, seconds: expect.closeTo(4, 0) as number });
  });

  test('generateContent: a picture, and the next turn of the talk with the signature of the first', async () => {
    const chat = vertex('global').chats.create({
      model: IMAGE_MODEL,
      config: { responseModalities: ['TEXT', 'IMAGE'], imageConfig: { aspectRatio: '16:9', imageSize: '2K' }, seed: 7 },
    });
    const first = await chat.sendMessage({ message: 'A shop sign that says OPEN' });
    expect(await sizeOf(inlineOf(first.candidates?.[0]?.content?.parts).bytes)).toEqual({
      format: 'png',
      width: 2752,
      height: 1536,
    });
    const second = await chat.sendMessage({
      message: 'Now it says CLOSED',
      config: { imageConfig: { imageSize: '512' }, responseModalities: ['IMAGE'] },
    });
    expect(await sizeOf(inlineOf(second.candidates?.[0]?.content?.parts).bytes)).toMatchObject({
      width: 688,
      height: 384,
    });
    expect(second.usageMetadata?.candidatesTokenCount).toBe(747);
  });

  test('a block and a refusal are what the client says they are', async () => {
    const client = vertex('global');
    const blocked = await client.models.generateContent({ model: IMAGE_MODEL, contents: '[[sandbox:policy]] x' });
    expect(blocked.candidates?.[0]?.finishReason).toBe('IMAGE_SAFETY');
    await expect(
      client.models.generateContent({
        model: IMAGE_MODEL,
        contents: 'x',
        config: { imageConfig: { imageSize: '8K' } },
      }),
    ).rejects.toMatchObject({ status: 400 });
    await expect(
      vertex('us-central1').models.generateContent({ model: IMAGE_MODEL, contents: 'x' }),
    ).rejects.toMatchObject({ status: 404 });
  });
});

describe('@google/genai 3 on the Gemini API', () => {
  test('generateContent: a song, longer as asked for, as WAV', async () => {
    const answer = await gemini().models.generateContent({
      model: 'lyria-3-pro-preview',
      contents: 'Slow rain. The song is 12 seconds long.',
      config: { responseModalities: ['AUDIO', 'TEXT'], responseMimeType: 'audio/wav' },
    });
    const { bytes, mimeType } = inlineOf(answer.candidates?.[0]?.content?.parts);
    expect(mimeType).toBe('audio/wav');
    expect(probe(bytes, 'wav').seconds).toBeCloseTo(12, 0);
    expect(answer.candidates?.[0]?.content?.parts?.[0]?.text).toContain('Slow rain');
  });

  test('interactions: a song at once, and one in the background', async () => {
    const { interactions } = gemini();
    const once = await interactions.create({ model: 'lyria-3.5', input: 'Slow rain, 11 seconds' });
    expect(once.status).toBe('completed');
    expect(probe(Buffer.from(once.output_audio?.data ?? '', 'base64'), 'mp3').seconds).toBeCloseTo(11, 0);
    expect(once.output_text).toContain('Slow rain');

    let run = await interactions.create({
      model: 'lyria-3.5',
      input: 'Slow rain, 10 seconds',
      background: true,
      store: true,
      response_format: { type: 'audio', mime_type: 'audio/wav', delivery: 'inline' },
    });
    while (run.status === 'queued' || run.status === 'in_progress') {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      run = await interactions.get(run.id);
    }
    expect(run.output_audio?.mime_type).toBe('audio/wav');
    expect(probe(Buffer.from(run.output_audio?.data ?? '', 'base64'), 'wav').seconds).toBeCloseTo(10, 0);
  });

  test('interactions: one that runs is cancelled, once', async () => {
    const { interactions } = gemini();
    const input = 'Slow rain [[sandbox:latency=60000]]';
    const run = await interactions.create({ model: 'lyria-3.5', input, background: true, store: true });
    expect((await interactions.get(run.id)).status).toBe('in_progress');
    expect((await interactions.cancel(run.id)).status).toBe('cancelled');
    expect((await interactions.get(run.id)).status).toBe('cancelled');
    await expect(interactions.cancel(run.id)).rejects.toThrow(/400/);
  });

  test('interactions: a clip from a picture, behind a link that takes the key', async () => {
    const { interactions } = gemini();
    const run = await interactions.create({
      model: 'gemini-omni-1.1-flash',
      input: [
        { type: 'text', text: 'The boat leaves' },
        { type: 'image', data: picture.toString('base64'), mime_type: 'image/png' },
      ],
      response_format: { type: 'video', aspect_ratio: '16:9', duration: '3s', resolution: '360p', delivery: 'uri' },
      generation_config: { video_config: { task: 'image_to_video' } },
    });
    const response = await fetch(run.output_video?.uri ?? '', { headers: { 'x-goog-api-key': KEY } });
    expect(videoOf(new Uint8Array(await response.arrayBuffer()))).toMatchObject({
      width: 640,
      height: 360,
      sound: true,
    });
  });
});

describe('@google/genai 2 on the Gemini API', () => {
  test('generateVideos, polled, and the file downloaded by the client', async () => {
    const client = gemini2();
    let operation = await client.models.generateVideos({
      model: 'veo-3.1-generate-preview',
      source: { prompt: 'A boat at dawn', image: { imageBytes: picture.toString('base64'), mimeType: 'image/png' } },
      config: { aspectRatio: '16:9', durationSeconds: 4, resolution: '720p' },
    });
    while (!operation.done) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      operation = await client.operations.getVideosOperation({ operation });
    }
    const [made] = operation.response?.generatedVideos ?? [];
    // Only from an https address does this client take the file's name; the file itself it reads below its base URL.
    const uri = made?.video?.uri?.replace('http:', 'https:');
    const downloadPath = join(dir, 'clip.mp4');
    await client.files.download({ file: { video: { uri } }, downloadPath });
    expect(videoOf(await readFile(downloadPath))).toMatchObject({ width: 1280, height: 720, sound: true });
  });

  test('references of a subject', async () => {
    const client = gemini2();
    const image = { imageBytes: picture.toString('base64'), mimeType: 'image/png' };
    const operation = await client.models.generateVideos({
      model: 'veo-3.1-fast-generate-preview',
      source: { prompt: 'This boat at dawn' },
      config: { durationSeconds: 8, referenceImages: [{ image, referenceType: VideoGenerationReferenceType.ASSET }] },
    });
    expect(operation.name).toContain('/operations/');
  });

  test('generateContent: a picture is changed', async () => {
    const answer = await gemini2().models.generateContent({
      model: IMAGE_MODEL,
      contents: [
        { text: 'Make it night' },
        { inlineData: { mimeType: 'image/png', data: picture.toString('base64') } },
      ],
      config: { responseModalities: ['IMAGE'], thinkingConfig: { includeThoughts: true } },
    });
    // As the picture that was given.
    expect(await sizeOf(inlineOf(answer.candidates?.[0]?.content?.parts).bytes)).toMatchObject({
      width: 1376,
      height: 768,
    });
  });
});

describe("Vercel's AI SDK", () => {
  test('generateImage: from words, and from a picture', async () => {
    const model = aiSdk().image(IMAGE_MODEL);
    const { image } = await generateImage({
      model,
      prompt: 'A shop sign that says OPEN',
      aspectRatio: '21:9',
      seed: 7,
    });
    expect(await sizeOf(image.uint8Array)).toEqual({ format: 'png', width: 1584, height: 672 });
    const changed = await generateImage({ model, prompt: { text: 'Make it night', images: [picture] } });
    expect(await sizeOf(changed.image.uint8Array)).toMatchObject({ width: 1376, height: 768 });
  });

  test('generateVideo: from a picture to another, and from references', async () => {
    const model = aiSdk().video('veo-3.1-generate-preview');
    const common = {
      model,
      aspectRatio: '16:9' as const,
      resolution: '1280x720' as const,
      providerOptions: { google: { pollIntervalMs: POLL_MS } },
      // Its own refuses addresses that are not public.
      download: async ({ url }: { url: URL }) => {
        const response = await fetch(url);
        return {
          data: new Uint8Array(await response.arrayBuffer()),
          mediaType: response.headers.get('content-type') ?? '',
        };
      },
    };
    const clip = await generateVideo({
      ...common,
      prompt: 'A boat at dawn',
      duration: 4,
      frameImages: [
        { image: picture, frameType: 'first_frame' },
        { image: picture, frameType: 'last_frame' },
      ],
    });
    expect(videoOf(clip.video.uint8Array)).toMatchObject({ width: 1280, height: 720, sound: true });
    const subject = await generateVideo({ ...common, prompt: 'This boat', duration: 8, inputReferences: [picture] });
    expect(videoOf(subject.video.uint8Array).seconds).toBeCloseTo(8, 0);
  });
});

import { createOpenAI } from '@ai-sdk/openai';
import { cosineSimilarity, embed, embedMany, generateSpeech, transcribe } from 'ai';
import OpenAI, { toFile } from 'openai';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';
import { probe } from '../../sandbox/test-client.js';

/** OpenAI's official client and Vercel's AI SDK against the sandbox: what they send is taken, and what they read is there. */
const KEY = 'test-key';
const TEXT = 'Good morning. It is cold, and clear all day.';

let sandbox: Sandbox;
const clientOf = (prefix: string) => new OpenAI({ apiKey: KEY, baseURL: `${sandbox.url}${prefix}`, maxRetries: 0 });
let client: OpenAI;
let vercel: ReturnType<typeof createOpenAI>;
let recording: Buffer;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY, comfyInstances: 1 });
  client = clientOf('/openai/v1');
  vercel = createOpenAI({ apiKey: KEY, baseURL: `${sandbox.url}/openai/v1` });
  recording = await spoken('nova');
});
afterAll(() => sandbox.close());

async function spoken(voice: string): Promise<Buffer> {
  const speech = await client.audio.speech.create({ model: 'tts-1', input: TEXT, voice });
  return Buffer.from(await speech.arrayBuffer());
}

const file = () => toFile(recording, 'speech.mp3', { type: 'audio/mpeg' });

describe("OpenAI's client", () => {
  test('embeds, in base64 as it asks for by itself, and as numbers', async () => {
    const request = { model: 'text-embedding-3-small', input: ['a red fox', 'a red dog'] };
    const packed = await client.embeddings.create(request);
    const plain = await client.embeddings.create({ ...request, encoding_format: 'float' });
    expect(sandbox.requests({ provider: 'openai', contains: 'a red fox' }).at(0)?.body).toMatchObject({
      encoding_format: 'base64',
    });
    expect(packed.data.map(({ embedding }) => embedding.length)).toEqual([1536, 1536]);
    expect(packed.data.map(({ embedding }) => [...embedding])).toEqual(plain.data.map(({ embedding }) => embedding));
    expect(packed.usage).toEqual({ prompt_tokens: 6, total_tokens: 6 });
  });

  test.each(['/deepinfra/v1/openai', '/vllm/v1'])('embeds at %s', async (prefix) => {
    const { data } = await clientOf(prefix).embeddings.create({ model: 'BAAI/bge-m3', input: 'a red fox' });
    expect(data[0]?.embedding).toHaveLength(1024);
  });

  test.each(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm'] as const)('speaks %s', async (format) => {
    const response = await client.audio.speech.create({
      model: 'gpt-4o-mini-tts',
      input: TEXT,
      voice: 'marin',
      instructions: 'Gladly.',
      response_format: format,
      speed: 1.5,
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(format === 'pcm' ? bytes.length / 48_000 : probe(bytes, format).seconds).toBeGreaterThan(1.5);
  });

  test.each([
    ['/deepinfra/v1/openai', 'hexgrad/Kokoro-82M'],
    ['/kokoro/v1', 'kokoro'],
  ])('speaks at %s', async (prefix, model) => {
    const request = { model, input: TEXT, voice: 'af_heart', response_format: 'mp3' } as const;
    const speech = await clientOf(prefix).audio.speech.create(request);
    expect(speech.headers.get('content-type')).toBe('audio/mpeg');
    expect(probe(Buffer.from(await speech.arrayBuffer()), 'mp3').seconds).toBeGreaterThan(2);
  });

  test('reads back in every format what was spoken', async () => {
    const asked = { file: await file(), model: 'whisper-1' };
    expect(await client.audio.transcriptions.create(asked)).toMatchObject({ text: TEXT, usage: { type: 'duration' } });
    for (const format of ['text', 'srt', 'vtt'] as const) {
      const text = await client.audio.transcriptions.create({ ...asked, file: await file(), response_format: format });
      expect(text).toContain('Good morning.');
    }
    const verbose = await client.audio.transcriptions.create({
      ...asked,
      file: await file(),
      response_format: 'verbose_json',
      timestamp_granularities: ['word', 'segment'],
      language: 'en',
    });
    expect(verbose.segments?.map(({ text }) => text.trim()).join(' ')).toBe(TEXT);
    expect(verbose.words?.at(-1)).toMatchObject({ word: 'day', end: verbose.duration });
    expect(await client.audio.translations.create({ ...asked, file: await file() })).toEqual({ text: TEXT });
  });

  test('reads back as a stream', async () => {
    const stream = await client.audio.transcriptions.create({
      file: await file(),
      model: 'gpt-4o-mini-transcribe',
      stream: true,
      include: ['logprobs'],
    });
    let heard = '';
    const last: unknown[] = [];
    for await (const event of stream) {
      if (event.type === 'transcript.text.delta') heard += event.delta;
      else last.push(event);
    }
    expect(heard).toBe(TEXT);
    expect(last).toMatchObject([{ type: 'transcript.text.done', text: TEXT, usage: { type: 'tokens' } }]);
  });

  test.each([
    ['/groq/openai/v1', 'whisper-large-v3-turbo'],
    ['/whisper/v1', 'Systran/faster-whisper-large-v3'],
  ])('reads back at %s', async (prefix, model) => {
    const { text } = await clientOf(prefix).audio.transcriptions.create({ file: await file(), model });
    expect(text).toBe(TEXT);
  });

  test('an error reads as the client knows it', async () => {
    const refused = client.audio.transcriptions.create({
      file: await file(),
      model: 'gpt-4o-transcribe',
      response_format: 'srt',
    });
    await expect(refused).rejects.toMatchObject({ status: 400, code: 'unsupported_value', param: 'response_format' });
    const busy = client.embeddings.create({ model: 'text-embedding-3-small', input: 'x [[sandbox:429]]' });
    await expect(busy).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
  });
});

describe('the AI SDK', () => {
  test('embeds one and many, the near ones near', async () => {
    const model = vercel.embedding('text-embedding-3-large');
    const { embedding, usage } = await embed({ model, value: 'How do I get a refund?' });
    expect(embedding).toHaveLength(3072);
    expect(usage.tokens).toBeGreaterThan(0);
    const values = ['A refund takes five days.', 'The office opens at nine.'];
    const { embeddings } = await embedMany({ model, values });
    const [near = 0, far = 0] = embeddings.map((one) => cosineSimilarity(embedding, one));
    expect(near).toBeGreaterThan(far);
  });

  test('speaks', async () => {
    const { audio } = await generateSpeech({
      model: vercel.speech('gpt-4o-mini-tts'),
      text: TEXT,
      voice: 'coral',
      outputFormat: 'wav',
      instructions: 'Slowly.',
    });
    expect(probe(Buffer.from(audio.uint8Array), 'wav').streams[0]?.codec_name).toBe('pcm_s16le');
  });

  test.each(['whisper-1', 'gpt-4o-transcribe'])('reads back with %s', async (id) => {
    const { text } = await transcribe({ model: vercel.transcription(id), audio: recording });
    expect(text).toBe(TEXT);
  });
});

import { toFile } from 'openai';
import { type ClientsKiln, silentWav, startClients } from './clients.js';

let kiln: ClientsKiln;
/** A spoken sentence. */
let spoken: Buffer;
const SENTENCE = 'The quick brown fox jumps over the lazy dog.';
beforeAll(async () => {
  kiln = await startClients();
  const speech = await kiln.openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: SENTENCE });
  spoken = Buffer.from(await speech.arrayBuffer());
});
afterAll(() => kiln.end());

const recording = () => toFile(spoken, 'said.mp3', { type: 'audio/mpeg' });

describe('embeddings', () => {
  const model = 'text-embedding-3-small';

  test('the client’s own default, which is base64 on the wire', async () => {
    const { data, usage, object, model: named } = await kiln.openai.embeddings.create({ model, input: 'hello world' });
    expect({ object, named }).toEqual({ object: 'list', named: model });
    expect(data).toHaveLength(1);
    expect(data[0]?.embedding).toHaveLength(1536);
    expect(Math.hypot(...(data[0]?.embedding ?? []))).toBeCloseTo(1, 3);
    expect(usage.prompt_tokens).toBeGreaterThan(0);
  });

  test('floats and base64 are the same numbers', async () => {
    const floats = await kiln.openai.embeddings.create({ model, input: ['a', 'b'], encoding_format: 'float' });
    const packed = await kiln.openai.embeddings.create({ model, input: ['a', 'b'], encoding_format: 'base64' });
    for (const at of [0, 1]) {
      const text = packed.data[at]?.embedding as unknown as string;
      const bytes = Buffer.from(text, 'base64');
      const numbers = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
      expect(numbers.map((number) => number.toFixed(5))).toEqual(
        floats.data[at]?.embedding.map((number) => number.toFixed(5)),
      );
    }
  });

  test('token ids, one list and several, and fewer dimensions', async () => {
    const one = await kiln.openai.embeddings.create({ model, input: [9906, 1917], dimensions: 256 });
    expect(one.data.map(({ embedding }) => embedding.length)).toEqual([256]);
    const several = await kiln.openai.embeddings.create({ model, input: [[9906], [1917, 0], [1]] });
    expect(several.data.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(several.usage.prompt_tokens).toBe(4);
  });

  test('what is too long is refused before it is sent', async () => {
    const asking = kiln.openai.embeddings.create({ model, input: ['a', 'word '.repeat(9000)] });
    await expect(asking).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'input[1]' });
  });
});

describe('speech', () => {
  const MAGIC = {
    mp3: /^(ID3|\xff[\xe0-\xff])/,
    opus: /^OggS/,
    aac: /^\xff[\xf0-\xff]/,
    flac: /^fLaC/,
    wav: /^RIFF/,
    pcm: /^[^]/,
  };
  test.each(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm'] as const)('%s', async (format) => {
    const answer = await kiln.openai.audio.speech.create({
      model: 'tts-1',
      voice: 'nova',
      input: 'Hello',
      response_format: format,
      speed: 1.5,
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.subarray(0, 4).toString('latin1')).toMatch(MAGIC[format]);
    expect(answer.headers.get('content-type')).toMatch(/^audio\//);
  });

  test('read as it comes', async () => {
    const answer = await kiln.openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: SENTENCE });
    let bytes = 0;
    for await (const chunk of answer.body ?? []) bytes += (chunk as Uint8Array).length;
    expect(bytes).toBe(spoken.length);
  });

  test('a voice that nobody has is refused by name', async () => {
    const asking = kiln.openai.audio.speech.create({ model: 'tts-1', voice: 'nobody', input: 'Hello' });
    await expect(asking).rejects.toMatchObject({ status: 400, param: 'voice' });
  });
});

describe('transcriptions', () => {
  test('json', async () => {
    const { text } = await kiln.openai.audio.transcriptions.create({ model: 'whisper-1', file: await recording() });
    expect(text).toBe(SENTENCE);
  });

  test.each([
    ['text', /^The quick brown fox/],
    ['srt', /^1\n00:00:00,000 --> 00:00:\d\d,\d{3}\nThe quick/],
    ['vtt', /^WEBVTT\n\n00:00:00\.000 --> 00:00:\d\d\.\d{3}\nThe quick/],
  ] as const)('%s', async (format, shape) => {
    const answer = await kiln.openai.audio.transcriptions.create({
      model: 'whisper-1',
      file: await recording(),
      response_format: format,
    });
    expect(answer).toMatch(shape);
  });

  test('verbose_json with segments and words', async () => {
    const answer = await kiln.openai.audio.transcriptions.create({
      model: 'whisper-1',
      file: await recording(),
      response_format: 'verbose_json',
      timestamp_granularities: ['word', 'segment'],
      language: 'en',
      temperature: 0.2,
    });
    expect(answer.text).toBe(SENTENCE);
    expect(answer.duration).toBeGreaterThan(0);
    expect(answer.segments?.[0]?.text).toContain('quick');
    expect(answer.words?.map(({ word }) => word.trim())).toContain('quick');
  });

  test('events of a model that streams', async () => {
    const events = await kiln.openai.audio.transcriptions.create({
      model: 'listening-model',
      file: await recording(),
      stream: true,
    });
    let text = '';
    const types: string[] = [];
    for await (const event of events) {
      types.push(event.type);
      if (event.type === 'transcript.text.delta') text += event.delta;
      if (event.type === 'transcript.text.done') expect(event.text).toBe(SENTENCE);
    }
    expect(text).toBe(SENTENCE);
    expect(types.at(-1)).toBe('transcript.text.done');
  });

  test('a model that does not stream answers whole', async () => {
    const answer = await kiln.openai.audio.transcriptions
      .create({ model: 'whisper-1', file: await recording(), stream: true })
      .asResponse();
    expect(await answer.json()).toMatchObject({ text: SENTENCE });
  });

  test('a format the model has not is refused by name', async () => {
    const asking = kiln.openai.audio.transcriptions.create({
      model: 'listening-model',
      file: await toFile(silentWav(), 'a.wav'),
      response_format: 'srt',
    });
    await expect(asking).rejects.toMatchObject({ status: 400, param: 'response_format' });
  });
});

describe('models', () => {
  test('the list holds what the key may call, of every kind', async () => {
    const ids: string[] = [];
    for await (const { id, object } of await kiln.openai.models.list()) {
      expect(object).toBe('model');
      ids.push(id);
    }
    expect(ids).toEqual(
      expect.arrayContaining(['claude-sonnet', 'gpt-5.4', 'text-embedding-3-small', 'tts-1', 'whisper-1']),
    );
    const { secret } = await kiln.newKey({ allowed_models: ['gpt-5.4'] });
    const few = await kiln.openai.withOptions({ apiKey: secret }).models.list();
    expect(few.data.map(({ id }) => id)).toEqual(['gpt-5.4']);
  });

  test.each(['claude-sonnet', 'whisper-1'])('%s by its id, for both clients', async (id) => {
    expect(await kiln.openai.models.retrieve(id)).toMatchObject({ id, object: 'model', owned_by: 'kiln' });
    expect(await kiln.anthropic.models.retrieve(id)).toMatchObject({ id, type: 'model' });
  });

  test('Anthropic’s client pages through the list', async () => {
    const ids: string[] = [];
    for await (const { id } of kiln.anthropic.models.list()) ids.push(id);
    expect(ids).toContain('claude-sonnet');
  });
});

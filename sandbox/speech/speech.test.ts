import { call, probe, unanswered } from '../test-client.js';
import { AUTH, type ErrorBody, eventsIn, loudest, openAudio } from './test-audio.js';

const TEXT = 'Good morning. It is cold, and clear all day.';

/** For a connection that is about to be cut. */
const PATIENCE_MS = 15_000;

let audio: Awaited<ReturnType<typeof openAudio>>;
beforeAll(async () => {
  audio = await openAudio();
});
afterEach(() => audio.sandbox.clearFaults());
afterAll(() => audio.sandbox.close());

const say = (more: object = {}) => ({ model: 'gpt-4o-mini-tts', input: TEXT, voice: 'alloy', ...more });

describe('speech', () => {
  it.each([
    ['mp3', 'audio/mpeg', 'mp3', 'mp3'],
    ['opus', 'audio/opus', 'ogg', 'opus'],
    ['aac', 'audio/aac', 'aac', 'aac'],
    ['flac', 'audio/flac', 'flac', 'flac'],
    ['wav', 'audio/wav', 'wav', 'pcm_s16le'],
  ])('is audible as %s', async (format, type, extension, codec) => {
    const response = await audio.speak(say({ response_format: format }));
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    expect(response.headers.get('transfer-encoding')).toBe('chunked');
    const bytes = Buffer.from(await response.arrayBuffer());
    const { streams, seconds } = probe(bytes, extension);
    expect(streams.map(({ codec_name: name }) => name)).toEqual([codec]);
    expect(seconds).toBeGreaterThan(2);
    expect(seconds).toBeLessThan(6);
    expect(loudest(bytes, extension)).toBeGreaterThan(-20);
  });

  it('is MP3 unless asked otherwise, and bare samples as pcm', async () => {
    expect((await audio.speak(say())).headers.get('content-type')).toBe('audio/mpeg');
    const response = await audio.speak(say({ response_format: 'pcm' }));
    expect(response.headers.get('content-type')).toBe('audio/pcm');
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.length % 2).toBe(0);
    expect(bytes.length).toBeGreaterThan(2 * 24_000 * 2);
  });

  it('takes longer for more text and less time at more speed', async () => {
    const lengthOf = async (more: object) =>
      probe(await audio.spoken(say({ response_format: 'wav', ...more })), 'wav').seconds;
    const once = await lengthOf({});
    expect(await lengthOf({ input: `${TEXT} ${TEXT}` })).toBeGreaterThan(once * 1.8);
    expect(await lengthOf({ speed: 2 })).toBeCloseTo(once / 2, 1);
    expect(await lengthOf({ speed: 0.25 })).toBeGreaterThan(once * 3.8);
  });

  it('differs by voice, and by nothing else', async () => {
    const [alloy, onyx, again] = await Promise.all([
      audio.spoken(say()),
      audio.spoken(say({ voice: 'onyx' })),
      audio.spoken(say({ voice: 'alloy', instructions: 'Speak gladly.' })),
    ]);
    expect(alloy.equals(again ?? Buffer.alloc(0))).toBe(true);
    expect(alloy.equals(onyx ?? Buffer.alloc(0))).toBe(false);
    expect((await audio.speak(say({ voice: { id: 'voice_1234' } }))).status).toBe(200);
  });

  it('comes in events that make up the same file, with the usage in the end', async () => {
    const response = await audio.speak(say({ stream_format: 'sse' }));
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = eventsIn(await response.text());
    const deltas = events.filter(({ type }) => type === 'speech.audio.delta');
    expect(deltas.length).toBeGreaterThan(1);
    const bytes = Buffer.concat(deltas.map((event) => Buffer.from(String(event['audio']), 'base64')));
    expect(bytes.equals(await audio.spoken(say()))).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'speech.audio.done', usage: { input_tokens: 12 } });
    const { usage } = events.at(-1) as { usage: Record<string, number> };
    expect(usage['total_tokens']).toBe(12 + (usage['output_tokens'] ?? 0));
  });

  it.each<[string, object, number, string | null, string | null, RegExp]>([
    ['an unknown field', { stream: true }, 400, 'stream', 'unknown_parameter', /Unknown parameter/],
    ['an unknown model', { model: 'tts-9' }, 404, 'model', 'model_not_found', /does not exist/],
    ['no input', { input: undefined }, 400, 'input', 'missing_required_parameter', /Missing/],
    ['an empty input', { input: '' }, 400, 'input', 'invalid_value', /empty string/],
    ['a list as input', { input: ['a'] }, 400, 'input', 'invalid_type', /an array/],
    ['a long input', { input: 'a'.repeat(4097) }, 400, 'input', 'string_above_max_length', /4096.*4097/],
    ['no voice', { voice: undefined }, 400, 'voice', 'missing_required_parameter', /Missing/],
    ['an unknown voice', { voice: 'af_heart' }, 400, 'voice', 'invalid_value', /'alloy'/],
    ['a voice of other models', { model: 'tts-1', voice: 'cedar' }, 400, 'voice', 'invalid_value', /'shimmer'/],
    ['another format', { response_format: 'ogg' }, 400, 'response_format', 'invalid_value', /'opus'/],
    ['too much speed', { speed: 4.1 }, 400, 'speed', 'invalid_value', /0.25 to 4/],
    ['speed as text', { speed: '1' }, 400, 'speed', 'invalid_type', /a decimal/],
    ['events of an old model', { model: 'tts-1', stream_format: 'sse' }, 400, 'stream_format', 'invalid_value', /sse/],
  ])('refuses %s', async (_title, more, status, param, code, message) => {
    const { status: answered, body } = await call<ErrorBody>(`${audio.sandbox.url}/openai/v1/audio/speech`, {
      headers: AUTH,
      json: say(more),
    });
    expect(answered).toBe(status);
    expect(body.error).toMatchObject({ param, code });
    expect(body.error.message).toMatch(message);
  });

  it('wants a key', async () => {
    expect((await call(`${audio.sandbox.url}/openai/v1/audio/speech`, { json: say() })).status).toBe(401);
  });
});

describe('speech of other hosts', () => {
  it('DeepInfra: Kokoro by its own voices, WAV by default, unknown fields ignored', async () => {
    const response = await audio.speak(
      { model: 'hexgrad/Kokoro-82M', input: TEXT, voice: 'am_adam', instructions: 'x' },
      '/deepinfra/v1/openai',
    );
    expect(response.headers.get('content-type')).toBe('audio/wav');
    expect(probe(Buffer.from(await response.arrayBuffer()), 'wav').seconds).toBeGreaterThan(2);
    const alloy = { model: 'hexgrad/Kokoro-82M', input: TEXT, voice: 'alloy' };
    expect((await audio.speak(alloy, '/deepinfra/v1/openai')).status).toBe(400);
  });

  it('Kokoro-FastAPI: no key, a voice of its own by default, mixtures, and its words for errors', async () => {
    const url = `${audio.sandbox.url}/kokoro/v1/audio/speech`;
    for (const more of [{}, { voice: 'alloy' }, { voice: 'af_bella+af_sky(2)' }, { stream: false }])
      expect((await call(url, { json: { input: 'Hello', ...more } })).status).toBe(200);
    expect(await call(url, { json: { input: 'Hello', voice: 'nobody' } })).toMatchObject({
      status: 400,
      body: { detail: { error: 'validation_error', type: 'invalid_request_error' } },
    });
    expect(await call(url, { json: { input: 'Hello', model: 'tts-9' } })).toMatchObject({
      status: 400,
      body: { detail: { error: 'invalid_model' } },
    });
    expect(await call(url, { json: { input: 'Hello', speed: 9 } })).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['body', 'speed'] }] },
    });
    expect(await call(`${audio.sandbox.url}/kokoro/health`)).toMatchObject({ body: { status: 'healthy' } });
    const { body } = await call<{ voices: { id: string }[] }>(`${audio.sandbox.url}/kokoro/v1/audio/voices`);
    expect(body.voices.map(({ id }) => id)).toContain('af_heart');
  });
});

describe('faults of speech', () => {
  const text = (name: string) => say({ input: `x [[sandbox:${name}]]` });
  const init = (json: object) => ({
    method: 'POST',
    headers: { ...AUTH, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  });
  const url = () => `${audio.sandbox.url}/openai/v1/audio/speech`;

  it.each([
    ['429=1', 429],
    ['500=1', 500],
    ['503=1', 503],
  ])('%s, then speech', async (name, status) => {
    expect((await audio.speak(text(name))).status).toBe(status);
    expect((await audio.speak(text(name))).status).toBe(200);
  });

  it('hangs, and drops', async () => {
    expect(await unanswered(url(), init(text('hang')))).toBe('hang');
    expect(await unanswered(url(), init(text('drop-after')), PATIENCE_MS)).toBe('drop');
  });

  it('is cut after as many bytes as asked', async () => {
    const response = await audio.speak(say({ input: `${TEXT} [[sandbox:cut-bytes=5000]]` }));
    const received: Uint8Array[] = [];
    const read = async () => {
      for await (const chunk of response.body ?? []) received.push(chunk);
    };
    await expect(read()).rejects.toThrow('terminated');
    expect(Buffer.concat(received)).toHaveLength(5000);
  });

  it('ends early without a word, or stalls', async () => {
    const whole = await audio.spoken(say());
    const part = await audio.spoken(say({ input: `${TEXT} [[sandbox:end-after=2]]` }));
    expect(part.equals(whole.subarray(0, 8192))).toBe(true);
    const stalled = await audio.speak(say({ input: `${TEXT} [[sandbox:stall-after=1]]` }));
    const reader = stalled.body?.getReader();
    expect((await reader?.read())?.value?.length).toBe(4096);
    await reader?.cancel();
  });

  it('200 with an error, with nothing, and with a page', async () => {
    const answered = async (name: string) => {
      const response = await audio.speak(text(name));
      return [response.status, response.headers.get('content-type')?.split(';')[0], (await response.text()).length > 0];
    };
    expect(await answered('error-body')).toEqual([200, 'application/json', true]);
    expect(await answered('empty-body')).toEqual([200, undefined, false]);
    expect(await answered('zero-bytes')).toEqual([200, 'audio/mpeg', false]);
    expect(await answered('not-media')).toEqual([200, 'text/html', true]);
  });

  it('an error in the middle of the events', async () => {
    const response = await audio.speak(say({ input: `${TEXT} [[sandbox:error-after=1]]`, stream_format: 'sse' }));
    expect(eventsIn(await response.text()).map(({ type }) => type)).toEqual(['speech.audio.delta', 'error']);
  });

  it('shows to one host when armed for it, and is recorded', async () => {
    audio.sandbox.arm({ provider: 'kokoro', fault: '503' });
    expect((await audio.speak(say({ input: 'armed' }))).status).toBe(200);
    expect((await audio.speak({ input: 'armed' }, '/kokoro/v1')).status).toBe(503);
    expect(audio.sandbox.requests({ provider: 'kokoro', contains: 'armed' })).toMatchObject([
      { outcome: 'refused', fault: '503' },
    ]);
  });
});

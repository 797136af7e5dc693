import { SPEECH_FORMATS } from '../render/recipes.js';
import { call, unanswered } from '../test-client.js';
import { AUTH, type ErrorBody, eventsIn, formOf, openAudio, type Parts, tone } from './test-audio.js';

const TEXT = 'Good morning. "Is it cold?" It is, and clear all day; 5 °C 🦊.';
const ABOUT_A_TONE = 'This recording lasts 2.0 seconds. It is pcm_s16le in mono at 44100 hertz.';

interface Verbose {
  text: string;
  language: string;
  duration: number;
  segments?: { id: number; start: number; end: number; text: string; words?: { word: string }[] | null }[];
  words?: { word: string; start: number; end: number }[] | null;
  usage?: { type: string; seconds: number };
  x_groq?: { id: string };
}

/** For a connection that is about to be cut. */
const PATIENCE_MS = 15_000;

let audio: Awaited<ReturnType<typeof openAudio>>;
let recording: Buffer;
beforeAll(async () => {
  audio = await openAudio();
  recording = await audio.spoken({ model: 'tts-1', input: TEXT, voice: 'nova' });
});
afterEach(() => audio.sandbox.clearFaults());
afterAll(() => audio.sandbox.close());

const file = (name = 'speech.mp3'): [string, { bytes: Buffer; name: string }] => ['file', { bytes: recording, name }];
const whisper = (...more: Parts): Parts => [file(), ['model', 'whisper-1'], ...more];

describe('transcription', () => {
  it.each(SPEECH_FORMATS.filter((format) => format !== 'pcm'))(
    'says what it was told, by the sandbox itself, as %s',
    async (format) => {
      const bytes = await audio.spoken({ model: 'tts-1', input: TEXT, voice: 'nova', response_format: format });
      const name = format === 'opus' ? 'speech.ogg' : format === 'aac' ? 'speech.mp4' : `speech.${format}`;
      const { status, body } = await audio.transcribe([
        ['file', { bytes, name }],
        ['model', 'whisper-1'],
      ]);
      expect(status).toBe(200);
      expect(body).toEqual({
        text: TEXT,
        usage: { type: 'duration', seconds: expect.any(Number) as number },
      });
    },
  );

  it('of what nobody spoke says how long it is, the same every time', async () => {
    const parts = (): Parts => [
      ['model', 'whisper-1'],
      ['file', tone(2)],
    ];
    const { body } = await audio.transcribe(parts());
    expect(body).toEqual({ text: ABOUT_A_TONE, usage: { type: 'duration', seconds: 2 } });
    expect((await audio.transcribe(parts())).body).toEqual(body);
  });

  it('takes the parts in any order', async () => {
    const parts: Parts = [
      ['temperature', '0.2'],
      file(),
      ['response_format', 'json'],
      ['prompt', 'Weather'],
      ['model', 'whisper-1'],
      ['language', 'en'],
    ];
    for (const order of [parts, parts.toReversed()])
      expect((await audio.transcribe<Verbose>(order)).body.text).toBe(TEXT);
  });

  it('is bare text, or subtitles', async () => {
    const asked = async (format: string) =>
      audio.transcribe<string>(whisper(['response_format', format], ['stream', 'true']));
    const text = await asked('text');
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(text.body).toBe(`${TEXT}\n`);
    expect((await asked('srt')).body).toMatch(
      /^1\n00:00:00,000 --> 00:00:0\d,\d{3}\nGood morning\.\n\n2\n00:00:0\d,\d{3} --> /,
    );
    expect((await asked('vtt')).body).toMatch(/^WEBVTT\n\n00:00:00\.000 --> 00:00:0\d\.\d{3}\nGood morning\.\n\n/);
  });

  it.each<[string, string[], boolean, boolean]>([
    ['segments', [], true, false],
    ['segments', ['segment'], true, false],
    ['words', ['word'], false, true],
    ['both', ['word', 'segment'], true, true],
  ])('verbose: %s for %j', async (_title, granularities, hasSegments, hasWords) => {
    const { body } = await audio.transcribe<Verbose>(
      whisper(
        ['response_format', 'verbose_json'],
        ['language', 'fr'],
        ...granularities.map((one): [string, string] => ['timestamp_granularities[]', one]),
      ),
    );
    expect(body).toMatchObject({ text: TEXT, task: 'transcribe', language: 'french' });
    expect(body.usage).toEqual({ type: 'duration', seconds: Math.ceil(body.duration) });
    expect([body.segments !== undefined, body.words !== undefined]).toEqual([hasSegments, hasWords]);
    for (const timed of [body.segments, body.words]) expect(timed?.at(-1)?.end ?? body.duration).toBe(body.duration);
    expect(body.segments?.map(({ text }) => text.trim()).join(' ') ?? TEXT).toBe(TEXT);
    expect(body.words?.slice(0, 4).map(({ word }) => word) ?? ['Good', 'morning', 'Is', 'it']).toEqual([
      'Good',
      'morning',
      'Is',
      'it',
    ]);
  });

  it('counts tokens, and streams, with a model that does', async () => {
    const parts = (...more: Parts): Parts => [['model', 'gpt-4o-transcribe'], file(), ['prompt', 'Weather'], ...more];
    const { body } = await audio.transcribe<Record<string, unknown>>(parts(['include[]', 'logprobs']));
    expect(body).toMatchObject({
      text: TEXT,
      usage: { type: 'tokens', input_token_details: { text_tokens: 1, audio_tokens: expect.any(Number) as number } },
    });
    const said = (body['logprobs'] as { token: string; bytes: number[] }[]).map(({ token }) => token).join('');
    expect(said).toBe(TEXT);

    const streamed = await audio.transcribe<string>(parts(['stream', 'true']));
    expect(streamed.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = eventsIn(streamed.body);
    const deltas = events.filter(({ type }) => type === 'transcript.text.delta');
    expect(deltas.map(({ delta }) => delta).join('')).toBe(TEXT);
    expect(events.at(-1)).toEqual({ type: 'transcript.text.done', text: TEXT, usage: body['usage'] });
  });

  it('translates with whisper only', async () => {
    const { body } = await audio.transcribe<Verbose>(
      whisper(['response_format', 'verbose_json']),
      '/openai/v1',
      'translations',
    );
    expect(body).toMatchObject({ task: 'translate', language: 'english', text: TEXT });
    expect((await audio.transcribe(whisper(), '/openai/v1', 'translations')).body).toEqual({ text: TEXT });
    const other: Parts = [file(), ['model', 'gpt-4o-transcribe']];
    expect((await audio.transcribe(other, '/openai/v1', 'translations')).status).toBe(400);
    const language = whisper(['language', 'de']);
    expect((await audio.transcribe(language, '/openai/v1', 'translations')).body.error.param).toBe('language');
  });

  it.each<[string, () => Parts, number, string | null, string | null, RegExp]>([
    ['an unknown field', () => whisper(['colour', 'red']), 400, 'colour', 'unknown_parameter', /Unknown/],
    ['no model', () => [file()], 400, 'model', 'missing_required_parameter', /Missing/],
    ['an unknown model', () => [file(), ['model', 'whisper-9']], 404, 'model', 'model_not_found', /not exist/],
    ['no file', () => [['model', 'whisper-1']], 400, 'file', 'missing_required_parameter', /Missing/],
    [
      'a file as text',
      () => [
        ['model', 'whisper-1'],
        ['file', 'RIFF'],
      ],
      400,
      'file',
      'missing_required_parameter',
      /Missing/,
    ],
    ['a bare name', () => [file('speech'), ['model', 'whisper-1']], 400, 'file', null, /Unrecognized file format/],
    ['another format', () => [file('speech.aac'), ['model', 'whisper-1']], 400, 'file', null, /'flac', 'm4a'/],
    [
      'what is no sound',
      () => [
        ['file', { bytes: Buffer.from('Dear diary'), name: 'a.mp3' }],
        ['model', 'whisper-1'],
      ],
      400,
      'file',
      null,
      /could not be decoded/,
    ],
    [
      'a click',
      () => [
        ['file', tone(0.05)],
        ['model', 'whisper-1'],
      ],
      400,
      'file',
      'audio_too_short',
      /0\.1 seconds/,
    ],
    [
      'a large file',
      () => [
        ['file', { bytes: Buffer.alloc(25 * 1024 * 1024 + 1), name: 'a.wav' }],
        ['model', 'whisper-1'],
      ],
      413,
      null,
      null,
      /26214400.*26214401/,
    ],
    [
      'subtitles of a newer model',
      () => [file(), ['model', 'gpt-4o-mini-transcribe'], ['response_format', 'srt']],
      400,
      'response_format',
      'unsupported_value',
      /not compatible.*'json'/,
    ],
    ['a made-up format', () => whisper(['response_format', 'xml']), 400, 'response_format', 'invalid_value', /'vtt'/],
    [
      'words in JSON',
      () => whisper(['timestamp_granularities[]', 'word']),
      400,
      'timestamp_granularities[]',
      'invalid_value',
      /verbose_json/,
    ],
    ['probabilities of whisper', () => whisper(['include[]', 'logprobs']), 400, 'include[]', 'invalid_value', /not/],
    ['a language by name', () => whisper(['language', 'English']), 400, 'language', 'invalid_language_format', /ISO/],
    ['too much temperature', () => whisper(['temperature', '2']), 400, 'temperature', 'invalid_value', /0 to 1/],
    ['a wrong boolean', () => whisper(['stream', 'yes']), 400, 'stream', 'invalid_value', /boolean/],
  ])('refuses %s', async (_title, parts, status, param, code, message) => {
    const answer = await audio.transcribe(parts());
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ param, code });
    expect(answer.body.error.message).toMatch(message);
  });

  it('wants a form, and a key', async () => {
    const url = `${audio.sandbox.url}/openai/v1/audio/transcriptions`;
    expect(await call(url, { headers: AUTH, json: {} })).toMatchObject({ status: 400 });
    expect(await call(url, { method: 'POST', body: formOf(whisper()) })).toMatchObject({ status: 401 });
  });
});

describe('transcription of other hosts', () => {
  const at = <Body = Verbose>(prefix: string, model: string, ...more: Parts) =>
    audio.transcribe<Body>([['model', model], file(), ...more], prefix);

  it('Groq: with an id of its own, without subtitles', async () => {
    const groq = <Body = Verbose>(...more: Parts) => at<Body>('/groq/openai/v1', 'whisper-large-v3-turbo', ...more);
    expect((await groq()).body).toEqual({ text: TEXT, x_groq: { id: expect.stringMatching(/^req_/) as string } });
    const verbose = await groq(['response_format', 'verbose_json'], ['timestamp_granularities[]', 'word']);
    expect(verbose.body.language).toBe('English');
    expect(verbose.body.words?.slice(0, 2).map(({ word }) => word)).toEqual(['Good', 'morning']);
    expect((await groq<string>(['response_format', 'text'])).body).toBe(`${TEXT}\n`);
    const refused = await groq<ErrorBody>(['response_format', 'vtt']);
    expect(refused.status).toBe(400);
    expect(refused.body.error).toEqual({
      message: expect.stringContaining("'vtt' is not compatible") as string,
      type: 'invalid_request_error',
    });
  });

  it('a server of one\'s own: no key, any name, "detail" for errors, words as faster-whisper has them', async () => {
    const url = `${audio.sandbox.url}/whisper/v1/audio/transcriptions`;
    const post = (...parts: Parts) => call<Verbose>(url, { method: 'POST', body: formOf(parts) });
    const model: [string, string] = ['model', 'Systran/faster-whisper-large-v3'];
    expect((await post(model, file('blob'), ['colour', 'red'])).body).toEqual({ text: TEXT });
    const verbose = await post(
      model,
      file(),
      ['response_format', 'verbose_json'],
      ['timestamp_granularities[]', 'word'],
    );
    expect(verbose.body.language).toBe('en');
    expect(verbose.body.words?.slice(0, 2).map(({ word }) => word)).toEqual([' Good', ' morning.']);
    expect(verbose.body.segments?.[0]?.words?.[0]).toMatchObject({ word: ' Good' });
    const vtt = await post(model, file(), ['response_format', 'vtt']);
    expect(vtt.headers.get('content-type')).toMatch(/^text\/vtt/);
    expect(await post(['model', 'nobody/none'], file())).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('nobody/none') as string },
    });
    expect(await post(file())).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'model'] }] } });
    expect((await post(model, ['file', { bytes: Buffer.from('no'), name: 'a.mp3' }])).status).toBe(415);
    const streamed = await call<string>(url, { method: 'POST', body: formOf([model, file(), ['stream', 'true']]) });
    expect(eventsIn(streamed.body)[0]).toEqual({ text: 'Good morning.' });
  });

  it("a server of one's own sleeps, and is up after it was called", async () => {
    const { url } = audio.sandbox;
    await call(`${url}/_sandbox/sleep`, { json: { prefix: '/whisper', mode: '503', wake_ms: 60_000 } });
    expect((await call(`${url}/whisper/health`)).status).toBe(503);
    expect((await at('/whisper/v1', 'whisper-1')).status).toBe(503);
    await call(`${url}/_sandbox/sleep`, { json: { prefix: '/whisper', mode: 'hold', wake_ms: 0 } });
    expect(await call<string>(`${url}/whisper/health`)).toMatchObject({ status: 200, body: 'OK' });
  });
});

describe('faults of transcription', () => {
  const marked = (name: string, ...more: Parts) => whisper(['prompt', `Weather [[sandbox:${name}]]`], ...more);
  const url = () => `${audio.sandbox.url}/openai/v1/audio/transcriptions`;

  it.each([
    ['429=1', 429],
    ['500=1', 500],
    ['503=1', 503],
  ])('%s in the prompt, then a transcript', async (name, status) => {
    expect((await audio.transcribe(marked(name))).status).toBe(status);
    expect((await audio.transcribe<Verbose>(marked(name))).body.text).toBe(TEXT);
  });

  it('is armed for one host, and recorded without the file', async () => {
    audio.sandbox.arm({ provider: 'groq', fault: '429', value: 7 });
    expect((await audio.transcribe(whisper())).status).toBe(200);
    const limited = await audio.transcribe([['model', 'whisper-large-v3'], file()], '/groq/openai/v1');
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
    expect(audio.sandbox.requests({ provider: 'groq' }).at(-1)).toMatchObject({
      fault: '429',
      body: { model: 'whisper-large-v3', file: { filename: 'speech.mp3', bytes: recording.length } },
    });
  });

  it('hangs, and drops', async () => {
    const init = (name: string) => ({ method: 'POST', headers: AUTH, body: formOf(marked(name)) });
    expect(await unanswered(url(), init('hang-after'))).toBe('hang');
    expect(await unanswered(url(), init('drop'), PATIENCE_MS)).toBe('drop');
  });

  it('200 with an error, with nothing, without usage, cut off', async () => {
    expect((await audio.transcribe(marked('error-body'))).body.error.message).toMatch(/had an error/);
    expect((await audio.transcribe(marked('empty-body'))).body).toBe('');
    expect((await audio.transcribe(marked('no-usage'))).body).toEqual({ text: TEXT });
    for (const format of ['json', 'srt'])
      await expect(audio.transcribe(marked('cut-bytes=20', ['response_format', format]))).rejects.toThrow('terminated');
  });

  it('an error event in place of a stream', async () => {
    const parts: Parts = [
      file(),
      ['model', 'gpt-4o-mini-transcribe'],
      ['stream', 'true'],
      ['prompt', '[[sandbox:error-event]]'],
    ];
    expect(eventsIn((await audio.transcribe<string>(parts)).body)).toMatchObject([{ type: 'error' }]);
  });
});

import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../server.js';
import { call, probe, unanswered } from '../test-client.js';

const KEY = 'test-key';
const GEMINI = { 'x-goog-api-key': KEY };
const VERTEX = { authorization: `Bearer ${KEY}` };

interface Part {
  text?: string;
  thought?: boolean;
  inlineData?: { mimeType: string; data: string };
}
interface Content {
  candidates?: { content: { parts: Part[] }; finishReason: string }[];
  promptFeedback?: { blockReason: string };
  usageMetadata?: { candidatesTokenCount: number };
  error?: { status: string; message: string };
}

let sandbox: Sandbox;
let picture: Part;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  const bytes = await sharp({ create: { width: 640, height: 360, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
  picture = { inlineData: { mimeType: 'image/png', data: bytes.toString('base64') } };
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

const urlOf = (wire: string, model: string): string =>
  wire === 'gemini'
    ? `${sandbox.url}/gemini/v1beta/models/${model}:generateContent`
    : `${sandbox.url}/vertex/v1/projects/p1/locations/global/publishers/google/models/${model}:generateContent`;
const post = (json: object, model = 'gemini-3.1-flash-image', wire = 'gemini') =>
  call<Content>(urlOf(wire, model), { headers: wire === 'gemini' ? GEMINI : VERTEX, json });
const ask = (text: string, generationConfig: object = {}, more: Part[] = []) => ({
  contents: [{ role: 'user', parts: [{ text }, ...more] }],
  generationConfig,
});
const image = (text: string, imageConfig: object = {}, more: Part[] = []) => ask(text, { imageConfig }, more);
const partsOf = (body: Content): Part[] => body.candidates?.[0]?.content.parts ?? [];
const bytesOf = (body: Content): Buffer =>
  Buffer.from(partsOf(body).find((part) => part.inlineData && !part.thought)?.inlineData?.data ?? '', 'base64');

describe('a picture', () => {
  it.each([
    ['gemini', {}, 1024, 1024, 1120],
    ['vertex', { aspectRatio: '9:16', imageSize: '2K' }, 1536, 2752, 1680],
    ['gemini', { aspectRatio: '1:8', imageSize: '512' }, 192, 1536, 747],
  ])('%s %j', async (wire, config, width, height, tokens) => {
    const { body } = await post(image('OPEN', config), undefined, wire);
    expect(await sharp(bytesOf(body)).metadata()).toMatchObject({ format: 'png', width, height });
    expect(body.usageMetadata?.candidatesTokenCount).toBe(tokens);
    expect(body.candidates?.[0]?.finishReason).toBe('STOP');
  });

  it('the same seed draws the same; a picture that is given changes it and lends its shape', async () => {
    const config = { seed: 7, responseModalities: ['IMAGE'] };
    const [one, two, changed] = await Promise.all(
      [ask('x', config), ask('x', config), ask('x', config, [picture])].map(async (body) => (await post(body)).body),
    );
    expect(bytesOf(one ?? {})).toEqual(bytesOf(two ?? {}));
    expect(await sharp(bytesOf(changed ?? {})).metadata()).toMatchObject({ width: 1376, height: 768 });
    expect(partsOf(one ?? {})).toHaveLength(1);
  });

  it('turns before the last are read, signatures too; snake_case is taken; JPEG on Vertex', async () => {
    const { mimeType: mime_type, data } = picture.inlineData ?? {};
    const body = {
      contents: [
        { role: 'user', parts: [{ text: 'a boat' }] },
        { role: 'model', parts: [{ ...picture, thoughtSignature: 'c2ln' }, { thoughtSignature: 'c2ln' }] },
        { role: 'user', parts: [{ text: 'at night' }, { inline_data: { mime_type, data } }] },
      ],
      generationConfig: { imageConfig: { imageOutputOptions: { mimeType: 'image/jpeg' } } },
    };
    const answer = await post(body, undefined, 'vertex');
    expect(await sharp(bytesOf(answer.body)).metadata()).toMatchObject({ format: 'jpeg', width: 1376 });
  });

  it('drafts come where they are asked for', async () => {
    const { body } = await post(ask('x', { thinkingConfig: { includeThoughts: true } }));
    expect(partsOf(body).filter(({ thought }) => thought)).toHaveLength(1);
  });
});

describe('music', () => {
  it.each([
    ['lyria-3-clip-preview', 'rain', {}, 'audio/mpeg', 30],
    ['lyria-3-pro-preview', 'a 15-second jingle', { responseMimeType: 'audio/wav' }, 'audio/wav', 15],
    ['lyria-3-pro-preview', 'rain, 1 minute 5 seconds', {}, 'audio/mpeg', 65],
  ])('%s %s', async (model, text, config, type, seconds) => {
    const { body } = await post(ask(text, config), model);
    const [words, sound] = partsOf(body);
    expect(words?.text).toContain(text);
    expect(sound?.inlineData?.mimeType).toBe(type);
    expect(probe(bytesOf(body), type === 'audio/wav' ? 'wav' : 'mp3').seconds).toBeCloseTo(seconds, 0);
  });
});

describe('strictness', () => {
  const refused: [string, string, string, () => object, RegExp][] = [
    ['gemini', '', 'an unknown field', () => ({ ...ask('x'), labels: {} }), /Unknown name "labels"/],
    ['gemini', '', 'no contents', () => ({ contents: [] }), /contents is not specified/],
    ['gemini', '', 'no parts', () => ({ contents: [{ parts: [] }] }), /at least one parts field/],
    ['gemini', '', 'an empty prompt', () => ask(' '), /must not be empty/],
    ['gemini', '', 'the model last', () => ({ contents: [{ role: 'model', parts: [{ text: 'x' }] }] }), /last turn/],
    ['gemini', '', 'a role', () => ({ contents: [{ role: 'system', parts: [{ text: 'x' }] }] }), /user, model/],
    [
      'gemini',
      '',
      'text and data in one',
      () => ({ contents: [{ parts: [{ text: 'x', ...picture }] }] }),
      /already set/,
    ],
    ['gemini', '', 'a part of nothing', () => ({ contents: [{ parts: [{}] }] }), /must have one initialized/],
    ['gemini', '', 'a file', () => ({ contents: [{ parts: [{ fileData: {} }] }] }), /not emulated/],
    ['gemini', '', 'an unknown setting', () => ask('x', { n: 2 }), /Unknown name "n" at 'generation_config'/],
    ['gemini', '', 'two candidates', () => ask('x', { candidateCount: 2 }), /out of range/],
    ['gemini', '', 'a seed beyond 32 bits', () => ask('x', { seed: 2 ** 31 }), /out of range/],
    ['gemini', '', 'sound of an image model', () => ask('x', { responseModalities: ['AUDIO'] }), /TEXT and IMAGE/],
    ['gemini', '', 'a ratio', () => image('x', { aspectRatio: '7:3' }), /must be one of/],
    ['gemini', '', 'a small k', () => image('x', { imageSize: '1k' }), /512, 1K, 2K, 4K/],
    ['gemini', 'gemini-nano-banana-2.1', '512', () => image('x', { imageSize: '512' }), /1K, 2K, 4K/],
    ['gemini', '', 'persons', () => image('x', { personGeneration: 'ALLOW_ALL' }), /Unknown name "personGeneration"/],
    ['vertex', '', 'persons in small letters', () => image('x', { personGeneration: 'allow_all' }), /ALLOW_ADULT/],
    [
      'gemini',
      '',
      'fifteen pictures',
      () =>
        image(
          'x',
          {},
          Array.from({ length: 15 }, () => picture),
        ),
      /at most 14/,
    ],
    [
      'gemini',
      '',
      'a PNG called WebP',
      () => image('x', {}, [{ inlineData: { mimeType: 'image/webp', data: picture.inlineData?.data ?? '' } }]),
      /the content is png/,
    ],
    [
      'gemini',
      '',
      'a GIF',
      () => image('x', {}, [{ inlineData: { mimeType: 'image/gif', data: 'AAAA' } }]),
      /of a type/,
    ],
    [
      'vertex',
      '',
      'more than 7 MB inline',
      () => image('x', {}, [{ inlineData: { mimeType: 'image/png', data: 'A'.repeat(9_400_000) } }]),
      /at most 7000000/,
    ],
    ['gemini', 'lyria-3-pro-preview', 'a size', () => image('x', { imageSize: '1K' }), /not supported by this model/],
    ['gemini', 'lyria-3-clip-preview', 'WAV', () => ask('x', { responseMimeType: 'audio/wav' }), /audio\/mpeg/],
    ['gemini', '', 'an unknown marker', () => ask('x [[sandbox:polcy]]'), /unknown sandbox marker 'polcy'/],
  ];
  it.each(refused)('%s %s refuses %s', async (wire, model, _what, body, message) => {
    const answer = await post(body(), model || undefined, wire);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { status: 'INVALID_ARGUMENT', message: expect.stringMatching(message) as string } },
    });
  });

  it('refuses what is not there, and who is not known', async () => {
    expect(await post(ask('x'), 'veo-3.1-generate-001')).toMatchObject({ body: { error: { status: 'NOT_FOUND' } } });
    const regional = urlOf('vertex', 'gemini-3.1-flash-image').replace('global', 'us-central1');
    expect((await call(regional, { headers: VERTEX, json: ask('x') })).status).toBe(404);
    const url = urlOf('gemini', 'gemini-3.1-flash-image');
    expect((await call(url, { json: ask('x') })).status).toBe(403);
    expect((await call(`${url}?key=${KEY}`, { json: ask('x') })).status).toBe(200);
    expect((await call(`${url}?key=no`, { json: ask('x') })).status).toBe(400);
  });
});

describe('switches', () => {
  const raw = (text: string): RequestInit => ({
    method: 'POST',
    headers: { ...GEMINI, 'content-type': 'application/json' },
    body: JSON.stringify(ask(text)),
  });

  it.each([
    ['429', 429, 'RESOURCE_EXHAUSTED'],
    ['500', 500, 'INTERNAL'],
    ['503', 503, 'UNAVAILABLE'],
    ['policy-submit', 400, 'INVALID_ARGUMENT'],
    ['fail', 500, 'INTERNAL'],
    ['oom', 503, 'UNAVAILABLE'],
  ])('%s', async (name, status, word) => {
    expect(await post(ask(`x [[sandbox:${name}]]`))).toMatchObject({ status, body: { error: { status: word } } });
  });

  it.each([
    ['hang', 'hang', 0],
    ['drop', 'drop', 0],
    ['hang-after', 'hang', 1],
    ['drop-after', 'drop', 1],
    ['never', 'hang', 1],
    ['lost', 'drop', 1],
  ])('%s leaves the call unanswered', async (name, how, accepted) => {
    const prompt = `silent [[sandbox:${name}]]`;
    expect(await unanswered(urlOf('gemini', 'gemini-3.1-flash-image'), raw(prompt))).toBe(how);
    const recorded = sandbox.requests({ provider: 'gemini', contains: prompt });
    expect(recorded.filter(({ outcome }) => outcome === 'accepted')).toHaveLength(accepted);
  });

  it('withholds, or ends without a picture, with status 200', async () => {
    const reason = async (text: string, model?: string) => {
      const { body } = await post(ask(text), model);
      return body.promptFeedback?.blockReason ?? body.candidates?.[0]?.finishReason;
    };
    expect(await reason('x [[sandbox:policy]]')).toBe('IMAGE_SAFETY');
    expect(await reason('x [[sandbox:policy]]', 'lyria-3-pro-preview')).toBe('PROHIBITED_CONTENT');
    expect(await reason('x [[sandbox:empty]]')).toBe('NO_IMAGE');
  });

  it('sends no bytes, a web page, half of an answer once, or what is not JSON', async () => {
    expect(bytesOf((await post(ask('x [[sandbox:zero-bytes]]'))).body)).toHaveLength(0);
    expect(bytesOf((await post(ask('x [[sandbox:not-media]]'))).body).toString()).toContain('<!doctype html>');
    await expect(post(ask('x [[sandbox:truncate]]'))).rejects.toThrow('terminated');
    expect((await post(ask('x [[sandbox:truncate]]'))).status).toBe(200);
    expect((await post(ask('x [[sandbox:malformed-submit]]'))).body).toEqual(expect.any(String));
  });
});

import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, unanswered, until } from '../test-client.js';

const KEY = 'test-key';
const GEMINI = { 'x-goog-api-key': KEY };
const VERTEX = { authorization: `Bearer ${KEY}` };

interface Operation {
  name: string;
  done?: boolean;
  error?: { code: number; message: string };
  response?: {
    generateVideoResponse?: {
      generatedSamples?: { video: { uri: string } }[];
      raiMediaFilteredCount?: number;
      raiMediaFilteredReasons?: string[];
    };
    videos?: { bytesBase64Encoded: string; mimeType: string }[];
    raiMediaFilteredCount?: number;
    raiMediaFilteredReasons?: string[];
  };
}

let sandbox: Sandbox;
let picture: { bytesBase64Encoded: string; mimeType: string };
let geminiModel: string;
let vertexModel: string;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  geminiModel = `${sandbox.url}/gemini/v1beta/models/veo-3.1-generate-preview`;
  vertexModel = `${sandbox.url}/vertex/v1/projects/p1/locations/us-central1/publishers/google/models/veo-3.1-generate-001`;
  const bytes = await sharp({ create: { width: 640, height: 360, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
  picture = { bytesBase64Encoded: bytes.toString('base64'), mimeType: 'image/png' };
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

function veo(prompt: string, parameters: object = {}, instance: object = {}) {
  return { instances: [{ prompt, ...instance }], parameters: { durationSeconds: 4, ...parameters } };
}

async function startGemini(prompt: string, parameters: object = {}, instance: object = {}): Promise<string> {
  const { status, body } = await call<Operation>(`${geminiModel}:predictLongRunning`, {
    headers: GEMINI,
    json: veo(prompt, parameters, instance),
  });
  expect(status).toBe(200);
  return body.name;
}

async function startVertex(prompt: string, parameters: object = {}): Promise<string> {
  const { status, body } = await call<Operation>(`${vertexModel}:predictLongRunning`, {
    headers: VERTEX,
    json: veo(prompt, parameters),
  });
  expect(status).toBe(200);
  return body.name;
}

const pollGemini = (name: string) => call<Operation>(`${sandbox.url}/gemini/v1beta/${name}`, { headers: GEMINI });
const pollVertex = (name: string) =>
  call<Operation>(`${vertexModel}:fetchPredictOperation`, { headers: VERTEX, json: { operationName: name } });

async function resultUri(name: string): Promise<string> {
  const { body } = await pollGemini(name);
  return body.response?.generateVideoResponse?.generatedSamples?.[0]?.video.uri ?? '';
}

describe('Veo on the Gemini API', () => {
  it('renders a playable clip of the asked size and length, with the reference image and sound', async () => {
    const name = await startGemini(
      'A fox & a <hen>',
      { aspectRatio: '9:16', durationSeconds: 6 },
      { image: picture, lastFrame: picture },
    );
    expect(name).toMatch(/^models\/veo-3\.1-generate-preview\/operations\/.+/);
    const uri = await resultUri(name);
    expect(new URL(uri).origin).toBe(sandbox.url);
    const { streams, seconds } = probe(await download(uri, GEMINI), 'mp4');
    const [video, audio] = streams;
    expect(video).toMatchObject({
      codec_name: 'h264',
      pix_fmt: 'yuv420p',
      width: 720,
      height: 1280,
      nb_read_frames: '144',
      r_frame_rate: '24/1',
    });
    expect(audio).toMatchObject({ codec_name: 'aac' });
    expect(seconds).toBeCloseTo(6, 1);
  });

  it('serves ranges of the file, and nothing without the key', async () => {
    const uri = await resultUri(await startGemini('ranges'));
    const whole = await download(uri, GEMINI);
    expect(await download(uri, { ...GEMINI, range: 'bytes=100-' })).toEqual(whole.subarray(100));
    expect(await download(uri, { ...GEMINI, range: 'bytes=-50' })).toEqual(whole.subarray(-50));
    expect((await call(uri, { headers: { ...GEMINI, range: `bytes=${whole.length}-` } })).status).toBe(416);
    expect((await call(uri)).status).toBe(403);
  });

  it('takes its time', async () => {
    const name = await startGemini('slow [[sandbox:latency=60000]]');
    expect((await pollGemini(name)).body).toEqual({ name });
  });
});

describe('Veo on Vertex', () => {
  it('answers the videos inline, the same bytes for the same seed', async () => {
    const parameters = { seed: 7, sampleCount: 2, generateAudio: false };
    const first =
      (
        await until(async () => {
          const { body } = await pollVertex(await startVertex('twins', parameters));
          return body.response;
        })
      ).videos ?? [];
    const again = (await pollVertex(await startVertex('twins', parameters))).body.response?.videos ?? [];
    expect(first).toHaveLength(2);
    expect(first[0]?.bytesBase64Encoded).toBe(again[0]?.bytesBase64Encoded);
    expect(first[0]?.bytesBase64Encoded).not.toBe(first[1]?.bytesBase64Encoded);
    const { streams } = probe(Buffer.from(first[0]?.bytesBase64Encoded ?? '', 'base64'), 'mp4');
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 1280, height: 720, nb_read_frames: '96' });
  });

  it('knows an operation only by its whole name', async () => {
    const name = await startVertex('named');
    expect((await pollVertex(name.replace('p1', 'p2'))).status).toBe(400);
    expect((await pollVertex(`${name}x`)).status).toBe(404);
    expect(
      (await call(`${vertexModel}:fetchPredictOperation`, { headers: VERTEX, json: { operationName: name, more: 1 } }))
        .status,
    ).toBe(400);
  });
});

describe('strictness', () => {
  const reference = () => ({ image: picture, referenceType: 'asset' });
  const refused: [string, string, () => object, RegExp][] = [
    ['gemini', 'an unknown top-level field', () => ({ ...veo('x'), labels: {} }), /Unknown name "labels"/],
    ['gemini', 'an unknown parameter', () => veo('x', { fpss: 24 }), /Unknown name "fpss" at 'parameters'/],
    ['gemini', 'generateAudio', () => veo('x', { generateAudio: true }), /generateAudio/],
    ['gemini', 'seed', () => veo('x', { seed: 1 }), /seed/],
    ['gemini', 'two samples', () => veo('x', { sampleCount: 2 }), /out of range/],
    [
      'gemini',
      'inlineData instead of bytesBase64Encoded',
      () => veo('x', {}, { image: { inlineData: {} } }),
      /inlineData/,
    ],
    ['gemini', 'allow_adult for text-to-video', () => veo('x', { personGeneration: 'allow_adult' }), /allow_all/],
    ['vertex', 'no prompt and no image', () => ({ instances: [{}] }), /prompt/],
    ['vertex', 'an empty prompt', () => veo('  '), /empty/],
    ['vertex', 'a prompt beyond 1,024 tokens', () => veo('word '.repeat(1000)), /1024 tokens/],
    ['vertex', 'two instances', () => ({ instances: [{ prompt: 'a' }, { prompt: 'b' }] }), /one instance/],
    ['vertex', 'durationSeconds as a string', () => veo('x', { durationSeconds: '8' }), /expected a number/],
    ['vertex', 'five seconds', () => veo('x', { durationSeconds: 5 }), /one of 4, 6, 8/],
    ['vertex', 'four seconds in 1080p', () => veo('x', { resolution: '1080p' }), /must be 8/],
    ['vertex', 'four seconds with references', () => veo('x', {}, { referenceImages: [reference()] }), /must be 8/],
    ['vertex', 'a square', () => veo('x', { aspectRatio: '1:1' }), /16:9, 9:16/],
    ['vertex', '4K in capitals', () => veo('x', { resolution: '4K' }), /720p, 1080p, 4k/],
    ['vertex', 'a seed beyond 32 bits', () => veo('x', { seed: 2 ** 32 }), /out of range/],
    ['vertex', 'a seed with a fraction', () => veo('x', { seed: 1.5 }), /integer/],
    ['vertex', 'generateAudio as text', () => veo('x', { generateAudio: 'yes' }), /boolean/],
    ['vertex', 'lastFrame without image', () => veo('x', {}, { lastFrame: picture }), /requires `image`/],
    [
      'vertex',
      'references with image',
      () => veo('x', { durationSeconds: 8 }, { image: picture, referenceImages: [reference()] }),
      /cannot be combined/,
    ],
    [
      'vertex',
      'four references',
      () => veo('x', { durationSeconds: 8 }, { referenceImages: Array.from({ length: 4 }, reference) }),
      /1 to 3/,
    ],
    ['vertex', 'storageUri', () => veo('x', { storageUri: 'gs://bucket/' }), /storageUri/],
    [
      'vertex',
      'text as an image',
      () => veo('x', {}, { image: { bytesBase64Encoded: 'aGVsbG8=', mimeType: 'image/png' } }),
      /Unable to process input image/,
    ],
    [
      'vertex',
      'a cut-off image',
      () => veo('x', {}, { image: { ...picture, bytesBase64Encoded: picture.bytesBase64Encoded.slice(0, 400) } }),
      /Unable to process input image/,
    ],
    [
      'vertex',
      'a PNG called JPEG',
      () => veo('x', {}, { image: { ...picture, mimeType: 'image/jpeg' } }),
      /the content is png/,
    ],
    [
      'vertex',
      'broken base64',
      () => veo('x', {}, { image: { ...picture, bytesBase64Encoded: 'a b' } }),
      /Base64 decoding failed/,
    ],
    ['vertex', 'an unknown marker', () => veo('x [[sandbox:polcy]]'), /unknown sandbox marker 'polcy'/],
  ];
  it.each(refused)('%s refuses %s', async (wire, _what, body, message) => {
    const [model, headers] = wire === 'gemini' ? [geminiModel, GEMINI] : [vertexModel, VERTEX];
    const answer = await call<{ error: { code: number; message: string; status: string } }>(
      `${model}:predictLongRunning`,
      { headers, json: body() },
    );
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses an unknown model, a wrong key, no key and broken JSON', async () => {
    const submit = (url: string, headers: Record<string, string>) =>
      call<{ error: { status: string } }>(`${url}:predictLongRunning`, { headers, json: veo('x') });
    expect((await submit(geminiModel.replace('veo-3.1', 'veo-9'), GEMINI)).body.error.status).toBe('NOT_FOUND');
    expect((await submit(geminiModel, {})).body.error.status).toBe('PERMISSION_DENIED');
    expect(await submit(geminiModel, { 'x-goog-api-key': 'no' })).toMatchObject({
      status: 400,
      body: { error: { details: [{ reason: 'API_KEY_INVALID' }] } },
    });
    expect(await submit(vertexModel, { authorization: 'Bearer no' })).toMatchObject({
      status: 401,
      body: { error: { status: 'UNAUTHENTICATED' } },
    });
    const broken = await call(`${vertexModel}:predictLongRunning`, {
      method: 'POST',
      headers: { ...VERTEX, 'content-type': 'application/json' },
      body: '{',
    });
    expect(broken).toMatchObject({ status: 400, body: { error: { code: 400, status: 'INVALID_ARGUMENT' } } });
  });
});

describe('switches', () => {
  const submit = (prompt: string) =>
    call<{ error: { status: string; details?: object[] } }>(`${geminiModel}:predictLongRunning`, {
      headers: GEMINI,
      json: veo(prompt),
    });
  const raw = (prompt: string) => ({
    method: 'POST',
    headers: { ...GEMINI, 'content-type': 'application/json' },
    body: JSON.stringify(veo(prompt)),
  });

  it.each([
    ['429', 429, 'RESOURCE_EXHAUSTED'],
    ['500', 500, 'INTERNAL'],
    ['503', 503, 'UNAVAILABLE'],
    ['policy-submit', 400, 'INVALID_ARGUMENT'],
  ])('refuses the submit with %s, as often as asked', async (name, status, word) => {
    const prompt = `twice [[sandbox:${name}=2]]`;
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect(await submit(prompt)).toMatchObject({ status, body: { error: { code: status, status: word } } });
    expect((await submit(prompt)).status).toBe(200);
  });

  it.each([
    ['hang', 'hang', 0],
    ['drop', 'drop', 0],
    ['hang-after', 'hang', 1],
    ['drop-after', 'drop', 1],
  ])('%s leaves the submit unanswered', async (name, how, accepted) => {
    const prompt = `silent [[sandbox:${name}]]`;
    expect(await unanswered(`${geminiModel}:predictLongRunning`, raw(prompt))).toBe(how);
    const recorded = sandbox.requests({ provider: 'gemini', contains: prompt });
    expect(recorded.filter((entry) => entry.outcome === 'accepted')).toHaveLength(accepted);
    expect(recorded).toHaveLength(1);
  });

  it('answers what is not JSON', async () => {
    expect((await submit('[[sandbox:malformed-submit]] x')).body).toEqual(expect.any(String));
    const name = await startGemini('garbled [[sandbox:malformed]]');
    expect((await pollGemini(name)).body).toEqual(expect.any(String));
    expect((await pollGemini(name)).body.done).toBe(true);
  });

  it.each([
    ['429-poll', 429],
    ['500-poll', 500],
    ['503-poll', 503],
  ])('refuses polls with %s, then goes on', async (name, status) => {
    const operation = await startVertex(`poll [[sandbox:${name}=2]]`);
    for (let attempt = 0; attempt < 2; attempt += 1) expect((await pollVertex(operation)).status).toBe(status);
    expect((await pollVertex(operation)).body.done).toBe(true);
  });

  it('withholds a filtered result without an error', async () => {
    const gemini = (await pollGemini(await startGemini('[[sandbox:policy]] x'))).body;
    expect(gemini.error).toBeUndefined();
    expect(gemini.response?.generateVideoResponse).toEqual({
      raiMediaFilteredCount: 1,
      raiMediaFilteredReasons: [expect.any(String)],
    });
    const vertex = (await pollVertex(await startVertex('[[sandbox:policy]] x'))).body;
    expect(vertex).toMatchObject({
      done: true,
      response: { raiMediaFilteredCount: 1, raiMediaFilteredReasons: ['58061214'] },
    });
    expect(vertex.response?.videos).toBeUndefined();
  });

  it('fails, ends empty, vanishes or never ends', async () => {
    expect((await pollGemini(await startGemini('[[sandbox:fail]] x'))).body).toMatchObject({
      done: true,
      error: { code: 13 },
    });
    expect((await pollGemini(await startGemini('[[sandbox:empty]] x'))).body.response?.generateVideoResponse).toEqual(
      {},
    );
    expect((await pollGemini(await startGemini('[[sandbox:lost]] x'))).status).toBe(404);
    expect((await pollGemini(await startGemini('[[sandbox:never]] x'))).body.done).toBeUndefined();
  });

  it('cuts the first download in the middle and serves the rest whole', async () => {
    const uri = await resultUri(await startGemini('cut [[sandbox:truncate]]'));
    const response = await fetch(uri, { headers: GEMINI });
    const announced = Number(response.headers.get('content-length'));
    await expect(response.arrayBuffer()).rejects.toThrow('terminated');
    expect(await download(uri, { ...GEMINI, range: 'bytes=10-' })).toHaveLength(announced - 10);
    const always = await resultUri(await startGemini('cut [[sandbox:truncate-always]]'));
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(download(always, GEMINI)).rejects.toThrow('terminated');
  });

  it('cuts the answer that carries an inline result', async () => {
    const name = await startVertex('cut inline [[sandbox:truncate]]');
    await expect(pollVertex(name)).rejects.toThrow('terminated');
    expect((await pollVertex(name)).body.done).toBe(true);
  });

  it('hands out links that are gone, elsewhere, empty or a web page', async () => {
    const fetchResult = async (marker: string) =>
      call(await resultUri(await startGemini(`link [[sandbox:${marker}]]`)), { headers: GEMINI });
    expect((await fetchResult('expired')).status).toBe(404);
    expect((await fetchResult('zero-bytes')).body).toBe('');
    expect((await fetchResult('not-media')).headers.get('content-type')).toBe('text/html');
    expect(await resultUri(await startGemini('[[sandbox:off-origin]] x'))).toBe(
      'http://169.254.169.254/latest/meta-data/',
    );
  });

  it('pads a result to any size and keeps it playable', async () => {
    const uri = await resultUri(await startGemini('big [[sandbox:pad=3000000]]'));
    const bytes = await download(uri, GEMINI);
    expect(bytes).toHaveLength(3_000_000);
    expect(probe(bytes, 'mp4').streams[0]).toMatchObject({ nb_read_frames: '96' });
    expect(await download(uri, { ...GEMINI, range: 'bytes=1000-2999999' })).toEqual(bytes.subarray(1000));
  });
});

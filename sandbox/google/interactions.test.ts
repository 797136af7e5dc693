import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, unanswered, until } from '../test-client.js';

const KEY = 'test-key';
const HEADERS = { 'x-goog-api-key': KEY };

interface Content {
  type: string;
  text?: string;
  data?: string;
  uri?: string;
  mime_type?: string;
}
interface Interaction {
  id: string;
  status: string;
  steps?: { type: string; content?: Content[]; error?: { code: number; message: string } }[];
  error?: { status: string; message: string };
}

let sandbox: Sandbox;
let picture: Content;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  const bytes = await sharp({ create: { width: 640, height: 360, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
  picture = { type: 'image', data: bytes.toString('base64'), mime_type: 'image/png' };
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

const url = (path = ''): string => `${sandbox.url}/gemini/v1beta/interactions${path}`;
const create = (json: object) => call<Interaction>(url(), { headers: HEADERS, json });
const song = (input: unknown, more: object = {}) => ({
  model: 'lyria-3.5',
  input,
  background: true,
  store: true,
  ...more,
});
const clip = (input: unknown, format: object = {}, more: object = {}) => ({
  model: 'gemini-omni-1.1-flash',
  input,
  background: true,
  response_format: { type: 'video', duration: '3s', resolution: '360p', delivery: 'uri', ...format },
  ...more,
});
const get = (id: string) => call<Interaction>(url(`/${id}`), { headers: HEADERS });
const cancel = (id: string) => call<Interaction>(url(`/${id}/cancel`), { headers: HEADERS, json: {} });
const start = async (json: object): Promise<string> => {
  const { status, body } = await create(json);
  expect(status).toBe(200);
  return body.id;
};
const ended = async (json: object): Promise<Interaction> => {
  const id = await start(json);
  return until(async () => {
    const { body } = await get(id);
    return body.status !== 'in_progress' && body.status !== 'queued' && body;
  });
};
const madeOf = ({ steps = [] }: Interaction, type: string): Content | undefined =>
  steps.flatMap(({ content = [] }) => content).find((content) => content.type === type);

describe('a run', () => {
  it('a song, inline, with its words', async () => {
    const run = await ended(song('rain, 12 seconds', { response_format: { type: 'audio', mime_type: 'audio/wav' } }));
    expect(run.status).toBe('completed');
    expect(madeOf(run, 'text')?.text).toContain('rain');
    const made = madeOf(run, 'audio');
    expect(made?.mime_type).toBe('audio/wav');
    expect(probe(Buffer.from(made?.data ?? '', 'base64'), 'wav').seconds).toBeCloseTo(12, 0);
  });

  it('a clip of a picture, behind a link that wants the key', async () => {
    const config = { generation_config: { seed: 7, video_config: { task: 'image_to_video' } } };
    const run = await ended(
      clip([{ type: 'text', text: 'the boat leaves' }, picture], { aspect_ratio: '9:16' }, config),
    );
    const { uri = '' } = madeOf(run, 'video') ?? {};
    expect((await call(uri)).status).toBe(403);
    const { streams, seconds } = probe(await download(uri, HEADERS), 'mp4');
    expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({ width: 360, height: 640 });
    expect(streams).toHaveLength(2);
    expect(seconds).toBeCloseTo(3, 0);
    expect(await download(uri, { ...HEADERS, range: 'bytes=-50' })).toHaveLength(50);
  });

  it('one that is not in the background is answered when it is done', async () => {
    const { body } = await create({ model: 'lyria-3-clip-preview', input: [{ type: 'text', text: 'rain' }] });
    expect(body.status).toBe('completed');
    expect(probe(Buffer.from(madeOf(body, 'audio')?.data ?? '', 'base64'), 'mp3').seconds).toBeCloseTo(30, 0);
  });

  it('is cancelled while it runs and not later, deleted, and known by its whole id only', async () => {
    const running = await start(song('slow [[sandbox:latency=60000]]'));
    expect((await get(running)).body.status).toBe('in_progress');
    expect((await cancel(running)).body.status).toBe('cancelled');
    expect((await get(running)).body.status).toBe('cancelled');
    expect(await cancel(running)).toMatchObject({ status: 400, body: { error: { status: 'FAILED_PRECONDITION' } } });
    expect((await get(running.slice(3))).status).toBe(404);
    expect((await call(url(`/${running}`), { method: 'DELETE', headers: HEADERS })).status).toBe(200);
    expect((await get(running)).status).toBe(404);
  });
});

describe('strictness', () => {
  const format = (response_format: object) => song('x', { response_format });
  const task = (name: string, input: unknown = 'x') =>
    clip(input, {}, { generation_config: { video_config: { task: name } } });
  const refused: [string, () => object, RegExp][] = [
    ['an unknown field', () => song('x', { prompt: 'y' }), /Unknown name "prompt"/],
    ['camel case', () => song('x', { responseFormat: {} }), /Unknown name "responseFormat"/],
    ['no model', () => ({ input: 'x' }), /`model` is required/],
    ['an empty input', () => song(''), /must not be empty/],
    ['a content without a type it knows', () => song([{ type: 'gif', data: 'x' }]), /text, image/],
    ['a link', () => song([{ type: 'image', uri: 'https://x' }]), /Unknown name "uri"/],
    ['a background that is not stored', () => song('x', { store: false }), /requires `store`/],
    ['a stream', () => song('x', { stream: true }), /not emulated/],
    ['video of a music model', () => format({ type: 'video' }), /one of audio/],
    ['a format without a type', () => format({ mime_type: 'audio/wav' }), /type` is required/],
    ['FLAC', () => format({ type: 'audio', mime_type: 'audio/flac' }), /audio\/wav/],
    ['a length in digits', () => clip('x', { duration: 5 }), /expected a string/],
    ['a length without its unit', () => clip('x', { duration: '5' }), /from 3s to 10s/],
    ['eleven seconds', () => clip('x', { duration: '11s' }), /from 3s to 10s/],
    ['a square', () => clip('x', { aspect_ratio: '1:1' }), /16:9, 9:16/],
    ['480p', () => clip('x', { resolution: '480p' }), /360p, 720p/],
    ['a task', () => task('make_video'), /text_to_video, image_to_video/],
    ['a task without its picture', () => task('image_to_video'), /does not go with 0 images/],
    ['two first frames', () => task('image_to_video', [picture, picture]), /takes one image/],
    ['a task of music', () => song('x', { generation_config: { video_config: {} } }), /not supported by this model/],
    ['a seed with a fraction', () => song('x', { generation_config: { seed: 1.5 } }), /integer/],
    ['an unknown marker', () => song('x [[sandbox:polcy]]'), /unknown sandbox marker/],
  ];
  it.each(refused)('refuses %s', async (_what, body, message) => {
    expect(await create(body())).toMatchObject({
      status: 400,
      body: { error: { status: 'INVALID_ARGUMENT', message: expect.stringMatching(message) as string } },
    });
  });

  it('refuses an unknown model, no key, broken JSON', async () => {
    expect(await create({ model: 'gemini-3.1-flash-image', input: 'x' })).toMatchObject({ status: 404 });
    expect((await call(url(), { json: song('x') })).status).toBe(403);
    const headers = { ...HEADERS, 'content-type': 'application/json' };
    expect(await call(url(), { method: 'POST', headers, body: '{' })).toMatchObject({ status: 400 });
  });
});

describe('switches', () => {
  it.each([
    ['429', 429],
    ['500', 500],
    ['503', 503],
    ['policy-submit', 400],
  ])('refuses the submit with %s', async (name, status) => {
    expect((await create(song(`x [[sandbox:${name}]]`))).status).toBe(status);
  });

  it.each([
    ['hang', 'hang'],
    ['drop', 'drop'],
    ['hang-after', 'hang'],
    ['drop-after', 'drop'],
  ])('%s leaves the submit unanswered', async (name, how) => {
    const headers = { ...HEADERS, 'content-type': 'application/json' };
    const body = JSON.stringify(song(`x [[sandbox:${name}]]`));
    expect(await unanswered(url(), { method: 'POST', headers, body })).toBe(how);
  });

  it.each([
    ['429-poll', 429],
    ['500-poll', 500],
    ['503-poll', 503],
  ])('refuses polls with %s, then goes on', async (name, status) => {
    const id = await start(song(`x 10 seconds [[sandbox:latency=0]] [[sandbox:${name}=1]]`));
    expect((await get(id)).status).toBe(status);
    expect((await get(id)).status).toBe(200);
  });

  it('fails, is withheld, ends empty, vanishes or never ends', async () => {
    const failed = await ended(song('x [[sandbox:fail]]'));
    expect(failed).toMatchObject({ status: 'failed', steps: [{ error: { code: 13 } }] });
    expect(await ended(song('x [[sandbox:oom]]'))).toMatchObject({ steps: [{ error: { code: 8 } }] });
    expect(await ended(song('x [[sandbox:policy]]'))).toMatchObject({
      status: 'failed',
      steps: [{ error: { code: 3, message: expect.stringContaining('usage guidelines') as string } }],
    });
    expect(await ended(song('x [[sandbox:empty]]'))).toMatchObject({ status: 'completed', steps: [{ content: [] }] });
    expect((await get(await start(song('x [[sandbox:lost]]')))).status).toBe(404);
    const endless = await start(song('x [[sandbox:never]]'));
    expect((await get(endless)).body.status).toBe('in_progress');
  });

  it('cuts an inline result once, or a file; leads a link astray', async () => {
    const id = await start(song('x 10 seconds [[sandbox:latency=50]] [[sandbox:truncate]]'));
    const cut = async () =>
      until(async () => {
        const { body } = await get(id);
        return body.status === 'completed' && body;
      });
    await expect(cut()).rejects.toThrow('terminated');
    expect((await cut()).status).toBe('completed');
    const torn = await ended(clip('x [[sandbox:truncate]]'));
    const { uri = '' } = madeOf(torn, 'video') ?? {};
    await expect(download(uri, HEADERS)).rejects.toThrow('terminated');
    const astray = await ended(clip('x [[sandbox:off-origin]]'));
    expect(madeOf(astray, 'video')?.uri).toContain('169.254.169.254');
  });
});

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import sharp from 'sharp';
import { findFfmpeg } from '../render/ffmpeg.js';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, unanswered, until } from '../test-client.js';

const KEY = 'test-key';
const AUTH = { authorization: `Bearer ${KEY}` };
const MODEL = 'dreamina-seedance-2-0-260128';

interface Task {
  id: string;
  status: string;
  content?: { video_url?: string; last_frame_url?: string };
  error?: { code: string; message: string };
  usage?: { completion_tokens: number; total_tokens: number };
  [field: string]: unknown;
}
interface Refusal {
  error: { code: string; message: string; type: string; param: string };
}

let sandbox: Sandbox;
let api: string;
let folder: string;
let files: Server;
let filesUrl: string;
let picture: string;
/** Callbacks as they came in; the first `refuse` of them are answered 500. */
let rung: Task[] = [];
let refuse = 0;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  api = `${sandbox.url}/ark/api/v3/contents/generations/tasks`;
  folder = await mkdtemp(join(tmpdir(), 'kiln-ark-'));
  files = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end(readFileSync(join(folder, (request.url ?? '').slice(1))));
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      rung.push(JSON.parse(body) as Task);
      response.writeHead(refuse-- > 0 ? 500 : 200).end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => files.once('listening', resolve));
  filesUrl = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  const make = (...args: string[]) =>
    execFileSync(findFfmpeg(), ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', ...args], { cwd: folder });
  make('-i', 'color=c=red:s=864x480:r=24:d=3', '-pix_fmt', 'yuv420p', 'clip.mp4');
  make('-i', 'color=c=red:s=864x480:r=24:d=8', '-pix_fmt', 'yuv420p', 'long.mp4');
  make('-i', 'color=c=red:s=640x360:r=24:d=3', '-pix_fmt', 'yuv420p', 'small.mp4');
  make('-i', 'color=c=red:s=864x480:r=12:d=3', '-pix_fmt', 'yuv420p', 'slow.mp4');
  make('-i', 'sine=duration=3', 'sound.mp3');
  make('-i', 'sine=duration=1', 'short.mp3');
  make('-i', 'sine=duration=3', 'sound.flac');
  const bytes = await sharp({ create: { width: 600, height: 800, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
  picture = `data:image/png;base64,${bytes.toString('base64')}`;
});
afterEach(() => {
  sandbox.clearFaults();
  sandbox.clock.speed = 0;
  rung = [];
  refuse = 0;
});
afterAll(async () => {
  await sandbox.close();
  await new Promise((resolve) => files.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

type Item = Record<string, unknown>;
const text = (prompt: string): Item => ({ type: 'text', text: prompt });
const image = (role: string | undefined, url: string = picture): Item => ({
  type: 'image_url',
  image_url: { url },
  ...(role === undefined ? {} : { role }),
});
const video = (name: string): Item => ({
  type: 'video_url',
  video_url: { url: name.startsWith('data:') ? name : `${filesUrl}/${name}` },
  role: 'reference_video',
});
const audio = (name: string): Item => ({
  type: 'audio_url',
  audio_url: { url: `${filesUrl}/${name}` },
  role: 'reference_audio',
});
const body = (content: Item[], more: object = {}) => ({
  model: MODEL,
  content,
  duration: 4,
  resolution: '480p',
  ...more,
});

async function create(content: Item[] | string, more: object = {}): Promise<string> {
  const items = typeof content === 'string' ? [text(content)] : content;
  const answer = await call<{ id: string }>(api, { headers: AUTH, json: body(items, more) });
  expect(answer).toMatchObject({ status: 200, body: { id: expect.stringMatching(/^cgt-\d{14}-\w+$/) as string } });
  return answer.body.id;
}
const get = async (id: string) => call<Task & Refusal>(`${api}/${id}`, { headers: AUTH });
const remove = async (id: string) => call<Refusal>(`${api}/${id}`, { headers: AUTH, method: 'DELETE' });
const videoOf = async (id: string) => {
  const { body: task } = await get(id);
  return probe(await download(task.content?.video_url ?? ''), 'mp4');
};

describe('Seedance on Ark', () => {
  it('renders a clip of the asked ratio, resolution and length, with sound, and says what it cost', async () => {
    const id = await create('A fox & a <hen>', { ratio: '16:9', resolution: '720p', duration: 5, seed: 7 });
    const { body: task } = await get(id);
    expect(task).toMatchObject({
      id,
      model: MODEL,
      status: 'succeeded',
      usage: { completion_tokens: 108_900, total_tokens: 108_900 },
      seed: 7,
      resolution: '720p',
      ratio: '16:9',
      duration: 5,
      framespersecond: 24,
      service_tier: 'default',
      execution_expires_after: 172_800,
      generate_audio: true,
    });
    const { streams, seconds } = await videoOf(id);
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 1280, height: 720, nb_read_frames: '121' });
    expect(streams[1]).toMatchObject({ codec_name: 'aac' });
    expect(seconds).toBeCloseTo(5.04, 1);
  });

  it.each([
    ['480p', '21:9', 992, 432],
    ['480p', '3:4', 560, 752],
    ['1080p', '9:16', 1080, 1920],
  ])('%s at %s is %ix%i; silent where asked', async (resolution, ratio, width, height) => {
    const { streams } = await videoOf(await create('x', { resolution, ratio, generate_audio: false }));
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({ width, height, nb_read_frames: '97' });
  });

  it('takes the shape of a first frame, and draws frames and references', async () => {
    const plain = await videoOf(await create('x', { seed: 1 }));
    expect(plain.streams[0]).toMatchObject({ width: 864, height: 496 });
    const unnamed = await get(await create([text('x'), image(undefined)]));
    expect(unnamed.body).toMatchObject({ ratio: '3:4' });
    const both = await videoOf(await create([text('x'), image('first_frame'), image('last_frame')]));
    expect(both.streams[0]).toMatchObject({ width: 560, height: 752 });
    const withReferences = await create([text('x'), image('reference_image'), video('clip.mp4'), audio('sound.mp3')], {
      ratio: '1:1',
    });
    const { body: task } = await get(withReferences);
    // 640 × 640 × (97 + 3 × 24) / 1024
    expect(task.usage?.completion_tokens).toBe(67_600);
    const bytes = await download(task.content?.video_url ?? '');
    const still = execFileSync(
      findFfmpeg(),
      ['-v', 'error', '-i', '-', '-frames:v', '1', '-f', 'image2', '-c:v', 'png', '-'],
      { input: bytes },
    );
    const { data, info } = await sharp(still).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    for (const x of [40, 600]) expect(at(x, 300)[0]).toBeGreaterThan(150);
  });

  it('gives the last frame and a link that ends', async () => {
    const { body: task } = await get(await create('x', { return_last_frame: true }));
    const still = await sharp(await download(task.content?.last_frame_url ?? '')).metadata();
    expect(still).toMatchObject({ format: 'jpeg', width: 864, height: 496 });
    const url = task.content?.video_url ?? '';
    expect((await call(url.replace(/Signature=.{4}/, 'Signature=0000'))).status).toBe(403);
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_500_000);
    expect((await call(url)).status).toBe(403);
    now.mockRestore();
    expect((await call(url)).status).toBe(200);
  });

  it('reads parameters out of the prompt, as the provider does, and bills them', async () => {
    const { body: task } = await get(await create('a cat --rs 720p --dur 15 --ratio 7:7 --wm true', { ratio: '16:9' }));
    expect(task).toMatchObject({ resolution: '720p', duration: 15, ratio: '16:9' });
  });

  it('lists with filters', async () => {
    const [first, second] = [await create('one'), await create('two [[sandbox:fail]]')];
    const list = async (query: string) =>
      (await call<{ items: Task[]; total: number } & Refusal>(`${api}?${query}`, { headers: AUTH })).body;
    const ids = ({ items }: { items: Task[] }) => items.map(({ id }) => id);
    expect(ids(await list(`filter.task_ids=${first}&filter.task_ids=${second}`))).toEqual([second, first]);
    expect(ids(await list(`filter.task_ids=${first},${second}&filter.status=failed`))).toEqual([second]);
    expect(await list('page_size=1&page_num=2')).toMatchObject({ items: [{ id: first }] });
    expect((await list('filter.model=doubao-seedance-2-0-260128')).total).toBe(0);
    expect((await list('filter.service_tier=flex')).total).toBe(0);
    for (const wrong of ['page_size=501', 'page_num=0', 'filter.status=done', 'limit=5'])
      expect((await list(wrong)).error.code).toBe('InvalidParameter');
  });
});

describe('DELETE', () => {
  it('cancels what is queued, once', async () => {
    sandbox.clock.speed = 1000;
    const id = await create('x');
    expect((await get(id)).body.status).toBe('queued');
    expect(await remove(id)).toMatchObject({ status: 200, body: {} });
    expect((await get(id)).body.status).toBe('cancelled');
    expect((await remove(id)).status).toBe(409);
  });

  it('refuses what runs, and erases what has ended', async () => {
    const running = await create('x [[sandbox:never]]');
    expect(await remove(running)).toMatchObject({
      status: 409,
      body: { error: { code: 'InvalidAction.RunningTaskDeletion' } },
    });
    expect((await get(running)).body.status).toBe('running');
    const done = await create('x');
    expect((await remove(done)).status).toBe(200);
    expect((await get(done)).status).toBe(404);
    expect((await remove(done)).status).toBe(404);
  });

  it('a task that does not end in time has expired', async () => {
    const id = await create('x [[sandbox:never]]', { execution_expires_after: 3600 });
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_601_000);
    expect((await get(id)).body.status).toBe('expired');
    now.mockRestore();
  });
});

describe('callbacks', () => {
  const ended = () => rung.filter(({ status }) => status === 'succeeded' || status === 'failed');

  it('come for each status, with the body of GET', async () => {
    sandbox.clock.speed = 0.002;
    const id = await create('x', { callback_url: `${filesUrl}/ring` });
    await until(async () => ended().length > 0);
    expect(rung.map(({ status }) => status)).toEqual(expect.arrayContaining(['queued', 'running', 'succeeded']));
    expect(ended()[0]).toEqual((await get(id)).body);
  });

  it('come again where the receiver fails, several times where a fault says so, and not where one says that', async () => {
    refuse = 1;
    await create('x [[sandbox:fail]]', { callback_url: `${filesUrl}/ring` });
    await until(async () => rung.length >= 4);
    expect(new Set(rung.map(({ status }) => status))).toEqual(new Set(['failed']));
    rung = [];
    await create('x [[sandbox:duplicate-callbacks]]', { callback_url: `${filesUrl}/ring` });
    await until(async () => rung.length >= 9);
    await create('x [[sandbox:no-callback]]', { callback_url: `${filesUrl}/ring` });
    await create('x', { callback_url: `${filesUrl}/ring` });
    await until(async () => rung.length >= 12);
    expect(rung).toHaveLength(12);
  });
});

describe('strictness', () => {
  const nine = () => Array.from({ length: 10 }, () => image('reference_image'));
  const refused: [string, () => object, string, RegExp][] = [
    ['no model', () => ({ content: [text('x')] }), 'MissingParameter', /`model`/],
    ['no content', () => ({ model: MODEL }), 'MissingParameter', /`content`/],
    ['an unknown field', () => body([text('x')], { fps: 24 }), 'InvalidParameter', /`fps`/],
    ['an unknown item field', () => body([{ ...text('x'), role: 'user' }]), 'InvalidParameter', /content\[0\]\.role/],
    ['a URL as a string', () => body([{ type: 'image_url', image_url: picture }]), 'InvalidParameter', /image_url/],
    ['an unknown type', () => body([{ type: 'image', image: {} }]), 'InvalidParameter', /supported values are/],
    ['an unknown role', () => body([text('x'), image('subject')]), 'InvalidParameter', /invalid role/],
    [
      'a video without a role',
      () => body([{ ...video('clip.mp4'), role: undefined }]),
      'InvalidParameter',
      /reference_video/,
    ],
    [
      'two images without roles',
      () => body([image(undefined), image(undefined)]),
      'InvalidParameter',
      /must be specified/,
    ],
    [
      'two first frames',
      () => body([image('first_frame'), image('first_frame')]),
      'InvalidParameter',
      /at most one first/,
    ],
    ['a last frame alone', () => body([image('last_frame')]), 'InvalidParameter', /requires a first frame/],
    [
      'frames and references',
      () => body([image('first_frame'), image('reference_image')]),
      'InvalidParameter',
      /mixed/,
    ],
    ['frames and a sound', () => body([image('first_frame'), audio('sound.mp3')]), 'InvalidParameter', /mixed/],
    ['ten references', () => body(nine()), 'InvalidParameter', /at most 9/],
    ['four videos', () => body(Array.from({ length: 4 }, () => video('clip.mp4'))), 'InvalidParameter', /at most 3/],
    ['a sound alone', () => body([text('x'), audio('sound.mp3')]), 'InvalidParameter', /only reference/],
    ['videos beyond 15 s', () => body([video('long.mp4'), video('long.mp4')]), 'InvalidParameter', /15 s in total/],
    ['a video as data', () => body([video('data:video/mp4;base64,AAAA')]), 'InvalidParameter', /web URL/],
    ['a small video', () => body([video('small.mp4')]), 'InvalidParameter', /407696/],
    ['twelve frames a second', () => body([video('slow.mp4')]), 'InvalidParameter', /frame rate/],
    ['a sound as a video', () => body([video('sound.mp3')]), 'InvalidParameter', /mp4 or mov/],
    ['a second of sound', () => body([image('reference_image'), audio('short.mp3')]), 'InvalidParameter', /2 to 15/],
    ['FLAC', () => body([image('reference_image'), audio('sound.flac')]), 'InvalidParameter', /wav or mp3/],
    ['a dead link', () => body([image(undefined, 'http://127.0.0.1:1/x.png')]), 'InvalidParameter', /download failed/],
    [
      'capitals in a data URI',
      () => body([image(undefined, picture.replace('png', 'PNG'))]),
      'InvalidParameter',
      /lowercase/,
    ],
    [
      'text as an image',
      () => body([image(undefined, 'data:image/png;base64,aGVsbG8=')]),
      'InvalidParameter',
      /can't be read/,
    ],
    ['no text and no media', () => body([text(' ')]), 'MissingParameter', /content\.text/],
    ['2k', () => body([text('x')], { resolution: '2k' }), 'InvalidParameter', /480p, 720p, 1080p, 4k/],
    [
      '1080p on fast',
      () => body([text('x')], { model: 'dreamina-seedance-2-0-fast-260128', resolution: '1080p' }),
      'InvalidParameter',
      /480p, 720p/,
    ],
    ['16:10', () => body([text('x')], { ratio: '16:10' }), 'InvalidParameter', /`ratio`/],
    [
      'a ratio beside a first frame',
      () => body([image('first_frame')], { ratio: '16:9' }),
      'InvalidParameter',
      /follows the first-frame/,
    ],
    ['three seconds', () => body([text('x')], { duration: 3 }), 'InvalidParameter', /4 to 15/],
    ['seconds as text', () => body([text('x')], { duration: '5' }), 'InvalidParameter', /integer/],
    ['frames', () => body([text('x')], { frames: 97 }), 'InvalidParameter', /not supported/],
    ['camera_fixed', () => body([text('x')], { camera_fixed: false }), 'InvalidParameter', /not supported/],
    ['a seed of 2^31', () => body([text('x')], { seed: 2 ** 31 }), 'InvalidParameter', /-1 to/],
    ['flex', () => body([text('x')], { service_tier: 'flex' }), 'InvalidParameter.UnsupportedParameter', /flex/],
    ['a short expiry', () => body([text('x')], { execution_expires_after: 60 }), 'InvalidParameter', /3600/],
    ['a callback to nowhere', () => body([text('x')], { callback_url: 'kiln' }), 'InvalidParameter', /http/],
    ['sound as text', () => body([text('x')], { generate_audio: 'yes' }), 'InvalidParameter', /boolean/],
    ['a draft', () => body([text('x')], { draft: true }), 'InvalidParameter', /draft/],
    ['an unknown marker', () => body([text('x [[sandbox:polcy]]')]), 'InvalidParameter', /unknown sandbox marker/],
  ];
  it.each(refused)('refuses %s', async (_what, json, code, message) => {
    expect(await call<Refusal>(api, { headers: AUTH, json: json() })).toMatchObject({
      status: 400,
      body: { error: { code, type: 'BadRequest', message: expect.stringMatching(message) as string } },
    });
  });

  it('refuses a wrong key, an unknown and a closed model, and broken JSON', async () => {
    const submit = (json: object, headers: Record<string, string> = AUTH) => call<Refusal>(api, { headers, json });
    for (const headers of [{}, { authorization: 'Bearer no' }, { 'x-api-key': KEY }] as Record<string, string>[])
      expect(await submit(body([text('x')]), headers)).toMatchObject({
        status: 401,
        body: { error: { code: 'AuthenticationError' } },
      });
    expect(await submit(body([text('x')], { model: 'seedance-9' }))).toMatchObject({
      status: 404,
      body: { error: { code: 'InvalidEndpointOrModel.NotFound' } },
    });
    expect(await submit(body([text('x')], { model: 'dreamina-seedance-2-5-260628' }))).toMatchObject({
      status: 404,
      body: { error: { code: 'ModelNotOpen' } },
    });
    const broken = await call<Refusal>(api, {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: '{',
    });
    expect(broken).toMatchObject({ status: 400, body: { error: { code: 'InvalidParameter' } } });
    expect((await get('cgt-none')).body.error.code).toBe('ResourceNotFound');
  });
});

describe('switches', () => {
  const submit = (prompt: string) => call<Refusal & { id: string }>(api, { headers: AUTH, json: body([text(prompt)]) });

  it.each([
    ['429', 429, 'RateLimitExceeded.EndpointRPMExceeded'],
    ['500', 500, 'InternalServiceError'],
    ['503', 503, 'ServiceUnavailable'],
    ['policy-submit', 400, 'InputTextSensitiveContentDetected'],
  ])('refuses the submit with %s, as often as asked', async (name, status, code) => {
    const prompt = `twice [[sandbox:${name}=2]]`;
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect(await submit(prompt)).toMatchObject({ status, body: { error: { code } } });
    expect((await submit(prompt)).status).toBe(200);
  });

  it.each([
    ['hang', 'hang', 0],
    ['drop', 'drop', 0],
    ['hang-after', 'hang', 1],
    ['drop-after', 'drop', 1],
  ])('%s leaves the submit unanswered', async (name, how, accepted) => {
    const prompt = `silent [[sandbox:${name}]]`;
    const init = {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify(body([text(prompt)])),
    };
    expect(await unanswered(api, init)).toBe(how);
    const recorded = sandbox.requests({ provider: 'ark', contains: prompt });
    expect(recorded.filter((entry) => entry.outcome === 'accepted')).toHaveLength(accepted);
    expect(recorded).toHaveLength(1);
  });

  it('answers what is not JSON, and refuses polls, then goes on', async () => {
    expect((await submit('[[sandbox:malformed-submit]] x')).body).toEqual(expect.any(String));
    const garbled = await create('x [[sandbox:malformed]]');
    expect((await get(garbled)).body).toEqual(expect.any(String));
    expect((await get(garbled)).body.status).toBe('succeeded');
    for (const [name, status] of [
      ['429-poll', 429],
      ['500-poll', 500],
      ['503-poll', 503],
    ] as const) {
      const id = await create(`x [[sandbox:${name}=2]]`);
      for (let attempt = 0; attempt < 2; attempt += 1) expect((await get(id)).status).toBe(status);
      expect((await get(id)).body.status).toBe('succeeded');
    }
  });

  it('fails, is withheld, ends empty, vanishes or never ends', async () => {
    const of = async (marker: string) => (await get(await create(`x [[sandbox:${marker}]]`))).body;
    expect(await of('fail')).toMatchObject({ status: 'failed', error: { code: 'InternalServiceError' } });
    expect(await of('oom')).toMatchObject({ status: 'failed' });
    expect(await of('policy')).toMatchObject({
      status: 'failed',
      error: { code: 'OutputVideoSensitiveContentDetected' },
    });
    expect(await of('empty')).toMatchObject({ status: 'succeeded', content: {} });
    expect((await of('lost')).error?.code).toBe('ResourceNotFound');
    expect(await of('never')).toMatchObject({ status: 'running' });
    expect((await of('off-origin')).content?.video_url).toBe('http://169.254.169.254/latest/meta-data/');
  });

  it('cuts, pads, empties and loses downloads', async () => {
    const linkOf = async (marker: string) =>
      (await get(await create(`x [[sandbox:${marker}]]`))).body.content?.video_url ?? '';
    const torn = await linkOf('truncate');
    await expect(download(torn)).rejects.toThrow('terminated');
    expect(probe(await download(torn), 'mp4').streams[0]).toMatchObject({ nb_read_frames: '97' });
    expect(await download(await linkOf('pad=3000000'))).toHaveLength(3_000_000);
    expect((await call(await linkOf('expired'))).status).toBe(404);
    expect((await call(await linkOf('zero-bytes'))).body).toBe('');
    expect((await call(await linkOf('not-media'))).headers.get('content-type')).toBe('text/html');
  });
});

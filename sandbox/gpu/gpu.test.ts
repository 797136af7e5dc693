import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, unanswered, until } from '../test-client.js';
import { serveTestFiles, type TestFiles } from './test-files.js';

const AUTH = { authorization: 'Bearer sandbox' };
const MODEL = 'Skywork/SkyReels-V2-DF-14B-720P';

interface Job {
  id: string;
  status: string;
  progress: number;
  queue_position?: number;
  artifacts?: { name: string; content_type: string; url: string }[];
  warnings: string[];
  error?: { code: string; message: string; retryable: boolean; param?: string };
  boot_id: string;
  state?: string;
  eta_s?: number;
}

let sandbox: Sandbox;
let kiln: string;
let files: TestFiles;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0 });
  kiln = `${sandbox.url}/gpu/skyreels`;
  files = await serveTestFiles();
});
afterEach(() => sandbox.clearFaults());
afterAll(async () => {
  await sandbox.close();
  files.close();
});

const input = (more: object = {}): Record<string, unknown> => ({
  operation: 'text_to_video',
  model: MODEL,
  prompt: 'a kite',
  duration_seconds: 1,
  references: [],
  ...more,
});
const reference = (role: string, name: string) => ({
  role,
  index: 0,
  content_type: name.endsWith('.mp4') ? 'video/mp4' : 'image/png',
  url: files.link(name),
});
const post = (body: object, key: string = randomUUID(), headers: Record<string, string> = AUTH) =>
  call<Job>(`${kiln}/v1/jobs`, { headers: { ...headers, 'idempotency-key': key }, json: { id: key, ...body } });
const get = (id: string) => call<Job>(`${kiln}/v1/jobs/${id}`, { headers: AUTH });
const cancel = (id: string) => call<Job>(`${kiln}/v1/jobs/${id}/cancel`, { method: 'POST', headers: AUTH });

const over = (id: string): Promise<Job> =>
  until(async () => {
    const { body } = await get(id);
    return !['queued', 'running'].includes(body.status) && body;
  });

async function finish(more: object): Promise<Job> {
  const { status, body } = await post({ input: input(more) });
  expect(status).toBe(202);
  return over(body.id);
}

async function clipOf(job: Job) {
  const bytes = await download(kiln + (job.artifacts?.[0]?.url ?? ''), AUTH);
  const { streams } = probe(bytes, 'mp4');
  return { streams, ...streams[0] };
}

describe('the contract', () => {
  it.each<[string, { references?: string[]; [field: string]: unknown }, number, number, number]>([
    ['text', {}, 1280, 720, 25],
    ['540p, tall', { resolution: '540p', aspect_ratio: '9:16' }, 544, 960, 25],
    ['a picture, whose shape it follows', { operation: 'image_to_video', references: ['tall.png'] }, 720, 1280, 25],
    [
      'a first and a last picture',
      { operation: 'first_last_frame', references: ['wide.png', 'tall.png'] },
      1280,
      720,
      25,
    ],
    ['a clip that goes on', { operation: 'video_to_video', references: ['clip.mp4'] }, 1280, 720, 72],
  ])('makes a clip of %s', async (_what, { references = [], ...more }, width, height, frames) => {
    const roles = references[0]?.endsWith('.mp4') ? ['video'] : ['image', 'last_image'];
    const job = await finish({
      ...more,
      seed: 7,
      fps: 24,
      references: references.map((name, index) => reference(roles[index] ?? '', name)),
    });
    expect(job).toMatchObject({ status: 'succeeded', progress: 1, artifacts: [{ content_type: 'video/mp4' }] });
    expect(job.warnings[0]).toContain(`${frames} frames`);
    const { streams, ...video } = await clipOf(job);
    expect(video).toMatchObject({ codec_name: 'h264', width, height, r_frame_rate: '24/1' });
    expect(video.nb_read_frames).toBe(String(frames));
    expect(streams).toHaveLength(1);
  });

  it('makes two minutes', async () => {
    const { streams, ...video } = await clipOf(await finish({ duration_seconds: 120, seed: 3 }));
    expect([streams.length, video.width, video.nb_read_frames]).toEqual([1, 1280, '2881']);
  }, 60_000);

  it('gives parts of a file', async () => {
    const { artifacts } = await finish({ seed: 9 });
    const url = kiln + (artifacts?.[0]?.url ?? '');
    const whole = await download(url, AUTH);
    const part = await fetch(url, { headers: { ...AUTH, range: 'bytes=100-199' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(100, 200));
    expect((await call(url)).status).toBe(401);
    expect((await call(`${url}x`, { headers: AUTH })).status).toBe(404);
  });

  it.each<[string, object, string, RegExp]>([
    ['an unknown field', { camera: 'pan' }, 'camera', /not known/],
    ['another model', { model: 'wan' }, 'model', /must be Skywork/],
    ['no prompt', { prompt: '' }, 'prompt', /required/],
    ['a number as text', { duration_seconds: '5' }, 'duration_seconds', /whole number from 1 to 120/],
    ['a clip that is too long', { duration_seconds: 121 }, 'duration_seconds', /120/],
    ['another rate of frames', { fps: 25 }, 'fps', /24/],
    ['a size it has not', { resolution: '1080p' }, 'resolution', /540p, 720p/],
    ['a shape it has not', { aspect_ratio: '1:1' }, 'aspect_ratio', /16:9, 9:16/],
    ['a seed with a fraction', { seed: 1.5 }, 'seed', /whole/],
    ['an unknown operation', { operation: 'reference_to_video' }, 'operation', /must be one of/],
    ['a picture that is missing', { operation: 'image_to_video' }, 'references', /takes image/],
    ['references that are no list', { references: undefined }, 'references', /list/],
    ['an unknown marker', { prompt: '[[sandbox:nope]]' }, 'prompt', /unknown sandbox marker/],
  ])('refuses %s', async (_what, fields, param, message) => {
    const { status, body } = await post({ input: input(fields) });
    expect({ status, ...body.error }).toMatchObject({ status: 400, code: 'INVALID_INPUT', retryable: false, param });
    expect(body.error?.message).toMatch(message);
  });

  it('refuses references it can not read', async () => {
    const image = (url: string) =>
      input({ operation: 'image_to_video', references: [{ ...reference('image', 'wide.png'), url }] });
    for (const url of [files.link('gone.png'), files.link('cut.png'), files.link('clip.mp4'), '/etc/passwd'])
      expect((await post({ input: image(url) })).body.error).toMatchObject({ code: 'INVALID_INPUT', param: 'image' });
  });

  it('refuses an envelope that is wrong', async () => {
    const key = randomUUID();
    for (const body of [
      {},
      { input: [] },
      { input: input(), priority: 1 },
      { input: input(), webhook: 'ftp://x' },
      { input: input(), timeout_s: 0 },
      { input: input(), id: randomUUID() },
    ])
      expect((await post(body, key)).status).toBe(400);
    expect((await call(`${kiln}/v1/jobs`, { headers: AUTH, json: { id: key, input: input() } })).status).toBe(400);
    expect((await post({ input: input() }, key, { authorization: 'Bearer wrong' })).body.error?.code).toBe(
      'UNAUTHORIZED',
    );
    expect((await get(randomUUID())).body.error?.code).toBe('NOT_FOUND');
  });

  it('takes a key once, whatever the links are signed with', async () => {
    const key = randomUUID();
    const wanted = (query: string) => ({
      input: input({
        operation: 'image_to_video',
        references: [{ ...reference('image', 'wide.png'), url: `${files.link('wide.png')}${query}` }],
      }),
    });
    const first = await post(wanted('?sig=1'), key);
    expect([first.status, (await post(wanted('?sig=2'), key)).status]).toEqual([202, 200]);
    expect((await post({ input: input({ prompt: 'another' }) }, key)).body.error?.code).toBe('CONFLICT');
  });

  it('works one job at a time, and cancels', async () => {
    const first = (await post({ input: input({ prompt: 'one [[sandbox:latency=60000]]' }) })).body;
    const second = (await post({ input: input({ prompt: 'two' }) })).body;
    expect([first.status, second.status, second.queue_position]).toEqual(['running', 'queued', 1]);
    expect((await call(`${kiln}/readyz`)).body).toEqual({ state: 'ready', queued: 1, running: 1 });
    expect((await call(`${kiln}/v1/info`, { headers: AUTH })).body).toMatchObject({ model: MODEL, capacity: 1 });
    expect(await cancel(first.id)).toMatchObject({ status: 202, body: { status: 'cancelled' } });
    expect((await over(second.id)).status).toBe('succeeded');
    expect((await cancel(second.id)).body.status).toBe('succeeded');
    expect((await cancel(first.id)).body.status).toBe('cancelled');
  });

  it('forgets in a restart, under another boot_id', async () => {
    const { body } = await post({ input: input({ prompt: '[[sandbox:never]] x' }) });
    await call(`${sandbox.url}/gpu/_restart`, { method: 'POST' });
    expect((await get(body.id)).status).toBe(404);
    expect((await finish({})).boot_id).not.toBe(body.boot_id);
  });

  it('sleeps until somebody asks, and loads for a while', async () => {
    await call(`${sandbox.url}/gpu/_sleep`, { json: { load_ms: 300 } });
    expect((await call(`${kiln}/healthz`)).status).toBe(200);
    const cold = await post({ input: input() });
    expect([cold.status, cold.headers.get('retry-after'), cold.body.state]).toEqual([503, '1', 'loading']);
    expect((await call(`${kiln}/readyz`)).body).toMatchObject({ state: 'loading', eta_s: 1 });
    await until(async () => (await call(`${kiln}/readyz`)).status === 200);
    expect((await finish({})).status).toBe('succeeded');
    expect(sandbox.counts('gpu')['wakes']).toBe(1);
    expect((await call(`${sandbox.url}/gpu/_sleep`, { json: { for: 1 } })).status).toBe(400);
  });

  it('rings, signed', async () => {
    files.rings.length = 0;
    const { body } = await post({ input: input(), webhook: files.link('ring') });
    const ring = await until(async () => files.rings[0]);
    const verified = new Webhook(Buffer.from('sandbox').toString('base64')).verify(
      ring.body,
      ring.headers as Record<string, string>,
    );
    expect(verified).toMatchObject({ id: body.id, status: 'succeeded' });
  });

  it('shows its switches', async () => {
    for (const [marker, code] of [
      ['fail', 'INTERNAL'],
      ['oom', 'OOM'],
      ['policy', 'CONTENT_POLICY'],
    ])
      expect(await finish({ prompt: `x [[sandbox:${marker}]]` })).toMatchObject({ status: 'failed', error: { code } });
    expect((await finish({ prompt: 'x [[sandbox:empty]]' })).artifacts).toEqual([]);
    expect((await finish({ prompt: 'x [[sandbox:off-origin]]' })).artifacts?.[0]?.url).toMatch(/^http:\/\/169\.254/);
    const lost = await post({ input: input({ prompt: 'x [[sandbox:lost]]' }) });
    expect((await get(lost.body.id)).status).toBe(404);
    for (const [marker, status] of [
      ['429', 429],
      ['500', 500],
      ['503', 503],
      ['policy-submit', 400],
    ] as const)
      expect((await post({ input: input({ prompt: `x [[sandbox:${marker}]]` }) })).status).toBe(status);
    const broken = await finish({ prompt: 'x [[sandbox:truncate]]' });
    const url = kiln + (broken.artifacts?.[0]?.url ?? '');
    await expect(download(url, AUTH)).rejects.toThrow('terminated');
    expect((await download(url, AUTH)).length).toBeGreaterThan(1000);
    const polled = await post({ input: input({ prompt: 'x [[sandbox:429-poll=1]] [[sandbox:malformed]]' }) });
    expect([(await get(polled.body.id)).status, typeof (await get(polled.body.id)).body]).toEqual([429, 'string']);
  });

  it('has taken what it did not answer: the key brings it back', async () => {
    const key = randomUUID();
    const body = { id: key, input: input({ prompt: 'x [[sandbox:drop-after]]' }) };
    const headers = { ...AUTH, 'idempotency-key': key, 'content-type': 'application/json' };
    expect(await unanswered(`${kiln}/v1/jobs`, { method: 'POST', headers, body: JSON.stringify(body) })).toBe('drop');
    expect((await post(body, key)).status).toBe(200);
    expect(sandbox.requests({ provider: 'gpu', contains: 'drop-after' })).toMatchObject([{ outcome: 'accepted' }]);
  });
});

import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, unanswered, until } from '../test-client.js';
import { CALLBACK_SECRET } from './bell.js';
import { AUTH, type CurrentTask, KEY, KlingClient, type LegacyTask, pictureOf } from './test-helpers.js';

let sandbox: Sandbox;
let kling: KlingClient;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  kling = new KlingClient(`${sandbox.url}/kling`);
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

const videoOf = (bytes: Buffer) => {
  const { streams, seconds } = probe(bytes, 'mp4');
  const { width, height } = streams.find(({ codec_type: type }) => type === 'video') ?? {};
  return { width, height, seconds, sound: streams.some(({ codec_type: type }) => type === 'audio') };
};
async function finished(prompt: string, settings: object = {}): Promise<CurrentTask> {
  const { body } = await kling.text(prompt, settings);
  return until(async () => {
    const task = await kling.task(body.data?.id ?? '');
    return task && !['submitted', 'processing'].includes(task.status) ? task : null;
  });
}

describe('the current generation', () => {
  it('makes a clip of the asked size, length and sound, and says what it cost', async () => {
    const { status, body } = await kling.text(
      'A fox & a <hen>',
      { duration: 3, resolution: '1080p', aspect_ratio: '9:16', audio: 'native', multi_shot: false },
      { external_task_id: 'mine-1', callback_url: '', watermark_info: { enabled: false } },
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ code: 0, request_id: expect.any(String) as string });
    expect(body.data).toMatchObject({
      id: expect.stringMatching(/^\d{18}$/) as string,
      status: 'submitted',
      external_id: 'mine-1',
    });
    const byMine = await kling.get<CurrentTask[]>('/tasks?external_task_ids=mine-1');
    expect(byMine.body.data).toMatchObject([
      {
        id: body.data?.id,
        status: 'succeeded',
        outputs: [{ type: 'video', duration: '3' }],
        billing: [{ charge_type: 'cash', currency: 'USD', amount: '0.504' }],
      },
    ]);
    const url = byMine.body.data?.[0]?.outputs?.[0]?.url ?? '';
    expect(url).toBe(`${kling.base}/files/${body.data?.id}-0.mp4`);
    // The CDN asks for no key.
    expect(videoOf(await download(url))).toEqual({ width: 1080, height: 1920, seconds: 3, sound: true });
  });

  it('follows the shape of the first frame', async () => {
    const [first, last] = [await pictureOf(900, 600), await pictureOf(600, 900)];
    const { body } = await kling.image([
      { type: 'prompt', text: 'they meet' },
      { type: 'first_frame', url: first },
      { type: 'last_frame', url: last },
    ]);
    const task = await kling.task(body.data?.id ?? '');
    expect(videoOf(await download(task?.outputs?.[0]?.url ?? ''))).toEqual({
      width: 1080,
      height: 720,
      seconds: 3,
      sound: false,
    });
  });

  it('goes from submitted to processing to the end', async () => {
    const { body } = await kling.text('slow [[sandbox:latency=60000]]');
    expect((await kling.task(body.data?.id ?? ''))?.status).toBe('processing');
    const running = (await kling.task(body.data?.id ?? ''))?.outputs;
    expect(running).toBeUndefined();
    expect((await call(`${kling.base}/files/${body.data?.id}-0.mp4`)).status).toBe(404);
  });

  it('asks for several tasks at once and leaves out what it does not know', async () => {
    const one = await kling.text('one');
    const two = await kling.text('two');
    const ids = [one.body.data?.id, '1', two.body.data?.id];
    const { body } = await kling.get<CurrentTask[]>(`/tasks?task_ids=${ids.join(',')}`);
    expect(body.data?.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    expect((await kling.get('/tasks?external_task_ids=nobody')).body).toMatchObject({ code: 0, data: [] });
  });

  it('takes a client id once, in both generations', async () => {
    expect((await kling.text('x', {}, { external_task_id: 'once' })).status).toBe(200);
    expect(await kling.text('x', {}, { external_task_id: 'once' })).toMatchObject({
      status: 400,
      body: { code: 1201, message: 'External_task_id once already exists' },
    });
    expect((await kling.legacy('text2video', { prompt: 'x', external_task_id: 'once' })).status).toBe(400);
  });
});

describe('the legacy generation', () => {
  it('makes a clip, asked for by either id below the path that made it', async () => {
    const { body } = await kling.legacy('text2video', {
      prompt: 'A fox',
      negative_prompt: 'blur',
      cfg_scale: 0.4,
      mode: 'std',
      sound: 'on',
      aspect_ratio: '1:1',
      camera_control: { type: 'simple', config: { zoom: 5, pan: 0 } },
      external_task_id: 'old-1',
      watermark_info: { enabled: false },
    });
    expect(body.data).toMatchObject({ task_status: 'submitted', task_info: { external_task_id: 'old-1' } });
    for (const id of [body.data?.task_id, 'old-1']) {
      const { data } = (await kling.get<LegacyTask>(`/v1/videos/text2video/${id}`)).body;
      expect(data).toMatchObject({ task_status: 'succeed', final_unit_deduction: '2.7' });
      expect(videoOf(await download(data?.task_result?.videos[0]?.url ?? ''))).toEqual({
        width: 720,
        height: 720,
        seconds: 3,
        sound: true,
      });
      expect(await kling.get(`/v1/videos/image2video/${id}`)).toMatchObject({
        status: 400,
        body: { code: 1201, message: expect.stringContaining('Task not found by id') as string },
      });
    }
    expect((await kling.task(body.data?.task_id ?? ''))?.status).toBe('succeeded');
  });

  it('starts from a picture, or from the last one alone', async () => {
    const picture = await pictureOf();
    for (const more of [{ image: picture, image_tail: picture }, { image_tail: picture }, { image: picture }])
      expect((await kling.legacy('image2video', more)).status).toBe(200);
    const moving = {
      image: picture,
      camera_control: { type: 'forward_up' },
      multi_shot: true,
      shot_type: 'intelligence',
    };
    expect((await kling.legacy('image2video', moving)).status).toBe(200);
  });

  it('takes a token signed by the pair of keys, which the current one refuses', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwt = (claims: object, secret = KEY) => {
      const input = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
      return { authorization: `Bearer ${input}.${createHmac('sha256', secret).update(input).digest('base64url')}` };
    };
    const now = Math.floor(Date.now() / 1000);
    const good = { iss: KEY, exp: now + 1800, nbf: now - 5 };
    const code = async (headers: Record<string, string>, path = '/v1/videos/text2video/x') =>
      (await kling.get(path, headers)).body.code;
    expect(await code(jwt(good))).toBe(1201);
    expect(await code(jwt({ ...good, nbf: now + 60 }))).toBe(1003);
    expect(await code(jwt({ ...good, exp: now - 1 }))).toBe(1004);
    expect(await code(jwt(good, 'another'))).toBe(1002);
    expect(await code(jwt({ ...good, iss: 'another' }))).toBe(1002);
    expect(await code({ authorization: 'Bearer nonsense' })).toBe(1002);
    expect(await code(jwt(good), '/tasks?task_ids=1')).toBe(1002);
  });
});

it('wants the key everywhere but for files', async () => {
  for (const path of ['/tasks?task_ids=1', '/v1/videos/text2video/1', '/v1/videos/image2video/1']) {
    expect(await kling.get(path, {})).toMatchObject({ status: 401, body: { code: 1001 } });
    expect(await kling.get(path, { authorization: KEY })).toMatchObject({ status: 401, body: { code: 1002 } });
  }
  for (const path of ['/text-to-video/kling-3.0', '/v1/videos/text2video'])
    expect((await kling.post(path, {}, {})).status).toBe(401);
  expect(await kling.get('/v1/videos/nothing')).toMatchObject({ status: 404, body: { code: 1202 } });
});

describe('callbacks', () => {
  interface Ring {
    headers: IncomingHttpHeaders;
    body: string;
  }
  const rings: Ring[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      rings.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.end();
    });
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bell`;
  });
  beforeEach(() => {
    rings.length = 0;
  });
  afterAll(() => server.close());
  const bodies = () => rings.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

  it('come when the work begins and when it ends, signed, with the bare task', async () => {
    await kling.text('x [[sandbox:latency=80]]', {}, { callback_url: url });
    await until(async () => rings.length >= 2);
    expect(bodies().map(({ status }) => status)).toEqual(['processing', 'succeeded']);
    expect(bodies()[1]).toMatchObject({ outputs: [{ type: 'video' }] });
    const key = Buffer.from(CALLBACK_SECRET.slice('whsec_'.length), 'base64');
    for (const { headers, body } of rings) {
      const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = headers;
      const text = `${String(id)}.${String(time)}.${body}`;
      expect(signature).toBe(`v1,${createHmac('sha256', key).update(text).digest('base64')}`);
    }
  });

  it('have the shape of their generation, and come thrice or never where a fault says so', async () => {
    await kling.legacy('text2video', { prompt: 'x [[sandbox:fail]]', callback_url: url });
    await until(async () => rings.length > 0);
    expect(bodies()).toMatchObject([{ task_status: 'failed', task_status_msg: expect.any(String) as string }]);
    rings.length = 0;
    await kling.text('x [[sandbox:no-callback]]', {}, { callback_url: url });
    await kling.text('y [[sandbox:duplicate-callbacks]]', {}, { callback_url: url });
    await until(async () => rings.length >= 3);
    expect(new Set(bodies().map(({ id }) => id)).size).toBe(1);
  });
});

describe('faults', () => {
  it.each([
    ['429', 429, 1303],
    ['500', 500, 5000],
    ['503', 503, 5001],
    ['policy-submit', 400, 1301],
  ])('%s of a submit is %i with code %i', async (name, status, code) => {
    for (const { status: got, body } of [
      await kling.text(`x [[sandbox:${name}]]`),
      await kling.legacy('text2video', { prompt: `x [[sandbox:${name}]]` }),
    ])
      expect([got, body.code]).toEqual([status, code]);
  });

  it.each([
    ['fail', 'failed', /internal error/],
    ['oom', 'failed', /internal error/],
    ['policy', 'failed', /risk control/],
  ])('%s ends a task', async (name, status, message) => {
    const task = await finished(`x [[sandbox:${name}]]`);
    expect(task.status).toBe(status);
    expect(task.message).toMatch(message);
  });

  it('empty, lost, off-origin, never', async () => {
    expect(await finished('x [[sandbox:empty]]')).toMatchObject({ status: 'succeeded', outputs: [] });
    expect((await finished('x [[sandbox:off-origin]]')).outputs?.[0]?.url).toMatch(/^http:\/\/169\.254/);
    const lost = await kling.text('x [[sandbox:lost]]');
    expect(await kling.task(lost.body.data?.id ?? '')).toBeUndefined();
    const endless = await kling.text('x [[sandbox:never]]');
    expect((await kling.task(endless.body.data?.id ?? ''))?.status).toBe('processing');
  });

  it('an answer that never comes, is cut, or is no JSON: after the work was taken or before', async () => {
    const init = (name: string) => ({
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: `[[sandbox:${name}]] x` }),
    });
    const url = `${kling.base}/text-to-video/kling-3.0`;
    for (const [name, how, outcome] of [
      ['hang', 'hang', 'unanswered'],
      ['drop', 'drop', 'unanswered'],
      ['hang-after', 'hang', 'accepted'],
      ['drop-after', 'drop', 'accepted'],
    ]) {
      expect(await unanswered(url, init(name ?? ''))).toBe(how);
      expect(sandbox.requests({ provider: 'kling', contains: `sandbox:${name}]` })).toMatchObject([{ outcome }]);
    }
    const malformed = await kling.text('x [[sandbox:malformed-submit]]');
    expect([malformed.status, typeof malformed.body]).toEqual([200, 'string']);
  });

  it('of a poll', async () => {
    for (const [name, status] of [
      ['429-poll=1', 429],
      ['500-poll=1', 500],
      ['503-poll=1', 503],
    ]) {
      const { body } = await kling.text(`x [[sandbox:${name}]]`);
      expect((await kling.get(`/tasks?task_ids=${body.data?.id}`)).status).toBe(status);
      expect((await kling.get(`/tasks?task_ids=${body.data?.id}`)).status).toBe(200);
    }
  });

  it('of a download', async () => {
    const linkOf = async (name: string) => (await finished(`x [[sandbox:${name}]]`)).outputs?.[0]?.url ?? '';
    const torn = await linkOf('truncate');
    await expect(download(torn)).rejects.toThrow('terminated');
    expect((await download(torn)).length).toBeGreaterThan(1000);
    expect((await call(await linkOf('expired'))).status).toBe(404);
    expect((await download(await linkOf('zero-bytes'))).length).toBe(0);
    expect((await download(await linkOf('pad=300000'))).length).toBe(300_000);
    expect((await download(await linkOf('not-media'))).toString()).toMatch(/^<!doctype/);
  });
});

import { createHash, createPublicKey, verify, type JsonWebKey } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { call, download, unanswered, until } from '../test-client.js';
import { AUTH, type FalSandbox, get, openFalSandbox, type Result } from './test-fal.js';

let sandbox: FalSandbox['sandbox'];
let base: string;
let picture: string;
let post: FalSandbox['post'];
let start: FalSandbox['start'];
let finished: FalSandbox['finished'];
let veo: FalSandbox['veo'];

beforeAll(async () => {
  ({ sandbox, base, picture, post, start, finished, veo } = await openFalSandbox());
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

describe('storage', () => {
  it('takes a file and serves it, also to its own models', async () => {
    const bytes = Buffer.from(picture.slice(picture.indexOf(',') + 1), 'base64');
    const initiate = (json: object) =>
      call<{ upload_url: string; file_url: string }>(`${base}/storage/upload/initiate?storage_type=fal-cdn-v3`, {
        headers: AUTH,
        json,
      });
    expect((await initiate({ content_type: 'image/png' })).status).toBe(422);
    const { body } = await initiate({ content_type: 'image/png', file_name: 'a.png' });
    expect((await call(body.file_url)).status).toBe(404);
    expect(
      (
        await call(body.upload_url, {
          method: 'PUT',
          headers: { 'content-type': 'image/png' },
          body: new Uint8Array(bytes),
        })
      ).status,
    ).toBe(200);
    expect(await download(body.file_url)).toEqual(bytes);
    expect(
      await finished('fal-ai/framepack', { prompt: 'x', num_frames: 30, image_url: body.file_url }),
    ).toHaveProperty('video');
  });
});

describe('webhooks', () => {
  let server: Server;
  let calls: { headers: Record<string, string | string[] | undefined>; body: Buffer }[];
  let hook: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        calls.push({ headers: request.headers, body: Buffer.concat(chunks) });
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    hook = `?fal_webhook=${encodeURIComponent(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?a=1`)}`;
  });
  beforeEach(() => {
    calls = [];
  });
  afterAll(() => server.close());

  it('rings once, signed by a key that it shows', async () => {
    const { request_id: id } = await start('fal-ai/veo3.1', { prompt: 'x', duration: '4s' }, hook);
    const [got] = await until(async () => calls.length > 0 && calls);
    expect(JSON.parse(got?.body.toString() ?? '')).toMatchObject({
      request_id: id,
      status: 'OK',
      payload: { video: { content_type: 'video/mp4' } },
    });
    const header = (name: string): string => String(got?.headers[`x-fal-webhook-${name}`]);
    const { body: jwks } = await call<{ keys: JsonWebKey[] }>(`${base}/.well-known/jwks.json`);
    const key = createPublicKey({ key: jwks.keys[0] ?? {}, format: 'jwk' });
    const hash = createHash('sha256')
      .update(got?.body ?? '')
      .digest('hex');
    const text = [header('request-id'), header('user-id'), header('timestamp'), hash].join('\n');
    expect(verify(null, Buffer.from(text), key, Buffer.from(header('signature'), 'hex'))).toBe(true);
  });

  it('tells of errors, rings thrice or never as faults want', async () => {
    await start('fal-ai/veo3.1', { prompt: 'x [[sandbox:policy]]' }, hook);
    const [got] = await until(async () => calls.length > 0 && calls);
    expect(JSON.parse(got?.body.toString() ?? '')).toMatchObject({
      status: 'ERROR',
      payload: { detail: [{ type: 'content_policy_violation' }] },
    });
    await start('fal-ai/veo3.1', { prompt: 'x [[sandbox:no-callback]]' }, hook);
    await start('fal-ai/veo3.1', { prompt: 'x [[sandbox:duplicate-callbacks]]' }, hook);
    await until(async () => calls.length === 4);
  });
});

describe('faults', () => {
  const submit = (marker: string) => post('fal-ai/veo3.1', { prompt: `x [[sandbox:${marker}]]`, duration: '4s' });

  it.each([
    ['429', 429],
    ['500', 500],
    ['503', 503],
    ['policy-submit', 422],
  ])('%s of a submit', async (marker, status) => {
    const before = sandbox.counts('fal')['submits_accepted'] ?? 0;
    expect((await submit(marker)).status).toBe(status);
    expect(sandbox.counts('fal')['submits_accepted'] ?? 0).toBe(before);
  });

  it.each([
    ['hang', 'hang', 0],
    ['drop', 'drop', 0],
    ['hang-after', 'hang', 1],
    ['drop-after', 'drop', 1],
  ])('%s', async (marker, how, accepted) => {
    const before = sandbox.counts('fal')['submits_accepted'] ?? 0;
    const init = {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: `x [[sandbox:${marker}]]` }),
    };
    expect(await unanswered(`${base}/fal-ai/veo3.1`, init)).toBe(how);
    await until(async () => (sandbox.counts('fal')['submits_accepted'] ?? 0) === before + accepted);
  });

  it.each<[string, number, object]>([
    ['fail', 500, { detail: [{ type: 'internal_server_error' }] }],
    ['oom', 500, { detail: [{ type: 'internal_server_error' }] }],
    ['policy', 422, { detail: [{ type: 'content_policy_violation' }] }],
    ['lost', 404, { detail: 'Request not found' }],
  ])('%s of a run', async (marker, status, body) => {
    const task = await veo(`x [[sandbox:${marker}]]`);
    const answer = await until(async () => {
      const got = await get<Result>(task.response_url);
      return got.status !== 400 && got;
    });
    expect(answer).toMatchObject({ status, body });
  });

  it('ends with nothing in it', async () => {
    expect(await finished('fal-ai/veo3.1', { prompt: 'x [[sandbox:empty]]' })).toEqual({});
    expect(await finished('fal-ai/gpt-image-1.5', { prompt: 'x [[sandbox:empty]]' })).toEqual({ images: [] });
  });

  it.each([
    ['429-poll', 429],
    ['500-poll', 500],
    ['503-poll', 503],
  ])('%s thrice, then well', async (marker, status) => {
    const task = await veo(`x [[sandbox:${marker}]]`);
    const seen = [];
    for (let n = 0; n < 4; n += 1) seen.push((await get(task.status_url)).status);
    expect(seen).toEqual([status, status, status, 200]);
  });

  it('polls that are no JSON, or hang', async () => {
    expect((await get((await veo('x [[sandbox:malformed]]')).status_url)).body).toEqual(expect.any(String));
    expect(await unanswered((await veo('x [[sandbox:hang-poll]]')).status_url, { headers: AUTH })).toBe('hang');
  });

  it('downloads that go wrong', async () => {
    const link = async (marker: string) => {
      const { video } = await finished('fal-ai/veo3.1', { prompt: `x [[sandbox:${marker}]]`, duration: '4s' });
      return video?.url ?? '';
    };
    await expect(download(await link('truncate'))).rejects.toThrow(/terminated|aborted/);
    expect((await fetch(await link('expired'))).status).toBe(404);
    expect((await download(await link('zero-bytes'))).length).toBe(0);
    expect((await download(await link('not-media'))).toString()).toContain('<!doctype html>');
    expect((await download(await link('pad=500000'))).length).toBe(500_000);
    expect(await link('off-origin')).toBe('http://169.254.169.254/latest/meta-data/');
  });
});

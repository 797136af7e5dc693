import { randomUUID } from 'node:crypto';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, until } from '../test-client.js';
import { serveTestFiles, type TestFiles } from './test-files.js';

const AUTH = { authorization: 'Bearer sandbox' };

interface RunpodJob {
  id: string;
  status: string;
  output?: { artifacts?: { url: string }[]; warnings?: string[]; progress?: number };
  error?: string;
}

let sandbox: Sandbox;
let runpod: string;
let files: TestFiles;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0 });
  runpod = `${sandbox.url}/gpu/runpod/v2/skyreels`;
  files = await serveTestFiles();
});
afterEach(() => sandbox.clearFaults());
afterAll(async () => {
  await sandbox.close();
  files.close();
});

const input = (more: object = {}): Record<string, unknown> => ({
  operation: 'text_to_video',
  model: 'Skywork/SkyReels-V2-DF-14B-720P',
  prompt: 'a kite',
  duration_seconds: 1,
  references: [],
  ...more,
});

describe('RunPod', () => {
  const run = (body: object, headers: Record<string, string> = AUTH) =>
    call<RunpodJob>(`${runpod}/run`, { headers, json: body });
  const status = (id: string) => call<RunpodJob>(`${runpod}/status/${id}`, { headers: AUTH });
  const ended = (id: string): Promise<RunpodJob> =>
    until(async () => {
      const { body } = await status(id);
      return !['IN_QUEUE', 'IN_PROGRESS'].includes(body.status) && body;
    });

  it('makes a clip, and the bucket asks for no key', async () => {
    const { body } = await run({ input: input({ seed: 5 }), policy: { executionTimeout: 5000, ttl: 60_000 } });
    expect(body).toEqual({ id: expect.any(String) as string, status: 'IN_QUEUE' });
    const done = await ended(body.id);
    expect(done).toMatchObject({ status: 'COMPLETED', output: { warnings: [expect.stringContaining('25 frames')] } });
    const { streams } = probe(await download(done.output?.artifacts?.[0]?.url ?? ''), 'mp4');
    expect(streams).toMatchObject([{ codec_name: 'h264', width: 1280, height: 720, nb_read_frames: '25' }]);
  });

  it('refuses its envelope at once, and lets the worker refuse the input', async () => {
    for (const body of [
      {},
      { input: {} },
      { input: input(), id: 'x' },
      { input: input(), policy: { ttl: 1 } },
      { input: input(), policy: { executiontimeout: 5000 } },
    ])
      expect(await run(body)).toMatchObject({ status: 400, body: { error: expect.any(String) as string } });
    const { body } = await run({ input: input({ duration_seconds: 300 }) });
    const { status: word, error } = await ended(body.id);
    expect([word, JSON.parse(error ?? '') as unknown]).toEqual([
      'FAILED',
      expect.objectContaining({ code: 'INVALID_INPUT', param: 'duration_seconds' }),
    ]);
    expect((await run({ input: input() }, { authorization: 'Bearer x' })).status).toBe(401);
    expect((await run({ input: input() }, { authorization: 'sandbox' })).status).toBe(200);
    expect((await status(randomUUID())).status).toBe(404);
    expect((await call(`${sandbox.url}/gpu/runpod/v2/other/health`, { headers: AUTH })).status).toBe(404);
  });

  it('tells of progress, cancels, purges, and deletes by its ttl', async () => {
    const { body } = await run({ input: input({ prompt: 'x [[sandbox:never]]' }), policy: { ttl: 10_000 } });
    expect((await status(body.id)).body).toMatchObject({ status: 'IN_PROGRESS', output: { progress: 0.5 } });
    expect((await call(`${runpod}/health`, { headers: AUTH })).body).toMatchObject({ jobs: { inProgress: 1 } });
    const post = { method: 'POST', headers: { ...AUTH, 'content-type': 'application/json' } };
    expect((await call(`${runpod}/cancel/${body.id}`, post)).body).toEqual({ id: body.id, status: 'CANCELLED' });
    expect((await call(`${runpod}/purge-queue`, post)).body).toEqual({ removed: 0, status: 'completed' });
  });

  it('rings, unsigned', async () => {
    files.rings.length = 0;
    const { body } = await run({ input: input(), webhook: files.link('ring') });
    const ring = await until(async () => files.rings[0]);
    expect(JSON.parse(ring.body)).toMatchObject({ id: body.id, status: 'COMPLETED' });
    expect(ring.headers['webhook-signature']).toBeUndefined();
  });

  it('shows its switches', async () => {
    for (const marker of ['fail', 'oom', 'policy']) {
      const { body } = await run({ input: input({ prompt: `x [[sandbox:${marker}]]` }) });
      expect((await ended(body.id)).status).toBe('FAILED');
    }
    for (const [marker, code] of [
      ['429', 429],
      ['500', 500],
      ['503', 503],
      ['policy-submit', 400],
    ] as const)
      expect((await run({ input: input({ prompt: `x [[sandbox:${marker}]]` }) })).status).toBe(code);
    const gone = await run({ input: input({ prompt: 'x [[sandbox:expired]]' }) });
    const url = (await ended(gone.body.id)).output?.artifacts?.[0]?.url ?? '';
    expect((await fetch(url)).status).toBe(404);
  });
});

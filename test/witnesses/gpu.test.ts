import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { probe, until } from '../../sandbox/test-client.js';
import type { JsonValue } from '../../src/common/json.js';
import { createEgress } from '../../src/egress/create-egress.js';
import type { Egress } from '../../src/egress/egress.js';
import type { MediaTask, ProviderContext, TaskState } from '../../src/providers/contract.js';
import { gpu } from '../../src/providers/gpu/index.js';
import { readAll } from '../support/provider-wire.js';
import { describeWithPython } from '../support/python.js';

/** The server that docs/gpu-endpoint.md shows, against the adapter: what the page says is what works. */
const SERVER = fileURLToPath(new URL('../../docs/examples/gpu-endpoint/server.py', import.meta.url));
const SECRET = `whsec_${Buffer.from('shared').toString('base64')}`;
const KEY = 'gpu-key';

let egress: Egress;
let rings: { headers: Record<string, string | undefined>; body: Buffer }[];
let receiver: Server;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  rings = [];
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      rings.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks) });
      response.end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});
afterAll(async () => {
  receiver.close();
  await egress?.close();
});

async function start(env: Record<string, string> = {}): Promise<{ endpoint: string; child: ChildProcess }> {
  const child = spawn('python3', [SERVER], {
    env: { ...process.env, PORT: '0', API_KEY: KEY, WEBHOOK_SECRET: SECRET, LINGER_SECONDS: '0.5', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  const endpoint = `http://127.0.0.1:${/listening on (\d+)/.exec(line.toString())?.[1] ?? ''}`;
  await egress?.close();
  egress = createEgress({ configuredOrigins: () => [endpoint], allow: [new URL(endpoint).host] });
  return { endpoint, child };
}

const contextOf = (endpoint: string, more: Partial<ProviderContext> = {}): ProviderContext => ({
  endpoint,
  credential: { kind: 'bearer', token: KEY },
  token: randomUUID(),
  fetch: (url, options) => egress.configured(url, options),
  fetchForeign: (url, options) => egress.foreign(url, options),
  now: () => Date.now(),
  signal: AbortSignal.timeout(30_000),
  keep: async () => {
    throw new Error('this wire keeps nothing');
  },
  ...more,
});

const task = (input: MediaTask['input'] = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'text_to_video',
  model: 'example/test-pattern',
  input: { prompt: 'a kite', ...input },
  references: [],
  options: {},
  settings: { dialect: 'kiln', fields: ['prompt', 'duration_seconds', 'seed'] },
});

const ended = (taskId: JsonValue, ctx: ProviderContext): Promise<Exclude<TaskState, { state: 'pending' }>> =>
  until(async () => {
    const state = await gpu.poll(taskId, ctx);
    return state.state !== 'pending' && state;
  });

const ready = (endpoint: string): Promise<true> =>
  until(async () => (await gpu.load?.(contextOf(endpoint)).catch(() => null)) === 0 && (true as const));

describeWithPython('the documented server', () => {
  test('says that it loads, then makes a clip once a key, rings, and gives it in parts', async () => {
    const { endpoint } = await start({ LOAD_SECONDS: '0.5' });
    await expect(gpu.submit(task(), contextOf(endpoint))).rejects.toMatchObject({
      kind: 'unavailable',
      outcome: 'rejected',
      detail: { retryAfterMs: 30_000 },
    });
    await ready(endpoint);
    const { port } = receiver.address() as AddressInfo;
    const ctx = contextOf(endpoint, { callbackUrl: `http://127.0.0.1:${port}/ring`, callbackSecret: SECRET });
    const { taskId } = await gpu.submit(task({ duration_seconds: 2 }), ctx);
    expect((await gpu.submit(task({ duration_seconds: 2 }), ctx)).taskId).toEqual(taskId);
    await expect(gpu.submit(task({ duration_seconds: 3 }), ctx)).rejects.toMatchObject({
      detail: { upstreamStatus: 409 },
    });
    const state = await ended(taskId, ctx);
    expect(state).toMatchObject({ state: 'succeeded', warnings: ['the clip has 49 frames at 24 fps'] });
    const artifact = state.state === 'succeeded' ? state.artifacts[0] : undefined;
    if (!artifact) throw new Error('no artifact');
    const whole = await readAll((await gpu.openArtifact(artifact, taskId, ctx, 0)).body);
    expect(probe(whole, 'mp4').streams).toMatchObject([{ width: 1280, height: 720, nb_read_frames: '49' }]);
    const rest = await gpu.openArtifact(artifact, taskId, ctx, 1000);
    expect([rest.offset, rest.totalBytes]).toEqual([1000, whole.length]);
    expect(await readAll(rest.body)).toEqual(whole.subarray(1000));

    const ring = await until(async () => rings[0]);
    expect(await gpu.verifyCallback?.(ring, ctx)).toBeNull();
    expect(await gpu.verifyCallback?.({ ...ring, body: Buffer.from('{}') }, ctx)).toEqual(expect.any(String));
  });

  test('refuses by name, and without its key', async () => {
    const { endpoint } = await start();
    await ready(endpoint);
    await expect(gpu.submit(task({ duration_seconds: 500 }), contextOf(endpoint))).rejects.toMatchObject({
      kind: 'invalid_input',
      detail: { param: 'duration_seconds' },
    });
    const stranger = contextOf(endpoint, { credential: null });
    await expect(gpu.submit(task(), stranger)).rejects.toMatchObject({ kind: 'auth' });
  });

  test('cancels between steps, and what waits at once', async () => {
    const { endpoint } = await start({ STEP_SECONDS: '0.1' });
    await ready(endpoint);
    const ctx = contextOf(endpoint);
    const first = await gpu.submit(task({ duration_seconds: 120 }), ctx);
    const waits = contextOf(endpoint);
    const second = await gpu.submit(task(), waits);
    expect(await gpu.poll(second.taskId, waits)).toMatchObject({ state: 'pending', started: false, position: 1 });
    for (const { taskId } of [second, first]) {
      expect(await gpu.cancel?.(taskId, ctx)).toBe('canceled');
      expect(await ended(taskId, ctx)).toMatchObject({ state: 'failed' });
    }
  });

  test('drains: gives back what waits, finishes what runs; after it, the next process knows neither', async () => {
    const { endpoint, child } = await start({ STEP_SECONDS: '0.1' });
    await ready(endpoint);
    const [runs, waits] = [contextOf(endpoint), contextOf(endpoint)];
    const first = await gpu.submit(task({ duration_seconds: 1 }), runs);
    await until(async () => {
      const state = await gpu.poll(first.taskId, runs);
      return state.state === 'pending' && state.started;
    });
    const second = await gpu.submit(task(), waits);
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended(second.taskId, waits)).toMatchObject({ state: 'failed', error: { kind: 'unavailable' } });
    await expect(gpu.submit(task(), contextOf(endpoint))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await ended(first.taskId, runs)).toMatchObject({ state: 'succeeded' });
    expect((await gone)[0]).toBe(0);
    const next = await start();
    await ready(next.endpoint);
    expect(await gpu.poll(first.taskId, contextOf(next.endpoint))).toEqual({ state: 'missing' });
  });
});

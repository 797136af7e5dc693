import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Sandbox, startSandbox } from './server.js';
import { call } from './test-client.js';

const GEMINI = { 'x-goog-api-key': 'sandbox' };
const MODEL = '/gemini/v1beta/models/veo-3.1-fast-generate-preview';
const VEO = { instances: [{ prompt: 'a lighthouse' }], parameters: { durationSeconds: 4 } };

describe('admin', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startSandbox({ speed: 0, comfyInstances: 1 });
  });
  afterAll(() => sandbox.close());

  const arm = (json: object) => call<{ error?: string }>(`${sandbox.url}/_sandbox/faults`, { json });
  const submit = () => call(`${sandbox.url}${MODEL}:predictLongRunning`, { headers: GEMINI, json: VEO });

  it('lists what it emulates and every switch', async () => {
    const { body } = await call<{ emulates: object; switches: { faults: object } }>(sandbox.url);
    expect(Object.keys(body.emulates)).toEqual(['vertex', 'gemini', 'comfyui', 'acestep', 'fal']);
    expect(Object.keys(body.switches.faults)).toContain('truncate');
    expect((await call(`${sandbox.url}/_sandbox/health`)).body).toMatchObject({ status: 'ok' });
  });

  it('arms, lists and clears faults', async () => {
    expect((await arm({ provider: 'gemini', fault: '503', times: 2 })).status).toBe(201);
    expect((await submit()).status).toBe(503);
    expect((await call(`${sandbox.url}/_sandbox/faults`)).body).toEqual({
      faults: [{ provider: 'gemini', fault: '503', times: 1, value: null, match: null }],
    });
    await call(`${sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
    expect((await submit()).status).toBe(200);
  });

  it.each([
    [{ fault: 'polcy' }, /fault must be one of/],
    [{ fault: '429', provider: 'kling' }, /provider must be one of/],
    [{ fault: '429', times: 0 }, /times must be/],
    [{ fault: 'latency' }, /needs a value \(ms\)/],
    [{ fault: '429', often: 2 }, /unknown field often/],
  ])('refuses %j', async (json, message) => {
    const { status, body } = await arm(json);
    expect(status).toBe(400);
    expect(body.error).toMatch(message);
  });

  it('shows what was submitted, with images elided', async () => {
    await call(`${sandbox.url}/_sandbox/requests`, { method: 'DELETE' });
    const image = { bytesBase64Encoded: 'A'.repeat(4_000), mimeType: 'image/png' };
    await call(`${sandbox.url}${MODEL}:predictLongRunning`, {
      headers: GEMINI,
      json: { instances: [{ prompt: 'x', image }] },
    });
    await submit();
    const { body } = await call(`${sandbox.url}/_sandbox/requests?provider=gemini`);
    expect(body).toMatchObject({
      counts: { gemini: { submits_accepted: 1, submits_refused: 1 } },
      requests: [
        { outcome: 'refused', body: { instances: [{ image: { bytesBase64Encoded: '<base64, 4000 characters>' } }] } },
        { outcome: 'accepted', taskId: expect.stringContaining('operations/') as string, body: VEO },
      ],
    });
    expect((await call(`${sandbox.url}/_sandbox/requests?provider=kling`)).status).toBe(400);
  });

  it('changes its speed', async () => {
    expect((await call(`${sandbox.url}/_sandbox/speed`, { json: { speed: 'fast' } })).status).toBe(400);
    expect((await call(`${sandbox.url}/_sandbox/speed`, { json: { speed: 0.5 } })).body).toEqual({ speed: 0.5 });
    expect(sandbox.clock.speed).toBe(0.5);
  });
});

describe('data folder', () => {
  it("keeps Google's operations over a restart", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'kiln-sandbox-test-'));
    const before = await startSandbox({ speed: 0, dataDir });
    const { body } = await call<{ name: string }>(`${before.url}${MODEL}:predictLongRunning`, {
      headers: GEMINI,
      json: VEO,
    });
    await before.close();
    const after = await startSandbox({ speed: 0, dataDir });
    expect((await call(`${after.url}/gemini/v1beta/${body.name}`, { headers: GEMINI })).body).toMatchObject({
      done: true,
    });
    await after.close();
    await rm(dataDir, { recursive: true });
  });
});

describe('main', () => {
  // Inside the repository, so that the compiled files find the packages.
  const built = resolve('node_modules/.cache/sandbox-test');
  const main = join(built, 'sandbox/main.js');
  beforeAll(async () => {
    await rm(built, { recursive: true, force: true });
    execFileSync(process.execPath, [
      resolve('node_modules/@swc/cli/bin/swc.js'),
      'sandbox',
      '-d',
      built,
      '--config-file',
      '.swcrc',
    ]);
  });
  afterAll(() => rm(built, { recursive: true, force: true }));

  async function start(environment: Record<string, string>) {
    const child = spawn(process.execPath, [main], {
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
    const line = await new Promise<string>((done) => createInterface(child.stdout).once('line', done));
    return { child, exited, url: (JSON.parse(line) as { url: string }).url };
  }

  it('prints its address and stops on SIGTERM', async () => {
    const { child, exited, url } = await start({ SANDBOX_SPEED: '0.25', SANDBOX_KEY: 'k' });
    expect((await call(`${url}/_sandbox/health`)).body).toMatchObject({ speed: 0.25 });
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  it('ends with its parent', async () => {
    const { child, exited } = await start({ SANDBOX_PARENT: '1' });
    child.stdin.end();
    expect(await exited).toBe(0);
  });

  it('names a wrong variable', () => {
    expect(() => execFileSync(process.execPath, [main], { env: { SANDBOX_SPEED: 'fast' }, stdio: 'pipe' })).toThrow(
      /SANDBOX_SPEED must be a number/,
    );
  });
});

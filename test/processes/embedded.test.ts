import { rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { newFolder, run, startAll, type KilnProcess } from '../support/process.js';

const started: KilnProcess[] = [];
const folders: string[] = [];

async function start(folder: string, env: Record<string, string> = {}) {
  const kiln = await startAll(folder, env);
  started.push(kiln);
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a test names what it asked for
  const call = async <T = JobView>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(kiln.url + path, {
      method,
      headers: {
        authorization: `Bearer ${kiln.key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as T };
  };
  return { ...kiln, call };
}

async function folder(): Promise<string> {
  const dir = await newFolder();
  folders.push(dir);
  return dir;
}

/** Whether a PostgreSQL works on this folder. */
const hasPostgres = (dir: string): boolean => spawnSync('pgrep', ['-f', '--', `-D ${dir}/postgres`]).status === 0;

/** Follows the event stream to its end. */
async function untilTerminal(kiln: Awaited<ReturnType<typeof start>>, id: string): Promise<JobView> {
  await (await fetch(`${kiln.url}/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${kiln.key}` } })).text();
  return (await kiln.call('GET', `/v1/jobs/${id}`)).body;
}

afterEach(async () => {
  for (const process of started.splice(0)) {
    process.child.kill('SIGTERM');
    await process.ended;
  }
  for (const dir of folders.splice(0)) await rm(dir, { recursive: true, force: true });
});

test('starts with no environment, names a second owner, stops cleanly and keeps everything', async () => {
  const dir = await folder();
  const first = await start(dir);
  expect(first.output()).toContain(`${first.url}/docs`);
  expect(hasPostgres(dir)).toBe(true);
  expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${first.url}/docs`)).status).toBe(200);
  const models = await first.call<{ data: { id: string }[] }>('GET', '/v1/models');
  expect(models.body.data.map((model) => model.id)).toEqual(
    expect.arrayContaining(['veo-3.1', 'veo-3.1-fast', 'wan-2.2', 'flux-dev', 'ace-step']),
  );
  const done = await first.call(
    'POST',
    '/v1/jobs',
    { model: 'flux-dev', input: { prompt: 'a stone', size: '256x256' } },
    { prefer: 'wait=30' },
  );
  expect(done.body.error).toBeNull();
  expect(done).toMatchObject({ status: 200, body: { status: 'succeeded' } });

  const second = run('src/main.js', { KILN_DATA_DIR: dir, PORT: '0' });
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain(`pid ${first.child.pid}`);
  expect(second.output()).toContain(first.url);

  first.child.kill('SIGTERM');
  expect(await first.ended).toBe(0);
  expect(hasPostgres(dir)).toBe(false);

  const again = await start(dir);
  expect(again.key).toBe(first.key);
  expect((await again.call('GET', `/v1/jobs/${done.body.id}`)).body.status).toBe('succeeded');
});

test('kill -9 in the middle of a generation loses nothing and buys nothing twice', async () => {
  const dir = await folder();
  const first = await start(dir);
  const job = await first.call('POST', '/v1/jobs', {
    model: 'veo-3.1',
    input: { prompt: 'a kite [[sandbox:latency=4000]]', duration_seconds: 4 },
  });
  const events = await fetch(`${first.url}/v1/jobs/${job.body.id}/events`, {
    headers: { authorization: `Bearer ${first.key}` },
  });
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let seen = ''; !seen.includes('"stage":"generating"') && !seen.includes('event: job.generating');) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the stream ended: ${seen}`);
    seen += value;
  }
  first.child.kill('SIGKILL');
  await first.ended;
  await reader.cancel().catch(() => undefined);

  const again = await start(dir, { KILN_CLAIM_LEASE_MS: '1000' });
  const ended = await untilTerminal(again, job.body.id);
  expect(ended.error).toBeNull();
  expect(ended.status).toBe('succeeded');
  expect(ended.attempts).toHaveLength(1);
  expect(ended.cost.charged_micro_usd).toBe(ended.cost.held_micro_usd);
});

test('SIGTERM: not ready at once, waiting requests are answered, the job goes on after the next start', async () => {
  const dir = await folder();
  const first = await start(dir, { KILN_DRAIN_DELAY_MS: '300' });
  const body = { model: 'veo-3.1', input: { prompt: 'fog [[sandbox:latency=3000]]', duration_seconds: 4 } };
  const job = await first.call('POST', '/v1/jobs', body);
  const stream = fetch(`${first.url}/v1/jobs/${job.body.id}/events`, {
    headers: { authorization: `Bearer ${first.key}` },
  }).then((response) => response.text());
  const waiting = first.call('POST', '/v1/jobs', body, { prefer: 'wait=60', 'idempotency-key': 'one' });
  // The waiting request has its job once that job is listed.
  for (let n = 0; n < 2;) n = (await first.call<{ data: unknown[] }>('GET', '/v1/jobs')).body.data.length;

  first.child.kill('SIGTERM');
  await first.printed(/not ready any more/);
  expect((await fetch(`${first.url}/readyz`)).status).toBe(503);
  expect((await waiting).status).toBe(202);
  expect(await stream).toMatch(/retry: \d+\n\n$/);
  expect(await first.ended).toBe(0);

  const again = await start(dir);
  const rejoined = await again.call('POST', '/v1/jobs', body, { prefer: 'wait=60', 'idempotency-key': 'one' });
  expect(rejoined).toMatchObject({ status: 200, body: { id: (await waiting).body.id, status: 'succeeded' } });
  expect((await untilTerminal(again, job.body.id)).status).toBe('succeeded');
});

test('a wrong variable stops the start with its name and what is allowed', async () => {
  const dir = await folder();
  const wrong = run('src/main.js', { KILN_DATA_DIR: dir, PORT: 'banana', KILN_ROLE: 'chef' });
  expect(await wrong.ended).toBe(1);
  expect(wrong.output()).toMatch(/PORT is "banana"; allowed is/);
  expect(wrong.output()).toMatch(/KILN_ROLE is "chef"; allowed is/);
  const half = run('src/main.js', { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/x', KILN_DATA_DIR: dir });
  expect(await half.ended).toBe(1);
  expect(half.output()).toMatch(/KILN_SECRET is not set/);
  expect(half.output()).toMatch(/KILN_PUBLIC_URL is not set/);
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import type { FaultPoint } from '../../src/jobs/store/fault-points.js';
import { OBJECT_STORE, type ObjectStore } from '../../src/storage/object-store.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import {
  bought,
  expectBooks,
  attemptsOf,
  image,
  jobRow,
  newPrompt,
  reconcile,
  seen,
  settled,
  statesOf,
  timePasses,
  toldOps,
  until,
  video,
} from './engine-harness.js';

/** One job that stands at one point when its worker is killed. */
interface Case {
  point: FaultPoint;
  prompt: string;
  id: string;
}

let ground: Ground;
let env: Record<string, string>;
let kiln: Kiln;
let worker: ChildProcess;
let receiver = '';
const cases = new Map<string, Case>();

const post = async (
  at: Kiln,
  name: string,
  point: FaultPoint,
  body: (prompt: string) => Record<string, unknown>,
): Promise<void> => {
  const prompt = newPrompt(name);
  const { id } = await at.post({ ...body(prompt), webhook: { url: receiver } });
  cases.set(name, { point, prompt, id });
};
const the = (name: string): Case => {
  const found = cases.get(name);
  if (!found) throw new Error(`no case ${name}`);
  return found;
};

/** A worker process with a crash prepared for each case. */
async function startWorker(): Promise<ChildProcess> {
  const crashAt = Object.fromEntries([...cases.values()].map(({ id, point }) => [id, point]));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-worker.mjs')], {
    env: {
      ...env,
      PATH: process.env['PATH'] ?? '',
      TEST_LOG: process.env['TEST_LOG'] ?? '',
      KILN_DATA_DIR: ground.dir,
      KILN_QUEUE_PREFIX: ground.dir.replaceAll(/\W/g, ''),
      PORT: String(ground.port),
      CRASH_AT: JSON.stringify(crashAt),
      TEST_DATABASE_URL: ground.db.url,
      TEST_SANDBOX_URL: ground.sandbox.url,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

async function allReached(child: ChildProcess): Promise<void> {
  const wanted = new Set([...cases.values()].map(({ point, id }) => `reached ${point} ${id}`));
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    for (const line of text.split('\n')) wanted.delete(line);
    if (wanted.size === 0) return;
  }
  throw new Error(`the worker ended before ${[...wanted].join(', ')}`);
}

/** Posts one job for each point, lets a worker bring all of them there, and kills it. */
beforeAll(async () => {
  ground = await newGround();
  const catalog = join(ground.dir, 'overlay.yaml');
  await writeFile(catalog, 'lanes: { comfyui: { per_endpoint: 8 } }\n');
  env = { KILN_CATALOG: catalog, KILN_CLAIM_LEASE_MS: '1000', KILN_EGRESS_ALLOW: `127.0.0.1:${ground.port}` };
  receiver = `http://127.0.0.1:${ground.port}/healthz`;
  const api = await startKiln({ ground, env, workers: false });
  await execute(api.database, sql`UPDATE lane SET state = 'paused'`);
  await post(api, 'leased', 'submit.leased', image);
  await post(api, 'answered', 'submit.answered', image);
  await post(api, 'saved', 'submit.saved', image);
  await post(api, 'half', 'store.half', image);
  await post(api, 'stored', 'store.stored', image);
  await post(api, 'derived', 'process.derived', image);
  await post(api, 'ended', 'end.committed', image);
  await post(api, 'google leased', 'submit.leased', video);
  await post(api, 'google answered', 'submit.answered', video);
  await post(api, 'google next', 'submit.answered', (prompt) => video(prompt, { routing: { on_unknown: 'next' } }));
  await post(api, 'google saved', 'submit.saved', video);
  await api.close();

  worker = await startWorker();
  const reached = allReached(worker);
  const { Client } = await import('pg');
  const client = new Client({ connectionString: ground.db.url });
  await client.connect();
  await client.query(`UPDATE lane SET state = 'open'`);
  await client.end();
  await reached;
  const ended = once(worker, 'exit');
  worker.kill('SIGKILL');
  await ended;

  kiln = await startKiln({ ground, env, secret: api.secret });
  for (const { id } of cases.values()) await timePasses(kiln.database, id);
  await reconcile(kiln);
}, 90_000);
afterAll(async () => {
  worker?.kill('SIGKILL');
  await kiln?.close();
  await dropGround(ground);
});

describe('a worker killed', () => {
  test.each(['leased', 'answered', 'saved', 'half', 'stored', 'derived', 'ended'])(
    '%s: the image is made once and paid once',
    async (name) => {
      const { id, prompt } = the(name);
      const done = await settled(kiln, id);
      expect(done.error).toBeNull();
      expect(done).toMatchObject({ status: 'succeeded', outputs: [{ type: 'image' }] });
      expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
      expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
      expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
      await expectBooks(kiln, id, ['settle']);
      expect((await fetch(done.outputs[0]!.url!)).status).toBe(200);
      expect(await queryRows(kiln.database, sql`SELECT event FROM webhook_delivery WHERE job_id = ${id}`)).toEqual([
        { event: 'job.succeeded' },
      ]);
    },
  );

  test('with half an artifact stored, the row names the winner', async () => {
    for (const name of ['half', 'stored']) {
      const { id } = the(name);
      await settled(kiln, id);
      const row = await queryRow<{ key: string }>(
        kiln.database,
        sql`SELECT object_key AS key FROM output WHERE job_id = ${id}`,
      );
      const keys: string[] = [];
      for await (const object of kiln.app.get<ObjectStore>(OBJECT_STORE).list(`outputs/${id}/`)) keys.push(object.key);
      expect(keys).toContain(row?.key);
      const originals = keys.filter((key) => key.endsWith('/0.png'));
      expect(originals).toHaveLength(name === 'stored' ? 2 : 1);
    }
  });

  test('a saved task is polled on, with one submit', async () => {
    const { id, prompt } = the('google saved');
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(1);
    await expectBooks(kiln, id, ['settle']);
  });

  test.each([
    ['google leased', 0],
    ['google answered', 1],
  ])('%s: nobody can say whether it was bought, so it is never sent again, and lost in the end', async (name, buys) => {
    const { id, prompt } = the(name);
    await until('the attempt is unknown', async () => {
      await reconcile(kiln);
      return (await statesOf(kiln.database, id))[0] === 'unknown';
    });
    expect(await kiln.get(id)).toMatchObject({
      status: 'running',
      stage: 'submitting',
      cost: { charged_micro_usd: null },
    });
    expect(await toldOps(kiln.database, id)).toEqual(['attempt.unknown']);
    // unknown_ttl later
    await execute(
      kiln.database,
      sql`UPDATE attempt SET created_at = created_at - interval '25 hours' WHERE job_id = ${id}`,
    );
    await timePasses(kiln.database, id);
    const done = await settled(kiln, id);
    expect(done).toMatchObject({
      status: 'failed',
      error: { code: 'outcome_unknown', retryable: true },
      cost: { charged_micro_usd: 0 },
    });
    expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(buys);
    expect(await seen(kiln.sandbox, 'gemini', prompt)).toBe(0);
    expect(await statesOf(kiln.database, id)).toEqual(['lost']);
    expect(await toldOps(kiln.database, id)).toEqual(['attempt.unknown', 'attempt.lost']);
    await expectBooks(kiln, id, ['release']);
  });

  test('on_unknown: next goes on at once; the one left behind is closed later and costs nothing', async () => {
    const { id, prompt } = the('google next');
    const done = await kiln.finished(id);
    expect(done).toMatchObject({ status: 'succeeded', error: null, route: { id: 'veo-3.1/gemini' } });
    expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
    expect(await bought(kiln.sandbox, 'vertex', prompt)).toBe(1);
    expect(await bought(kiln.sandbox, 'gemini', prompt)).toBe(1);
    expect(await statesOf(kiln.database, id)).toEqual(['unknown', 'succeeded']);
    await execute(
      kiln.database,
      sql`UPDATE attempt SET created_at = created_at - interval '25 hours', wake_at = now() WHERE job_id = ${id} AND state = 'unknown'`,
    );
    await settled(kiln, id);
    expect((await attemptsOf(kiln.database, id)).map(({ state }) => state)).toEqual(['lost', 'succeeded']);
    expect((await jobRow(kiln.database, id)).wakeAt).toBeNull();
    await expectBooks(kiln, id, ['settle']);
  });
});

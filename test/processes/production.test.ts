import { rm } from 'node:fs/promises';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.js';
import { newFolder, run, type KilnProcess } from '../support/process.js';
import { startRedis } from '../support/redis.js';
import { startS3 } from '../support/s3.js';
import { spawnSandbox } from '../support/sandbox.js';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step();
});

function started(process: KilnProcess): KilnProcess {
  cleanUp.push(async () => {
    process.child.kill('SIGTERM');
    await process.ended;
  });
  return process;
}

test('migrate, api and worker are processes of their own, on given servers', async () => {
  const dir = await newFolder();
  cleanUp.push(() => rm(dir, { recursive: true, force: true }));
  const database: TestDatabase = await createEmptyDatabase();
  cleanUp.push(() => database.drop());
  const s3 = await startS3();
  cleanUp.push(() => s3.close());
  const redis = await startRedis();
  if (redis) cleanUp.push(() => redis.close());
  const sandbox = await spawnSandbox(dir, 0.02);
  cleanUp.push(() => sandbox.close());
  const env = {
    DATABASE_URL: database.url,
    ...(redis ? { REDIS_URL: redis.url } : {}),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    S3_ACCESS_KEY_ID: s3.accessKeyId,
    S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    KILN_SECRET: 'kQ7vXcW2mN9pRtY4uJ8sLfH3gD6aZb1e',
    KILN_ADMIN_KEY: 'admin-key-of-this-test-0123456789',
    KILN_DATA_DIR: dir,
    KILN_DRAIN_DELAY_MS: '0',
    KILN_ENDPOINTS_COMFYUI: `${sandbox.url}/comfyui/0,${sandbox.url}/comfyui/1`,
    HOST: '127.0.0.1',
  };
  const migrated = run('src/main.js', env, ['migrate']);
  expect([await migrated.ended, migrated.output()]).toEqual([0, expect.stringContaining('migrations were applied')]);

  const port = String(20_000 + (process.pid % 20_000));
  const url = `http://127.0.0.1:${port}`;
  const roles = { ...env, PORT: port, KILN_PUBLIC_URL: url };
  const api = started(run('src/main.js', roles, ['api']));
  const worker = started(run('src/main.js', roles, ['worker']));
  await Promise.all([api.printed(/"msg":"ready"/), worker.printed(/"msg":"ready"/)]);
  expect(api.output()).toContain('route veo-3.1/vertex is disabled');

  const admin = { authorization: `Bearer ${env.KILN_ADMIN_KEY}`, 'content-type': 'application/json' };
  const made = (await (
    await fetch(`${url}/admin/keys`, { method: 'POST', headers: admin, body: JSON.stringify({ name: 'app' }) })
  ).json()) as { key: string };
  const headers = { authorization: `Bearer ${made.key}`, 'content-type': 'application/json', prefer: 'wait=30' };
  const response = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'flux-dev', input: { prompt: 'a bridge', size: '256x256' } }),
  });
  const job = (await response.json()) as JobView;
  expect(job.error).toBeNull();
  expect(job).toMatchObject({ status: 'succeeded', sandbox: false });
  const picture = await fetch(job.outputs[0]!.url!);
  expect(new URL(picture.url).origin).toBe(new URL(s3.endpoint).origin);
  expect(picture.headers.get('content-type')).toBe('image/png');

  for (const process of [api, worker]) {
    process.child.kill('SIGTERM');
    expect(await process.ended).toBe(0);
  }
});

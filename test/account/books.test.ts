import { readFile } from 'node:fs/promises';
import { newId } from '../../src/common/ids.js';
import { execute, queryRow, queryRows, sql, sqlRaw } from '../../src/database/database.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import { as } from '../api/harness.js';
import { expectBooks, settled } from '../jobs/engine-harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { booksOf, read, type UsageAnswer } from './harness.js';

const PICTURE = { model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } };

let kiln: Kiln;
let keyId: string;
/** Ids of what was asked for. */
const made = { chat: '', failed: '', picture: '', facade: '', refused: '', canceled: '', replayed: '' };

const header = (headers: Headers, name: string): string => headers.get(name) ?? '';
const chat = (content: string) =>
  kiln.call('POST', '/v1/chat/completions', { model: 'gpt-5.4', messages: [{ role: 'user', content }] });
const lane = async (state: string): Promise<void> =>
  void (await execute(kiln.database, sql`UPDATE lane SET state = ${state}`));

beforeAll(async () => {
  kiln = await startKiln();
  made.chat = header((await chat('hello')).headers, 'x-request-id');
  made.failed = header((await chat('[[sandbox:context-length]]')).headers, 'x-request-id');
  await kiln.call('POST', '/v1/embeddings', { model: 'text-embedding-3-small', input: 'hello' });
  made.picture = (await kiln.post(PICTURE)).id;
  const facade = await kiln.call('POST', '/v1/images/generations', {
    model: 'flux-dev',
    prompt: 'a fox',
    size: '256x256',
  });
  made.facade = header(facade.headers, 'x-request-id');
  made.refused = (await kiln.post({ ...PICTURE, input: { prompt: '[[sandbox:policy]]' } })).id;
  for (const id of [made.picture, made.refused]) await kiln.finished(id);
  await lane('paused');
  for (const name of ['canceled', 'replayed'] as const) {
    made[name] = (await kiln.post(PICTURE)).id;
    await kiln.call('POST', `/v1/jobs/${made[name]}/cancel`);
  }
  await kiln.call('POST', `/v1/jobs/${made.replayed}/replay`);
  await lane('open');
  await settled(kiln, made.replayed);
  const row = await queryRow<{ keyId: string }>(kiln.database, sql`SELECT key_id AS "keyId" FROM job LIMIT 1`);
  keyId = row?.keyId ?? '';
});
afterAll(async () => kiln.drop());

interface Kept {
  id: string;
  endpoint: string;
  status: string;
  http: number;
  images: number;
  charged: number;
  code: string | null;
}
const kept = (): Promise<Kept[]> =>
  queryRows<Kept>(
    kiln.database,
    sql`SELECT id, endpoint, status, http_status AS http, images::int AS images, charged_micro_usd::float8 AS charged, error_code AS code
        FROM usage_record WHERE id LIKE 'job\\_%' ORDER BY created_at`,
  );

test('each run of a job has one record, whatever became of it', async () => {
  const price = Number((await kiln.get(made.picture)).cost.charged_micro_usd);
  expect(price).toBeGreaterThan(0);
  const facadeJob = (await read<{ job_id: string }>(kiln, `/v1/requests/${made.facade}`)).job_id;
  const job = { endpoint: 'jobs', http: 200, images: 0, charged: 0, code: null };
  const records = await kept();
  expect(records).toHaveLength(6);
  expect(records).toEqual(
    expect.arrayContaining([
      { ...job, id: made.picture, status: 'ok', images: 1, charged: price },
      { ...job, id: facadeJob, endpoint: 'images.generations', status: 'ok', images: 1, charged: price },
      { ...job, id: made.refused, status: 'failed', code: 'content_policy' },
      { ...job, id: made.canceled, status: 'canceled' },
      { ...job, id: made.replayed, status: 'canceled' },
      { ...job, id: `${made.replayed}/2`, status: 'ok', images: 1, charged: price },
    ]),
  );
});

test('what was spent, settled and used is one sum', async () => {
  const { spent, settled: settles, used } = await booksOf(kiln, keyId);
  expect(spent).toBeGreaterThan(0);
  expect({ settles, used }).toEqual({ settles: spent, used: spent });
  const { total, data } = await read<UsageAnswer>(kiln, '/v1/usage?group_by=model');
  expect(total).toMatchObject({
    requests: 9,
    succeeded: 5,
    failed: 2,
    canceled: 2,
    charged_micro_usd: spent,
    images: 3,
  });
  expect(data.map(({ model }) => model)).toEqual(['flux-dev', 'gpt-5.4', 'text-embedding-3-small']);
  expect(data.reduce((sum, row) => sum + row.charged_micro_usd, 0)).toBe(spent);
  await expectBooks(kiln, made.replayed, ['release', 'settle']);
});

test('clips are counted in seconds', async () => {
  const { id } = await kiln.post({ model: 'veo-3.1', input: { prompt: 'a fox', duration_seconds: 4 } });
  const { outputs } = await kiln.finished(id);
  const { usage } = await read<{ usage: Record<string, number> }>(kiln, `/v1/requests/${id}`);
  expect(usage['media_seconds']).toBeGreaterThan(0);
  expect(usage['media_seconds']).toBe(outputs[0]?.duration_seconds);
});

test('a video is told by the endpoint that asked for it', async () => {
  const fox = { model: 'seedance-2', prompt: 'a fox', seconds: '4', resolution: '480p' };
  const { body } = await kiln.call<{ id: string }>('POST', '/v1/videos', fox);
  await kiln.finished(body.id.replace('video_', 'job_'));
  const remix = await kiln.call<{ id: string }>('POST', `/v1/videos/${body.id}/remix`, { prompt: '[[sandbox:never]]' });
  for (const [id, endpoint] of [
    [body.id, 'videos'],
    [remix.body.id, 'videos.remix'],
  ] as const)
    expect(await read(kiln, `/v1/requests/${id.replace('video_', 'job_')}`)).toMatchObject({ endpoint });
  const job = remix.body.id.replace('video_', 'job_');
  await kiln.call('POST', `/v1/jobs/${job}/cancel`);
  await settled(kiln, job);
});

test('an attempt that ends after its job is a cost of it, and no charge', async () => {
  const cost = () =>
    queryRow<{ cost: bigint; charged: bigint }>(
      kiln.database,
      sql`SELECT upstream_cost_micro_usd AS cost, charged_micro_usd AS charged FROM usage_record WHERE id = ${made.picture}`,
    );
  const before = await cost();
  expect(before?.cost).toBe(0n);
  const stray = newId('att');
  await execute(
    kiln.database,
    sql`INSERT INTO attempt (id, job_id, key_id, run, seq, lane, route, provider, model, endpoint, token, state)
        SELECT ${stray}, job_id, key_id, run, seq + 1, lane, route || '{"sandbox": false}', provider, model, endpoint, token, 'orphan'
        FROM attempt WHERE job_id = ${made.picture}`,
  );
  await kiln.app.get(Outcomes).closeAttempt(made.picture, stray, { state: 'succeeded', upstreamCostMicroUsd: 77 });
  expect(await cost()).toEqual({ ...before, cost: 77n });
});

test('what old code closed without a record gets one from the migration', async () => {
  const before = await kept();
  await execute(kiln.database, sql`DELETE FROM usage_record WHERE id LIKE 'job\\_%'`);
  const migration = await readFile('prisma/migrations/20261126000600_usage/migration.sql', 'utf8');
  const backfill = migration.slice(migration.indexOf('INSERT INTO'));
  for (const _again of [1, 2]) await execute(kiln.database, sqlRaw(backfill));
  const { spent, used } = await booksOf(kiln, keyId);
  expect(used).toBe(spent);
  const byId = (rows: Kept[]) =>
    rows.map((row) => ({ ...row, endpoint: 'jobs' })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(byId(await kept())).toEqual(byId(before));
});

test('a job over midnight is used on the day it was accepted', async () => {
  await lane('paused');
  const { secret } = await kiln.newKey();
  const { body } = await kiln.call<{ id: string }>('POST', '/v1/jobs', PICTURE, as(secret));
  await execute(
    kiln.database,
    sql`WITH moved AS (UPDATE ledger_entry SET day = day - 1 WHERE work_id = ${body.id} RETURNING key_id)
        UPDATE budget_day SET day = day - 1 FROM moved WHERE budget_day.key_id = moved.key_id`,
  );
  await lane('open');
  await settled(kiln, body.id);
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const { data } = await read<UsageAnswer>(kiln, '/v1/usage', secret);
  expect(data).toMatchObject([{ date: yesterday, model: 'flux-dev', succeeded: 1 }]);
  expect(await read(kiln, `/v1/budget/proof?date=${yesterday}`, secret)).toMatchObject({
    balanced: true,
    usage: { records: 1 },
  });
  expect(await read(kiln, '/v1/budget', secret)).toMatchObject({ spent_micro_usd: 0, held_micro_usd: 0 });
});

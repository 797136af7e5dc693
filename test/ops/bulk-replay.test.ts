import { Catalog } from '../../src/catalog/catalog.service.js';
import { Database, execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import type { ReplayBatchView } from '../../src/jobs/admin/replay-batches.js';
import { ReplayBatches } from '../../src/jobs/admin/replay-batches.js';
import { ReplayBatchesRepository, type ReplayBatchRow } from '../../src/jobs/admin/replay-batches.repository.js';
import { Admission } from '../../src/jobs/admission/admission.js';
import { JobReplay } from '../../src/jobs/api/replay.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import { Logger } from '../../src/telemetry/logger.js';
import { type Kiln, startKiln } from '../support/kiln.js';

let kiln: Kiln;
let db: Database;
beforeAll(async () => {
  // No workers: what a batch does is then only what the test asks for.
  kiln = await startKiln({ workers: false });
  db = kiln.database;
});
afterAll(async () => kiln.drop());

const batches = (): ReplayBatches => kiln.app.get(ReplayBatches);

const fail = async (id: string, code: string): Promise<void> => {
  const error = { code, message: 'it failed', param: null, retryable: true };
  const ended = await kiln.app.get(Outcomes).end({ jobId: id, transition: 'failed', error });
  if (!ended) throw new Error(`${id} could not be failed`);
};

async function failedJobs(count: number, code: string): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const { id } = await kiln.post({
      model: 'veo-3.1',
      input: { prompt: `number ${n}`, duration_seconds: 4, resolution: '720p' },
    });
    await fail(id, code);
    ids.push(id);
  }
  return ids;
}

const replay = (body: Record<string, unknown>) =>
  kiln.call<ReplayBatchView & { count: number; sample_ids: string[] }>('POST', '/admin/jobs/replay', body);
const progress = async (id: string): Promise<ReplayBatchView> =>
  (await kiln.call<ReplayBatchView>('GET', `/admin/replays/${id}`)).body;
const runs = async (ids: string[]): Promise<number[]> => {
  const rows = await queryRows<{ id: string; run: number }>(db, sql`SELECT id, run FROM job WHERE id = ANY(${ids})`);
  return ids.map((id) => rows.find((row) => row.id === id)?.run ?? 0);
};
const holds = async (id: string): Promise<number[]> =>
  (
    await queryRows<{ run: number }>(
      db,
      sql`SELECT run FROM ledger_entry WHERE work_id = ${id} AND kind = 'hold' ORDER BY run`,
    )
  ).map(({ run }) => run);

test('a dry run tells how many and for how much, and changes nothing', async () => {
  const ids = await failedJobs(3, 'dry');
  const price = (await kiln.get(ids[0]!)).cost.held_micro_usd;
  expect(price).toBeGreaterThan(0);
  const { status, body } = await replay({ filter: { error_code: 'dry' }, dry_run: true });
  expect(status).toBe(200);
  expect(body).toEqual({ object: 'replay_preview', count: 3, cost_micro_usd: 3 * price, sample_ids: ids });
  expect((await replay({ filter: { error_code: 'dry' }, dry_run: true, limit: 2 })).body).toMatchObject({ count: 2 });
  await batches().runDue();
  expect(await runs(ids)).toEqual([1, 1, 1]);
});

test('a batch replays the oldest that fit, each with a new hold; the same request again takes the rest', async () => {
  const ids = await failedJobs(3, 'some');
  const first = await replay({ filter: { error_code: 'some' }, limit: 2 });
  expect(first.status).toBe(202);
  expect(first.headers.get('location')).toBe(`/admin/replays/${first.body.id}`);
  expect(first.body).toMatchObject({ object: 'replay_batch', status: 'running', total: 2, done: 0 });
  await batches().runDue();
  expect(await progress(first.body.id)).toMatchObject({ status: 'done', done: 2, skipped: 0, total: 2 });
  expect(await runs(ids)).toEqual([2, 2, 1]);
  expect(await holds(ids[0]!)).toEqual([1, 2]);

  const second = await replay({ filter: { error_code: 'some' } });
  expect(second.body.total).toBe(1);
  await batches().runDue();
  expect(await runs(ids)).toEqual([2, 2, 2]);
  expect((await replay({ filter: { error_code: 'some' } })).body).toMatchObject({ total: 0, status: 'done' });
  const list = await kiln.call<{ data: { id: string }[] }>('GET', '/admin/replays?limit=100');
  expect(list.body.data.map(({ id }) => id)).toEqual(expect.arrayContaining([first.body.id, second.body.id]));
});

/** Dies after the nth job was replayed and before the cursor moved over it. */
class Dying extends ReplayBatchesRepository {
  left: number;
  constructor(database: Database, after: number) {
    super(database);
    this.left = after;
  }
  override async advance(...args: Parameters<ReplayBatchesRepository['advance']>): Promise<ReplayBatchRow | null> {
    this.left -= 1;
    if (this.left === 0) throw new Error('killed');
    return super.advance(...args);
  }
}

test('a killed batch goes on, and replays nothing twice even where a job failed again meanwhile', async () => {
  const ids = await failedJobs(5, 'crash');
  const { body } = await replay({ filter: { error_code: 'crash' } });
  const { app } = kiln;
  const dying = new ReplayBatches(new Dying(db, 3), app.get(JobReplay), app.get(Catalog), app.get(Logger));
  await expect(dying.runDue()).rejects.toThrow('killed');
  expect(await runs(ids)).toEqual([2, 2, 2, 1, 1]);
  expect(await progress(body.id)).toMatchObject({ status: 'running', done: 2 });
  // The third is behind the cursor, and fits the filter again.
  await fail(ids[2]!, 'crash');

  await batches().runDue();
  expect(await runs(ids)).toEqual([2, 2, 2, 1, 1]); // still the dead worker's claim
  await execute(db, sql`UPDATE replay_batch SET claim_until = now() - interval '1 second' WHERE id = ${body.id}`);
  await batches().runDue();
  expect(await runs(ids)).toEqual([2, 2, 2, 2, 2]);
  expect(await progress(body.id)).toMatchObject({
    status: 'done',
    total: 5,
    done: 4,
    skipped: 1,
    skip_reasons: { changed_meanwhile: 1 },
  });
});

test('workers at the same time replay each job once', async () => {
  const ids = await failedJobs(6, 'race');
  const { body } = await replay({ filter: { error_code: 'race' } });
  await Promise.all([batches().runDue(), batches().runDue(), batches().runDue()]);
  expect(await runs(ids)).toEqual([2, 2, 2, 2, 2, 2]);
  expect(await progress(body.id)).toMatchObject({ status: 'done', done: 6, skipped: 0 });
});

test('a stopping worker gives the batch back', async () => {
  const ids = await failedJobs(2, 'stop');
  const { body } = await replay({ filter: { ids } });
  await batches().runDue(AbortSignal.abort());
  expect(await runs(ids)).toEqual([1, 1]);
  const stopping = new AbortController();
  class Stopping extends ReplayBatchesRepository {
    override async advance(...args: Parameters<ReplayBatchesRepository['advance']>): Promise<ReplayBatchRow | null> {
      stopping.abort();
      return super.advance(...args);
    }
  }
  const { app } = kiln;
  await new ReplayBatches(new Stopping(db), app.get(JobReplay), app.get(Catalog), app.get(Logger)).runDue(
    stopping.signal,
  );
  expect(await runs(ids)).toEqual([2, 1]);
  await batches().runDue();
  expect(await runs(ids)).toEqual([2, 2]);
  expect(await progress(body.id)).toMatchObject({ status: 'done', done: 2 });
});

test('what cannot be replayed is skipped with its reason', async () => {
  const [removed, fine] = await failedJobs(2, 'skip');
  const { id: open } = await kiln.post({ model: 'flux-dev', input: { prompt: 'a fox' } });
  const row = await queryRow<{ lane: string }>(db, sql`SELECT lane FROM job WHERE id = ${open}`);
  await kiln.app.get(Admission).admit(row?.lane ?? '');
  await execute(db, sql`UPDATE attempt SET state = 'unknown' WHERE job_id = ${open}`);
  await fail(open, 'skip');
  await execute(db, sql`UPDATE job SET input = 'null'::jsonb WHERE id = ${removed}`);
  const { body } = await replay({ filter: { error_code: 'skip' } });
  await batches().runDue();
  expect(await progress(body.id)).toMatchObject({
    done: 1,
    skipped: 2,
    skip_reasons: { attempt_open: 1, input_expired: 1 },
  });
  expect(await runs([open, removed!, fine!])).toEqual([1, 1, 2]);
});

test('a forced route is kept, and must be one of the model', async () => {
  const [id] = await failedJobs(1, 'forced');
  const wrong = await replay({ filter: { model: 'veo-3.1' }, route: 'flux-dev/comfyui' });
  expect(wrong).toMatchObject({ status: 400, body: { error: { param: 'route' } } });
  const { body } = await replay({ filter: { error_code: 'forced' }, route: 'veo-3.1/gemini' });
  await batches().runDue();
  expect(await progress(body.id)).toMatchObject({ done: 1, route: 'veo-3.1/gemini' });
  const row = await queryRow<{ plan: { id: string }[] }>(db, sql`SELECT plan FROM job WHERE id = ${id}`);
  expect(row?.plan.map((route) => route.id)).toEqual(['veo-3.1/gemini']);
});

test.each([
  [{}, 'filter'],
  [{ filter: { status: 'succeeded' } }, 'filter.status'],
  [{ filter: { colour: 'red' } }, 'filter.colour'],
  [{ filter: {}, limit: 0 }, 'limit'],
])('%j is refused, naming %s', async (body, param) => {
  expect(await replay(body)).toMatchObject({ status: 400, body: { error: { param } } });
});

test('an unknown batch is 404', async () => {
  expect((await kiln.call('GET', '/admin/replays/rpb_none')).status).toBe(404);
});

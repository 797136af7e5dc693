import { newId } from '../../src/common/ids.js';
import { type Database, execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import type { AdminAttemptView, AdminJobView } from '../../src/jobs/admin/admin-job-view.js';
import { Admission } from '../../src/jobs/admission/admission.js';
import { Engine } from '../../src/jobs/engine/engine.js';
import { type Answer, type Kiln, startKiln } from '../support/kiln.js';

let kiln: Kiln;
let db: Database;
beforeAll(async () => {
  kiln = await startKiln({ workers: false });
  db = kiln.database;
  await lane('pause');
});
afterAll(async () => kiln.drop());

const LANE = 'veo-vertex';
const lane = (action: string): Promise<Answer> => kiln.call('POST', `/admin/lanes/${LANE}/${action}`);

/** A job with one attempt whose outcome nobody knows. */
async function unknownAttempt(
  stage: 'submitting' | 'generating' = 'submitting',
): Promise<{ job: string; attempt: string }> {
  const { id: job } = await kiln.post({
    model: 'veo-3.1',
    input: { prompt: 'who knows', duration_seconds: 4, resolution: '720p' },
    routing: { only: ['vertex'] },
  });
  await lane('resume');
  await kiln.app.get(Admission).admit(LANE);
  await lane('pause');
  const [attempt] = await attemptsOf(job);
  if (!attempt) throw new Error('the job was not admitted');
  const task = stage === 'generating' ? '"projects/sandbox/operations/none"' : 'null';
  const state = stage === 'generating' ? 'running' : 'unknown';
  await execute(
    db,
    sql`UPDATE attempt SET state = ${state}, task_id = ${task}::jsonb, submitted_at = now() WHERE id = ${attempt.id}`,
  );
  await execute(db, sql`UPDATE job SET stage = ${stage} WHERE id = ${job}`);
  return { job, attempt: attempt.id };
}

const attemptsOf = (job: string): Promise<{ id: string; state: string; slot_until: Date | null }[]> =>
  queryRows(db, sql`SELECT id, state, slot_until FROM attempt WHERE job_id = ${job} ORDER BY seq`);
const resolve = (id: string, outcome: string): Promise<Answer<AdminAttemptView>> =>
  kiln.call('POST', `/admin/attempts/${id}/resolve`, { outcome, reason: 'asked the provider' });
const ledger = (job: string): Promise<{ kind: string; amount: number }[]> =>
  queryRows(
    db,
    sql`SELECT kind, amount_micro_usd::float8 AS amount FROM ledger_entry WHERE work_id = ${job} ORDER BY created_at, id`,
  );
const balance = async (): Promise<{ spent: number; held: number }> =>
  (await queryRow<{ spent: number; held: number }>(
    db,
    sql`SELECT sum(spent_micro_usd)::float8 AS spent, sum(held_micro_usd)::float8 AS held FROM budget_day`,
  )) ?? { spent: 0, held: 0 };
const fromRows = async (): Promise<{ spent: number; held: number } | null> =>
  queryRow(
    db,
    sql`SELECT coalesce(sum(amount_micro_usd) FILTER (WHERE kind = 'settle'), 0)::float8 AS spent,
          coalesce(sum(amount_micro_usd) FILTER (WHERE kind = 'hold' AND NOT EXISTS (
            SELECT 1 FROM ledger_entry c WHERE c.work_id = e.work_id AND c.run = e.run AND c.kind <> 'hold')), 0)::float8 AS held
        FROM ledger_entry e`,
  );
/** The step that the doorbell asked for, as a worker would run it. */
async function step(job: string): Promise<void> {
  const row = await queryRow<{ tick: number }>(db, sql`SELECT tick FROM job WHERE id = ${job}`);
  await kiln.app.get(Engine).advance('tick', job, row?.tick ?? 0);
}

describe('on a canceled job, the last open attempt decides about the money', () => {
  test.each([
    ['succeeded', 'succeeded', 'settle', true],
    ['rejected', 'failed', 'release', false],
    ['abandoned', 'lost', 'release', false],
  ])('%s', async (outcome, state, kind, charged) => {
    const { job, attempt } = await unknownAttempt();
    await kiln.call('POST', `/v1/jobs/${job}/cancel`);
    const before = await kiln.get(job);
    expect(before).toMatchObject({ status: 'canceled', cost: { charged_micro_usd: null } });
    const price = before.cost.held_micro_usd;

    const answer = await resolve(attempt, outcome);
    expect(answer).toMatchObject({ status: 200, body: { id: attempt, state } });
    expect((await kiln.get(job)).cost.charged_micro_usd).toBe(charged ? price : 0);
    expect(await ledger(job)).toEqual([
      { kind: 'hold', amount: price },
      { kind, amount: price },
    ]);
    expect(await attemptsOf(job)).toMatchObject([{ state, slot_until: null }]);
    expect(await balance()).toEqual(await fromRows());
    // Once is once.
    expect(await resolve(attempt, 'succeeded')).toMatchObject({
      status: 409,
      body: { error: { type: 'attempt_closed' } },
    });
    expect(await ledger(job)).toHaveLength(2);
  });
});

describe('on a live job', () => {
  test.each(['submitting', 'generating'] as const)('rejected while %s sends it back to its lane', async (stage) => {
    const { job, attempt } = await unknownAttempt(stage);
    expect((await resolve(attempt, 'rejected')).status).toBe(200);
    await step(job);
    expect(await kiln.get(job)).toMatchObject({
      status: 'running',
      stage: 'waiting',
      cost: { charged_micro_usd: null },
    });
    await lane('resume');
    await kiln.app.get(Admission).admit(LANE);
    await lane('pause');
    expect((await attemptsOf(job)).map(({ state }) => state)).toEqual(['failed', 'reserved']);
    await kiln.call('POST', `/v1/jobs/${job}/cancel`);
  });

  test('an orphan beside the attempt does not stop the next one', async () => {
    const { job, attempt } = await unknownAttempt();
    await execute(
      db,
      sql`INSERT INTO attempt (id, job_id, key_id, run, seq, lane, route, provider, model, endpoint, token, task_id, state)
          SELECT ${newId('att')}, job_id, key_id, run, seq + 1, lane, route, provider, model, endpoint, token, '"t"', 'orphan' FROM attempt WHERE id = ${attempt}`,
    );
    await execute(
      db,
      sql`UPDATE attempt SET wake_at = now() + interval '1 hour' WHERE job_id = ${job} AND state = 'orphan'`,
    );
    await resolve(attempt, 'rejected');
    await step(job);
    await lane('resume');
    await kiln.app.get(Admission).admit(LANE);
    await lane('pause');
    expect((await attemptsOf(job)).map(({ state }) => state)).toEqual(['failed', 'orphan', 'reserved']);
  });

  test('abandoned fails it and gives the hold back', async () => {
    const { job, attempt } = await unknownAttempt();
    expect(await resolve(attempt, 'abandoned')).toMatchObject({ status: 200, body: { state: 'lost' } });
    expect(await kiln.get(job)).toMatchObject({
      status: 'failed',
      error: { code: 'outcome_unknown', retryable: true },
      cost: { charged_micro_usd: 0 },
    });
    expect((await ledger(job)).map(({ kind }) => kind)).toEqual(['hold', 'release']);
  });

  test('succeeded runs it again, and the client pays once', async () => {
    const { job, attempt } = await unknownAttempt();
    await resolve(attempt, 'succeeded');
    await step(job);
    expect(await kiln.get(job)).toMatchObject({ status: 'running', stage: 'waiting' });
    expect((await ledger(job)).map(({ kind }) => kind)).toEqual(['hold']);
  });
});

test('two at once settle an attempt once', async () => {
  const { job, attempt } = await unknownAttempt();
  await kiln.call('POST', `/v1/jobs/${job}/cancel`);
  const answers = await Promise.all([
    resolve(attempt, 'succeeded'),
    resolve(attempt, 'rejected'),
    resolve(attempt, 'abandoned'),
  ]);
  expect(answers.map(({ status }) => String(status)).toSorted((a, b) => a.localeCompare(b))).toEqual([
    '200',
    '409',
    '409',
  ]);
  expect(await ledger(job)).toHaveLength(2);
});

test('a request on the wire is left alone', async () => {
  const { attempt } = await unknownAttempt();
  await execute(
    db,
    sql`UPDATE attempt SET state = 'submitting', lease_token = 'a', lease_until = now() + interval '1 minute' WHERE id = ${attempt}`,
  );
  const answer = await resolve(attempt, 'rejected');
  expect(answer).toMatchObject({ status: 409, body: { error: { type: 'attempt_on_the_wire' } } });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('ops see the attempt with its internal error, clients do not', async () => {
  const { job, attempt } = await unknownAttempt();
  await resolve(attempt, 'rejected');
  const seen = await kiln.call<AdminJobView>('GET', `/admin/jobs/${job}`);
  expect(seen.body.attempts).toMatchObject([
    { id: attempt, lane: LANE, error: { code: 'resolved_rejected', message: 'asked the provider' } },
  ]);
  expect(JSON.stringify(await kiln.get(job))).not.toContain('asked the provider');
});

test('bad requests name the field', async () => {
  const { attempt } = await unknownAttempt();
  const bad = await kiln.call('POST', `/admin/attempts/${attempt}/resolve`, { outcome: 'lost', reason: 'x' });
  expect(bad).toMatchObject({ status: 400, body: { error: { param: 'outcome' } } });
  expect(await kiln.call('POST', `/admin/attempts/${attempt}/resolve`, { outcome: 'rejected' })).toMatchObject({
    status: 400,
    body: { error: { param: 'reason' } },
  });
  expect((await resolve('att_none', 'rejected')).status).toBe(404);
});

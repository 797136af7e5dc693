import { execute, sql } from '../../src/database/database.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { as, CLIP, eventually, expectError } from './harness.js';

interface List {
  object: string;
  data: JobView[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

let kiln: Kiln;
let ids: string[];
beforeAll(async () => {
  kiln = await startKiln({ workers: false });
  // What is posted stays in the queue.
  await execute(kiln.database, sql`UPDATE lane SET state = 'paused'`);
  ids = [];
  for (const [model, color] of [
    ['veo-3.1', 'red'],
    ['flux-dev', 'red'],
    ['veo-3.1', 'blue'],
    ['veo-3.1', 'red'],
    ['flux-dev', 'blue'],
  ] as const) {
    const input = model === 'veo-3.1' ? CLIP.input : { prompt: 'a fox' };
    ids.push((await kiln.post({ model, input, metadata: { color, 'the shop': 'a+b' } })).id);
  }
  await kiln.call('POST', `/v1/jobs/${ids[0]}/cancel`);
});
afterAll(async () => kiln.drop());

const list = async (query: string): Promise<List> => (await kiln.call<List>('GET', `/v1/jobs${query}`)).body;
/** Which of the jobs, by the order they were made in. */
const which = ({ data }: List): number[] => data.map(({ id }) => ids.indexOf(id));

test('newest first, in the envelope of every list', async () => {
  const all = await list('');
  expect(all).toMatchObject({ object: 'list', has_more: false, first_id: ids[4], last_id: ids[0] });
  expect(which(all)).toEqual([4, 3, 2, 1, 0]);
  expect(all.data[4]).toEqual(await kiln.get(ids[0] ?? ''));
});

test('an empty list has no ids', async () => {
  const { secret } = await kiln.newKey();
  expect((await kiln.call('GET', '/v1/jobs', undefined, as(secret))).body).toEqual({
    object: 'list',
    data: [],
    has_more: false,
    first_id: null,
    last_id: null,
  });
});

test.each([
  ['?status=canceled', [0]],
  ['?status=queued', [4, 3, 2, 1]],
  ['?model=flux-dev', [4, 1]],
  ['?metadata[color]=red', [3, 1, 0]],
  ['?metadata%5Bcolor%5D=red&model=veo-3.1&status=queued', [3]],
  ['?metadata[the%20shop]=a%2Bb&metadata[color]=blue', [4, 2]],
  ['?metadata[color]=green', []],
  ['?order=asc&limit=2', [0, 1]],
])('%s', async (query, expected) => {
  expect(which(await list(query))).toEqual(expected);
});

test('by time of creation, in any offset', async () => {
  const { data } = await list('?order=asc');
  const third = new Date(data[2]?.created_at ?? '');
  const offset = third.toISOString().replace('Z', '+00:00').replace('+', '%2B');
  const same = data.filter(({ created_at: at }) => new Date(at).getTime() === third.getTime()).length;
  expect(
    (await list(`?created_after=${offset}`)).data.length + (await list(`?created_before=${offset}`)).data.length,
  ).toBe(5 - same);
});

test('pages forward and back without gaps or repetitions', async () => {
  const first = await list('?limit=2');
  expect([which(first), first.has_more]).toEqual([[4, 3], true]);
  const second = await list(`?limit=2&after=${first.last_id}`);
  expect([which(second), second.has_more]).toEqual([[2, 1], true]);
  const third = await list(`?limit=2&after=${second.last_id}`);
  expect([which(third), third.has_more]).toEqual([[0], false]);
  const back = await list(`?limit=2&before=${third.first_id}`);
  expect([which(back), back.has_more]).toEqual([[2, 1], true]);
  expect(which(await list(`?limit=2&order=asc&before=${ids[2]}`))).toEqual([0, 1]);
});

test.each([
  ['limit=0', 'limit', '>=1'],
  ['limit=101', 'limit', '<=100'],
  ['limit=ten', 'limit', 'number'],
  ['order=up', 'order', '"asc"|"desc"'],
  ['status=done', 'status', 'succeeded'],
  ['created_after=yesterday', 'created_after', 'yesterday'],
  ['after=job_x', 'after', 'job id'],
  ['status=queued&status=failed', 'status', '["queued","failed"]'],
])('list-jobs.400 ?%s', async (query, param, says) => {
  expectError(await kiln.call('GET', `/v1/jobs?${query}`), 'invalid_request_error', { param, says: [says] });
});

test('list-jobs.400 for both cursors at once and for an unknown filter', async () => {
  const both = await kiln.call('GET', `/v1/jobs?after=${ids[1]}&before=${ids[3]}`);
  expectError(both, 'invalid_request_error', { param: 'before', says: ['not both'] });
  const unknown = await kiln.call('GET', '/v1/jobs?state=queued');
  expectError(unknown, 'invalid_request_error', { param: 'state', code: 'unknown_parameter', says: ['state'] });
});

test("list-jobs.404 for a cursor of another key's", async () => {
  const { secret } = await kiln.newKey();
  expectError(await kiln.call('GET', `/v1/jobs?after=${ids[1]}`, undefined, as(secret)), 'not_found', {
    says: [ids[1] ?? ''],
  });
});

test('a page costs as many statements as one job', async () => {
  const statements = async (query: string): Promise<number> => {
    // Settles the caches of keys and queue forecasts before counting.
    await list(query);
    const counted = countStatements();
    await list(query);
    return counted();
  };
  const one = await statements('?limit=1');
  expect(one).toBeGreaterThan(0);
  expect(await statements('?limit=5')).toBeLessThanOrEqual(one + 1);
});

/** Statements that go over the service's pool from now on. */
function countStatements(): () => number {
  const { pool } = kiln.database;
  let n = 0;
  const patched = pool.query.bind(pool);
  pool.query = ((...args: Parameters<typeof patched>) => {
    n += 1;
    return patched(...args);
  }) as typeof pool.query;
  return () => {
    pool.query = patched;
    return n;
  };
}

test('get-job.404 and what a waiting job says of its queue', async () => {
  expectError(await kiln.call('GET', '/v1/jobs/job_01h455vb4pex5vsknk084sn02q'), 'not_found');
  // The queue is looked at once a second, so a new job has no position for a moment.
  const job = await eventually(async () => {
    const one = await kiln.get(ids[3] ?? '');
    return one.queue_position !== null && one;
  });
  expect(job).toMatchObject({ status: 'queued', stage: 'waiting', queue_position: expect.any(Number) });
  expect(job.eta_seconds).toBeGreaterThan(0);
});

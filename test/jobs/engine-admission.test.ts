import { createServer } from 'node:net';
import { once } from 'node:events';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { Admission } from '../../src/jobs/admission/admission.js';
import { AdmissionRepository } from '../../src/jobs/admission/admission.repository.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import { image, newPrompt, video } from './engine-harness.js';

const LANE = 'comfyui';
let ground: Ground;
let kiln: Kiln;
let other: Kiln;
beforeAll(async () => {
  ground = await newGround();
  kiln = await startKiln({ ground, workers: false });
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const port = (probe.address() as { port: number }).port;
  probe.close();
  other = await startKiln({ ground: { ...ground, port }, workers: false, secret: kiln.secret });
  // Lanes are asked by the tests alone, not by each job that is posted.
  for (const one of [kiln, other]) Object.assign(one.app.get(Admission), { nudge: () => undefined });
});
afterAll(async () => {
  await other.close();
  await kiln.close();
  await dropGround(ground);
});
beforeEach(async () => {
  for (const table of [
    'attempt',
    'job_event',
    'job',
    'lane_key',
    'endpoint_state',
    'route_state',
    'ledger_entry',
    'budget_day',
  ])
    await kiln.database.$executeRawUnsafe(`DELETE FROM ${table}`);
  await execute(kiln.database, sql`UPDATE lane SET state = 'paused', virtual_clock = 0`);
  await capacity(3);
});

const capacity = (n: number) => execute(kiln.database, sql`UPDATE lane SET capacity = ${n}::int WHERE id = ${LANE}`);
const open = () => execute(kiln.database, sql`UPDATE lane SET state = 'open'`);
const admit = (lane = LANE): Promise<number> => kiln.app.get(Admission).admit(lane);
/** A job of a key of its own or of `secret`. */
async function post(body: Record<string, unknown>, secret = kiln.secret): Promise<string> {
  return (await kiln.post(body, { authorization: `Bearer ${secret}` })).id;
}
/** As many waiting copies of a job as are asked for. */
async function copies(of: string, n: number): Promise<void> {
  const columns = await queryRows<{ name: string }>(
    kiln.database,
    sql`SELECT quote_ident(column_name) AS name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'job' AND column_name NOT IN ('id', 'queued_at')`,
  );
  const list = columns.map(({ name }) => name).join(', ');
  await kiln.database.$executeRawUnsafe(
    `INSERT INTO job (id, queued_at, ${list}) SELECT 'job_' || right(id, 20) || lpad(i::text, 6, '0'), queued_at + i * interval '1 millisecond', ${list} FROM job, generate_series(1, ${n}) i WHERE id = '${of}'`,
  );
}
const admittedIds = async (): Promise<string[]> =>
  (await queryRows<{ id: string }>(kiln.database, sql`SELECT job_id AS id FROM attempt ORDER BY created_at, id`)).map(
    ({ id }) => id,
  );
const endpointsUsed = async (): Promise<string[]> =>
  (await queryRows<{ endpoint: string }>(kiln.database, sql`SELECT endpoint FROM attempt ORDER BY endpoint`)).map(
    ({ endpoint }) => endpoint.slice(-1),
  );
const cool = (instance: number) =>
  execute(
    kiln.database,
    sql`INSERT INTO endpoint_state (id, cooldown_until, reason) VALUES (${`${ground.sandbox.url}/comfyui/${instance}`}, now() + interval '1 hour', 'test')`,
  );

test('two processes that admit at the same time never exceed the lane, and admit each job once', async () => {
  // Slots are not tied to instances here.
  const id = await post(video(newPrompt(), { routing: { only: ['vertex'] } }));
  await copies(id, 199);
  await execute(kiln.database, sql`UPDATE lane SET capacity = 3 WHERE id = 'veo-vertex'`);
  await open();
  let most = 0;
  let admitted = 0;
  const count = async (): Promise<number> => {
    const row = await queryRow<{ n: number }>(
      kiln.database,
      sql`SELECT count(*)::int AS n FROM attempt WHERE state = 'reserved' AND slot_until > now()`,
    );
    return row?.n ?? 0;
  };
  for (let round = 0; admitted < 200 && round < 400; round += 1) {
    const admits = [kiln, other, kiln, other].map((one) => one.app.get(Admission).admit('veo-vertex'));
    // One slot becomes free in the middle of it.
    const freeing = execute(
      kiln.database,
      sql`UPDATE attempt SET state = 'succeeded', slot_until = NULL WHERE id IN (SELECT id FROM attempt WHERE state = 'reserved' LIMIT ${1 + (round % 3)})`,
    );
    const counts = await Promise.all([count(), ...admits.map(async (one) => one.then(count))]);
    for (const one of admits) admitted += await one;
    await freeing;
    most = Math.max(most, ...counts);
  }
  const rows = await queryRow<{ attempts: number; jobs: number }>(
    kiln.database,
    sql`SELECT count(*)::int AS attempts, count(DISTINCT job_id)::int AS jobs FROM attempt`,
  );
  expect(rows).toEqual({ attempts: 200, jobs: 200 });
  expect(admitted).toBe(200);
  expect(most).toBe(3);
  await execute(kiln.database, sql`UPDATE lane SET capacity = 10 WHERE id = 'veo-vertex'`);
});

test("a key's backlog does not keep another key's only job waiting", async () => {
  const big = await post(image(newPrompt()));
  await copies(big, 50);
  const small = await kiln.newKey();
  const one = await post(image(newPrompt()), small.secret);
  await capacity(2);
  await open();
  expect(await admit()).toBe(2);
  expect(await admittedIds()).toContain(one);
});

test('max_concurrent_jobs holds over all lanes at once', async () => {
  const { secret } = await kiln.newKey({ max_concurrent_jobs: 1 });
  await post(image(newPrompt()), secret);
  await post(video(newPrompt(), { routing: { only: ['vertex'] } }), secret);
  await post(video(newPrompt(), { routing: { only: ['gemini'] } }), secret);
  await open();
  const admitted = await Promise.all([
    admit(LANE),
    other.app.get(Admission).admit('veo-vertex'),
    admit('veo-gemini'),
    other.app.get(Admission).admit(LANE),
  ]);
  expect(admitted.reduce((sum, n) => sum + n, 0)).toBe(1);
});

test('low priority waits for a slot that nobody else wants; high goes before normal', async () => {
  const low = await post({ ...image(newPrompt()), priority: 'low' });
  const normal = await post(image(newPrompt()));
  const high = await post({ ...image(newPrompt()), priority: 'high' });
  await capacity(1);
  await open();
  const order: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    await admit();
    const [id] = await admittedIds();
    if (id !== undefined) order.push(id);
    await execute(kiln.database, sql`DELETE FROM attempt`);
  }
  expect(order).toEqual([high, normal, low]);
});

test('a paused or draining lane admits nothing', async () => {
  await post(image(newPrompt()));
  for (const state of ['paused', 'draining']) {
    await execute(kiln.database, sql`UPDATE lane SET state = ${state} WHERE id = ${LANE}`);
    expect(await admit()).toBe(0);
    expect(await kiln.app.get(AdmissionRepository).lanesWithWaiters()).not.toContain(LANE);
  }
  await open();
  expect(await admit()).toBe(1);
});

test('an instance that cools down gets no work; the others get theirs', async () => {
  const id = await post(image(newPrompt()));
  await copies(id, 9);
  await cool(0);
  await open();
  expect(await admit()).toBe(1);
  expect(await endpointsUsed()).toEqual(['1']);
  await cool(1);
  await execute(kiln.database, sql`DELETE FROM attempt`);
  await execute(kiln.database, sql`DELETE FROM lane_key`);
  expect(await admit()).toBe(0);
  // Who could not be placed owes nothing.
  expect(await queryRows(kiln.database, sql`SELECT * FROM lane_key`)).toEqual([]);
  await execute(kiln.database, sql`DELETE FROM endpoint_state`);
  expect(await admit()).toBe(2);
  expect(await endpointsUsed()).toEqual(['0', '1']);
});

test('one slot an instance, and a job without a free one passes no bill to its key', async () => {
  await capacity(8);
  const id = await post(image(newPrompt()));
  await copies(id, 5);
  await open();
  expect(await admit()).toBe(2);
  const tag = async (): Promise<number | undefined> =>
    (await queryRow<{ tag: number }>(kiln.database, sql`SELECT tag FROM lane_key WHERE lane = ${LANE}`))?.tag;
  const before = await tag();
  expect(await admit()).toBe(0);
  expect(await tag()).toBe(before);
});

test('a job that is moved to another route between the look and the grant is not admitted for the old one', async () => {
  const id = await post(video(newPrompt()));
  await open();
  const rows = kiln.app.get(AdmissionRepository);
  const admitted = await kiln.database.transaction(async (tx) => {
    await rows.lock(tx, 'veo-vertex');
    const { jobs } = await rows.waiting(tx, 'veo-vertex', 5, []);
    const job = jobs.get(id)!;
    await execute(other.database, sql`UPDATE job SET plan_index = 1 WHERE id = ${id}`);
    return rows.reserve(tx, 'veo-vertex', [{ job, endpoint: job.route.endpoints[0]!, synchronous: false }]);
  });
  expect(admitted).toEqual([]);
  expect(await admittedIds()).toEqual([]);
});

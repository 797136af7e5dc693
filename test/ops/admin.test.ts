import { randomBytes } from 'node:crypto';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import type { AdminJobView } from '../../src/jobs/admin/admin-job-view.js';
import type { LaneView, RouteView } from '../../src/jobs/admin/capacity.js';
import { Admission } from '../../src/jobs/admission/admission.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import { Readiness } from '../../src/ops/readiness.js';
import { OpsEvents } from '../../src/telemetry/ops-events.js';
import { type Kiln, newGround, dropGround, startKiln } from '../support/kiln.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln({ workers: false, env: { KILN_ADMIN_KEY: 'the-admin-key-of-tests' } });
});
afterAll(async () => kiln.drop());

type List<T> = { object: 'list'; data: T[]; has_more: boolean; first_id: string | null; last_id: string | null };
const get = async <T>(path: string): Promise<T> => (await kiln.call<T>('GET', path)).body;
const as = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` });

const ADMIN_ROUTES = [
  ['GET', '/admin/keys'],
  ['POST', '/admin/keys'],
  ['GET', '/admin/keys/key_x'],
  ['DELETE', '/admin/keys/key_x'],
  ['GET', '/admin/jobs'],
  ['GET', '/admin/jobs/job_x'],
  ['POST', '/admin/jobs/job_x/release'],
  ['POST', '/admin/jobs/replay'],
  ['GET', '/admin/replays'],
  ['GET', '/admin/replays/rpb_x'],
  ['POST', '/admin/attempts/att_x/resolve'],
  ['GET', '/admin/lanes'],
  ['POST', '/admin/lanes/veo-vertex/pause'],
  ['GET', '/admin/routes'],
  ['POST', '/admin/routes/veo-3.1/vertex/pause'],
  ['GET', '/admin/events'],
  ['GET', '/admin/audit'],
  ['GET', '/metrics'],
] as const;

describe('who may', () => {
  test.each(ADMIN_ROUTES)('%s %s is refused to apps and strangers', async (method, path) => {
    const app = await kiln.newKey();
    expect(await kiln.call(method, path, undefined, as(app.secret))).toMatchObject({
      status: 403,
      body: { error: { type: 'permission_denied' } },
    });
    expect((await kiln.call(method, path, undefined, as('sk-nobody'))).status).toBe(401);
  });

  test('the admin key of the environment may', async () => {
    expect((await kiln.call('GET', '/admin/keys', undefined, as('the-admin-key-of-tests'))).status).toBe(200);
  });

  test('in production without an admin key none of it exists', async () => {
    const ground = await newGround();
    const env = {
      DATABASE_URL: ground.db.url,
      KILN_SECRET: randomBytes(32).toString('base64'),
      KILN_PUBLIC_URL: `http://127.0.0.1:${ground.port}`,
      KILN_STORAGE: 'file',
      HOST: '127.0.0.1',
    };
    const production = await startKiln({ workers: false, ground, env });
    for (const [method, path] of ADMIN_ROUTES) expect((await production.call(method, path)).status).toBe(404);
    expect((await production.call('GET', '/healthz')).status).toBe(200);
    await production.close();
    await dropGround(ground);
  });
});

test('a key shows its secret once, works, and stops working', async () => {
  const created = await kiln.call<{ id: string; key: string }>('POST', '/admin/keys', {
    name: 'shop',
    allowed_models: ['veo-*'],
    daily_budget_micro_usd: 5_000_000,
  });
  expect(created).toMatchObject({
    status: 201,
    body: { object: 'key', name: 'shop', role: 'app', allowed_models: ['veo-*'], daily_budget_micro_usd: 5_000_000 },
  });
  const { id, key } = created.body;
  expect((await kiln.call('GET', '/v1/models', undefined, as(key))).status).toBe(200);
  const list = await kiln.call<List<{ id: string }>>('GET', '/admin/keys');
  expect(list.body.data).toContainEqual(expect.objectContaining({ id, preview: `sk-…${key.slice(-4)}` }));
  expect(JSON.stringify(list.body)).not.toContain(key);
  expect((await kiln.call('DELETE', `/admin/keys/${id}`)).body).toEqual({ id, object: 'key.deleted', deleted: true });
  expect((await kiln.call('GET', '/v1/models', undefined, as(key))).status).toBe(401);
  expect((await kiln.call('GET', `/admin/keys/${id}`)).status).toBe(404);
  expect((await kiln.call('DELETE', `/admin/keys/${id}`)).status).toBe(404);
  expect(await kiln.call('POST', '/admin/keys', { name: 'x', colour: 1 })).toMatchObject({
    status: 400,
    body: { error: { param: 'colour' } },
  });
  const audit = await get<List<object>>(`/admin/audit?target=${id}`);
  expect(audit.data).toMatchObject([
    { action: 'key.delete', data: { refused: 'not_found' } },
    { action: 'key.delete' },
    { action: 'key.create', data: { name: 'shop' } },
  ]);
  expect(JSON.stringify(audit)).not.toContain(key);
});

describe('jobs across keys', () => {
  let mine: { id: string; secret: string };
  let failed: string;
  let held: string;
  beforeAll(async () => {
    mine = await kiln.newKey();
    const body = { model: 'flux-dev', input: { prompt: 'a secret fox' } };
    failed = (await kiln.post(body, as(mine.secret))).id;
    held = (await kiln.post(body, as(mine.secret))).id;
    const error = { code: 'provider_down', message: 'down', param: null, retryable: true };
    await kiln.app.get(Outcomes).end({ jobId: failed, transition: 'failed', error });
    await execute(
      kiln.database,
      sql`UPDATE job SET quarantined_at = now(), quarantine_reason = 'it kills workers', wake_at = NULL, claims = 4 WHERE id = ${held}`,
    );
    await execute(kiln.database, sql`UPDATE job SET created_at = now() - interval '1 hour' WHERE id = ${failed}`);
  });
  const ids = async (query: string): Promise<string[]> =>
    (await get<List<AdminJobView>>(`/admin/jobs?key=${mine.id}&${query}`)).data.map(({ id }) => id);

  test.each([
    ['', 2],
    ['status=failed', 1],
    ['status=succeeded', 0],
    ['model=flux-dev', 2],
    ['model=veo-3.1', 0],
    ['error_code=provider_down', 1],
    ['error_code=other', 0],
    ['min_age_seconds=1800', 1],
    ['max_age_seconds=1800', 1],
    ['min_age_seconds=7200', 0],
    ['quarantined=true', 1],
    ['quarantined=false', 1],
    ['status=failed&min_age_seconds=60&error_code=provider_down', 1],
  ])('?%s finds %i', async (query, count) => {
    expect(await ids(query)).toHaveLength(count);
  });

  test('pages go both ways', async () => {
    expect(await ids('limit=1')).toEqual([held]);
    expect(await ids(`limit=1&after=${held}`)).toEqual([failed]);
    expect(await ids(`limit=1&before=${failed}`)).toEqual([held]);
    expect(await ids('order=asc')).toEqual([failed, held]);
  });

  test.each([
    ['status=broken', 'status'],
    ['min_age_seconds=-1', 'min_age_seconds'],
    ['limit=101', 'limit'],
    ['colour=red', 'colour'],
    ['quarantined=maybe', 'quarantined'],
  ])('?%s is refused', async (query, param) => {
    expect(await kiln.call('GET', `/admin/jobs?${query}`)).toMatchObject({ status: 400, body: { error: { param } } });
  });

  test('a quarantined job says why, and goes on when it is released', async () => {
    expect(await get<AdminJobView>(`/admin/jobs/${held}`)).toMatchObject({
      key_id: mine.id,
      quarantine: { reason: 'it kills workers' },
      claims: 4,
    });
    expect(await kiln.call('POST', `/admin/jobs/${held}/release`)).toMatchObject({
      status: 200,
      body: { quarantine: null, claims: 0 },
    });
    const row = await queryRow<{ due: boolean }>(
      kiln.database,
      sql`SELECT wake_at <= now() AS due FROM job WHERE id = ${held}`,
    );
    expect(row?.due).toBe(true);
    expect(await kiln.call('POST', `/admin/jobs/${held}/release`)).toMatchObject({
      status: 409,
      body: { error: { type: 'job_not_quarantined' } },
    });
    expect((await kiln.call('POST', '/admin/jobs/job_none/release')).status).toBe(404);
  });
});

describe('lanes and routes', () => {
  const LANE = 'veo-vertex';
  const admit = (): Promise<number> => kiln.app.get(Admission).admit(LANE);
  const post = async (): Promise<string> => {
    const input = { prompt: 'a wave', duration_seconds: 4, resolution: '720p' };
    return (await kiln.post({ model: 'veo-3.1', input, routing: { only: ['vertex'] } })).id;
  };
  const stageOf = async (id: string): Promise<string | null> => (await kiln.get(id)).stage;
  const laneOf = async (): Promise<LaneView | undefined> =>
    (await get<List<LaneView>>('/admin/lanes')).data.find(({ id }) => id === LANE);
  const routeOf = async (id: string): Promise<RouteView | undefined> =>
    (await get<List<RouteView>>('/admin/routes')).data.find((route) => route.id === id);

  test.each([
    ['pause', 'paused'],
    ['drain', 'draining'],
  ])('%s stops a lane until it is resumed', async (action, state) => {
    const answer = await kiln.call('POST', `/admin/lanes/${LANE}/${action}`, { reason: 'a test' });
    expect(answer).toMatchObject({ status: 200, body: { id: LANE, state, drained: state === 'draining' } });
    const id = await post();
    expect(await admit()).toBe(0);
    expect(await stageOf(id)).toBe('waiting');
    expect(await laneOf()).toMatchObject({ state, waiting_jobs: 1, open_attempts: 0 });
    expect((await kiln.call('POST', `/admin/lanes/${LANE}/resume`)).body).toMatchObject({ state: 'open' });
    await admit();
    expect(await stageOf(id)).toBe('submitting');
    expect(await laneOf()).toMatchObject({ state: 'open', waiting_jobs: 0, open_attempts: 1 });
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });

  test.each([
    ['/admin/routes/veo-3.1/vertex', 'pause', 'paused'],
    ['/admin/routes/veo-3.1%2Fvertex', 'drain', 'draining'],
  ])('POST %s/%s stops the route', async (path, action, state) => {
    const id = await (async () => {
      await kiln.call('POST', `/admin/lanes/${LANE}/pause`);
      const job = await post();
      expect(await kiln.call('POST', `${path}/${action}`, { reason: 'too slow' })).toMatchObject({
        status: 200,
        body: { id: 'veo-3.1/vertex', state, reason: 'too slow' },
      });
      await kiln.call('POST', `/admin/lanes/${LANE}/resume`);
      return job;
    })();
    expect(await admit()).toBe(0);
    expect(await stageOf(id)).toBe('waiting');
    expect(await routeOf('veo-3.1/vertex')).toMatchObject({ state, credential: { state: 'ok' }, open_attempts: 0 });
    expect((await kiln.call('POST', `${path}/resume`)).body).toMatchObject({ state: 'open', reason: null });
    await admit();
    expect(await stageOf(id)).toBe('submitting');
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });

  test.each([
    '/admin/lanes/none/pause',
    '/admin/lanes/veo-vertex/explode',
    '/admin/routes/no/such/pause',
    '/admin/routes/veo-3.1/vertex/explode',
    '/admin/routes/pause',
  ])('POST %s is 404', async (path) => {
    expect((await kiln.call('POST', path)).status).toBe(404);
  });

  test('each is in the audit with who did it', async () => {
    const { data } = await get<List<object>>('/admin/audit?action=lane.state&limit=100');
    expect(data).toContainEqual(
      expect.objectContaining({
        object: 'admin_audit',
        target: `${LANE}/pause`,
        data: { reason: 'a test' },
        actor: expect.stringMatching(/^key_/),
      }),
    );
    await kiln.call('POST', `/admin/lanes/${LANE}/resume`, undefined, as('the-admin-key-of-tests'));
    expect((await get<List<object>>('/admin/audit?actor=admin')).data).toMatchObject([{ target: `${LANE}/resume` }]);
  });
});

test('events are listed by severity and type, in pages', async () => {
  const ops = kiln.app.get(OpsEvents);
  for (const n of [1, 2, 3])
    await ops.tell({ severity: 'warning', type: 'test.told', message: `number ${n}`, data: { n } });
  const first = await get<List<{ id: string; message: string }>>('/admin/events?type=test.told&limit=2');
  expect(first).toMatchObject({
    has_more: true,
    data: [{ message: 'number 3', severity: 'warning' }, { message: 'number 2' }],
  });
  const rest = await get<List<{ message: string }>>(`/admin/events?type=test.told&limit=2&after=${first.last_id}`);
  expect(rest).toMatchObject({ has_more: false, data: [{ message: 'number 1' }] });
  expect((await get<List<object>>('/admin/events?type=test.told&severity=critical')).data).toEqual([]);
  expect((await kiln.call('GET', '/admin/events?after=ops_none')).status).toBe(404);
  expect((await kiln.call('GET', '/admin/events?severity=loud')).status).toBe(400);
});

describe('health', () => {
  test('alive, ready, and what it knows', async () => {
    expect((await kiln.call('GET', '/healthz', undefined, { authorization: '' })).body).toEqual({ status: 'ok' });
    const ready = await kiln.call('GET', '/readyz', undefined, { authorization: '' });
    expect(ready.status).toBe(200);
    expect(ready.body).toMatchObject({
      status: 'ready',
      role: 'all',
      catalog_hash: expect.stringMatching(/.{8}/),
      checks: { database: 'ok', migrations: 'ok', storage: 'ok' },
    });
  });

  test('metrics speak of the whole service', async () => {
    await execute(kiln.database, sql`UPDATE job SET quarantined_at = now() WHERE id = (SELECT id FROM job LIMIT 1)`);
    const { status, headers, body } = await kiln.call<{ text: string }>('GET', '/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/plain');
    const names = [...body.text.matchAll(/^(kiln_\w+)[ {]/gm)].map(([, name]) => name);
    expect(new Set(names)).toEqual(
      new Set([
        ...names.filter((name) => name?.endsWith('_total')),
        'kiln_wake_lateness_seconds',
        'kiln_webhook_lateness_seconds',
        'kiln_jobs_quarantined',
        'kiln_jobs',
        'kiln_jobs_oldest_seconds',
        'kiln_open_attempts',
        'kiln_lane_slots_used',
        'kiln_lane_slots',
        'kiln_lane_state',
        'kiln_route_state',
        'kiln_open_holds_micro_usd',
        'kiln_unsettled_jobs',
        'kiln_gateway_open_holds',
        'kiln_database_connections',
        'kiln_object_store_healthy',
        'kiln_disk_free_bytes',
      ]),
    );
    expect(body.text).toMatch(/^kiln_jobs_quarantined 1$/m);
    expect(body.text).toMatch(/^kiln_unsettled_jobs 0$/m);
    expect(body.text).toMatch(/^kiln_open_attempts\{state="unknown"\} 0$/m);
    expect(body.text).toContain('nodejs_eventloop_lag_seconds');
  });

  test('a job that nobody settled is counted', async () => {
    await execute(
      kiln.database,
      sql`UPDATE job SET charged_micro_usd = NULL, finished_at = now() - interval '1 hour'
          WHERE id = (SELECT id FROM job WHERE status = 'canceled' LIMIT 1)`,
    );
    const { body } = await kiln.call<{ text: string }>('GET', '/metrics');
    expect(body.text).toMatch(/^kiln_unsettled_jobs 1$/m);
  });

  test('not ready while migrations are missing, nor while draining', async () => {
    const [row] = await queryRows<{ id: string }>(kiln.database, sql`SELECT id FROM _prisma_migrations LIMIT 1`);
    const readiness = kiln.app.get(Readiness);
    await execute(kiln.database, sql`UPDATE _prisma_migrations SET finished_at = NULL WHERE id = ${row?.id}`);
    expect(await kiln.call('GET', '/readyz')).toMatchObject({
      status: 503,
      body: { status: 'not_ready', checks: { migrations: 'missing' } },
    });
    await execute(kiln.database, sql`UPDATE _prisma_migrations SET finished_at = now() WHERE id = ${row?.id}`);
    expect((await kiln.call('GET', '/readyz')).status).toBe(200);
    readiness.drain();
    expect(await kiln.call('GET', '/readyz')).toMatchObject({ status: 503, body: { status: 'draining' } });
    expect((await kiln.call('GET', '/healthz')).status).toBe(200);
  });
});

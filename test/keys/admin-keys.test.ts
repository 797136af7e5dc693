import type { AuditRow } from '../../src/ops/audit.repository.js';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { Admission } from '../../src/jobs/admission/admission.js';
import { Keys } from '../../src/keys/keys.js';
import type { KeyView, KeyWithSecret, RotatedKeyView } from '../../src/keys/key-view.js';
import { startKiln, type Kiln } from '../support/kiln.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln({ workers: false });
});
afterAll(() => kiln.drop());

type List<T> = { data: T[]; has_more: boolean; first_id: string | null; last_id: string | null };
const as = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` });
const whoAmI = async (secret: string): Promise<number> =>
  (await kiln.call('GET', '/v1/key', undefined, as(secret))).status;
const create = async (body: object): Promise<KeyWithSecret> =>
  (await kiln.call<KeyWithSecret>('POST', '/admin/keys', body)).body;
const patch = (id: string, body: unknown) => kiln.call<KeyView>('PATCH', `/admin/keys/${id}`, body);
const rotate = async (id: string, body?: object): Promise<RotatedKeyView> =>
  (await kiln.call<RotatedKeyView>('POST', `/admin/keys/${id}/rotate`, body)).body;
const auditOf = async (id: string): Promise<AuditRow[]> =>
  (await kiln.call<List<AuditRow>>('GET', `/admin/audit?target=${id}`)).body.data;

const FULL = {
  name: 'shop',
  description: 'the web shop',
  role: 'viewer',
  daily_budget_micro_usd: 25_000_000,
  allowed_models: ['veo-*', 'flux-dev'],
  max_concurrent_jobs: 3,
  max_queued_jobs: 10,
  weight: 5,
  requests_per_minute: 600,
  expires_at: '2999-01-31T01:00:00.000Z',
  allowed_ips: ['127.0.0.0/8', '2001:db8::/32'],
};

test('a key is made with every field, and tells its owner what limits it', async () => {
  const { key: secret, ...made } = await create(FULL);
  const { description: _none, ...own } = FULL;
  expect(made).toMatchObject({ ...FULL, object: 'key', disabled: false, preview: `sk-…${secret.slice(-4)}` });
  expect((await kiln.call('GET', `/admin/keys/${made.id}`)).body).toEqual(made);
  const answer = await kiln.call('GET', '/v1/key', undefined, as(secret));
  expect(answer.body).toEqual({ id: made.id, object: 'key', ...own });
});

describe('PATCH', () => {
  test('changes what is given, lifts by null, and leaves before and after in the audit', async () => {
    const { id, key } = await create(FULL);
    const changed = await patch(id, { weight: 7, daily_budget_micro_usd: null, allowed_models: [] });
    expect(changed).toMatchObject({
      status: 200,
      body: { ...FULL, weight: 7, daily_budget_micro_usd: null, allowed_models: [] },
    });
    const lifted = await patch(id, {
      description: null,
      max_concurrent_jobs: null,
      max_queued_jobs: null,
      requests_per_minute: null,
      expires_at: null,
      allowed_ips: [],
      name: 'renamed',
      role: 'app',
    });
    expect(lifted.body).toMatchObject({
      name: 'renamed',
      role: 'app',
      description: null,
      max_concurrent_jobs: null,
      max_queued_jobs: null,
      requests_per_minute: null,
      expires_at: null,
      allowed_ips: [],
      weight: 7,
    });
    expect((await patch(id, {})).body).toEqual(lifted.body);
    const [nothing, , first] = await auditOf(id);
    expect(nothing?.data).toEqual({ changes: {} });
    expect(first).toMatchObject({
      action: 'key.update',
      data: {
        changes: {
          weight: { before: 5, after: 7 },
          daily_budget_micro_usd: { before: 25_000_000, after: null },
          allowed_models: { before: ['veo-*', 'flux-dev'], after: [] },
        },
      },
    });
    expect(JSON.stringify(await auditOf(id))).not.toContain(key);
  });

  test.each([
    [{ weight: 0 }, 'weight', '>=1'],
    [{ weight: null }, 'weight', 'got null'],
    [{ role: 'root' }, 'role', '"operator"'],
    [{ requests_per_minute: 1.5 }, 'requests_per_minute', 'int'],
    [{ requests_per_minute: 2_000_000 }, 'requests_per_minute', '<=1000000'],
    [{ expires_at: 'tomorrow' }, 'expires_at', 'RFC 3339'],
    [{ expires_at: '2027-01-31' }, 'expires_at', 'RFC 3339'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at', 'in the future'],
    [{ allowed_ips: ['10.0.0.0/8', '10.0.0.0/33'] }, 'allowed_ips[1]', 'CIDR'],
    [{ allowed_ips: ['example.org'] }, 'allowed_ips[0]', 'got "example.org"'],
    [{ allowed_models: ['a b'] }, 'allowed_models[0]', 'pattern with *'],
    [{ daily_budget_micro_usd: -1 }, 'daily_budget_micro_usd', '>=0'],
    [{ disabled: 'yes' }, 'disabled', 'boolean'],
    [{ colour: 'red' }, 'colour', 'Allowed: name'],
  ])('%j is refused by name', async (body, param, says) => {
    const { id } = await create({ name: 'strict' });
    const answer = await patch(id, body);
    expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error', param } } });
    expect(JSON.stringify(answer.body).replaceAll('\\"', '"')).toContain(says);
  });

  test('of a key that is not there is 404, and kept', async () => {
    expect((await patch('key_none', { weight: 2 })).status).toBe(404);
    expect(await auditOf('key_none')).toMatchObject([{ action: 'key.update', data: { refused: 'not_found' } }]);
  });
});

describe('disable', () => {
  test('refuses the key until it is enabled again', async () => {
    const { id, key } = await create({ name: 'on and off' });
    expect(await whoAmI(key)).toBe(200);
    expect((await kiln.call('POST', `/admin/keys/${id}/disable`)).body).toMatchObject({ id, disabled: true });
    expect(await kiln.call('GET', '/v1/key', undefined, as(key))).toMatchObject({
      status: 401,
      body: { error: { type: 'authentication_error', code: 'invalid_api_key', message: 'The API key is disabled.' } },
    });
    expect((await kiln.call('POST', `/admin/keys/${id}/enable`)).body).toMatchObject({ id, disabled: false });
    expect(await whoAmI(key)).toBe(200);
    expect(await auditOf(id)).toMatchObject([
      { action: 'key.enable', data: { changes: { disabled: { before: true, after: false } } } },
      { action: 'key.disable', data: { changes: { disabled: { before: false, after: true } } } },
      { action: 'key.create' },
    ]);
  });

  test('is no way to lock oneself out', async () => {
    const { id } = await kiln.newKey({ name: 'self', role: 'admin' });
    const self = await kiln.newKey({ name: 'self', role: 'admin' });
    for (const [method, path, body] of [
      ['POST', `/admin/keys/${self.id}/disable`, undefined],
      ['PATCH', `/admin/keys/${self.id}`, { disabled: true }],
      ['DELETE', `/admin/keys/${self.id}`, undefined],
    ] as const)
      expect(await kiln.call(method, path, body, as(self.secret))).toMatchObject({
        status: 409,
        body: { error: { type: 'conflict' } },
      });
    expect((await kiln.call('DELETE', `/admin/keys/${id}`, undefined, as(self.secret))).status).toBe(200);
  });
});

describe('rotation', () => {
  const DAY_MS = 86_400_000;
  const minutesFromNow = (time: string | null): number => (new Date(time ?? 0).getTime() - Date.now()) / 60_000;

  test('two secrets live for the overlap, the older one ends by itself', async () => {
    const { id, key: first } = await create({ name: 'rotated' });
    const rotated = await rotate(id);
    expect(rotated).toMatchObject({ id, ended_secrets: [], preview: `sk-…${rotated.key.slice(-4)}` });
    expect(minutesFromNow(rotated.previous_expires_at)).toBeCloseTo(DAY_MS / 60_000, 0);
    expect(rotated.secrets.map(({ preview }) => preview)).toEqual(
      [rotated.key, first].map((one) => `sk-…${one.slice(-4)}`),
    );
    expect([await whoAmI(first), await whoAmI(rotated.key)]).toEqual([200, 200]);
    await execute(
      kiln.database,
      sql`UPDATE api_key_secret SET expires_at = now() - interval '1 second' WHERE key_id = ${id} AND expires_at IS NOT NULL`,
    );
    kiln.app.get(Keys).forget();
    expect([await whoAmI(first), await whoAmI(rotated.key)]).toEqual([401, 200]);
    const [row] = await auditOf(id);
    expect(row).toMatchObject({ action: 'key.rotate', data: { overlap_seconds: 86_400, ended_secrets: [] } });
    expect(JSON.stringify(row)).not.toContain(rotated.key);
  });

  test('a second one during the overlap ends the oldest at once, and says so', async () => {
    const { id, key: first } = await create({ name: 'twice' });
    const second = await rotate(id, { overlap_seconds: 3600 });
    const third = await rotate(id, { overlap_seconds: 60 });
    expect(third.ended_secrets).toEqual([`sk-…${first.slice(-4)}`]);
    expect(minutesFromNow(third.previous_expires_at)).toBeCloseTo(1, 0);
    expect(await Promise.all([first, second.key, third.key].map(whoAmI))).toEqual([401, 200, 200]);
  });

  test('without an overlap the former secret ends at once', async () => {
    const { id, key: first } = await create({ name: 'leaked' });
    expect(await whoAmI(first)).toBe(200);
    const second = await rotate(id, { overlap_seconds: 0 });
    expect(second).toMatchObject({ previous_expires_at: null, ended_secrets: [`sk-…${first.slice(-4)}`] });
    expect(await Promise.all([first, second.key].map(whoAmI))).toEqual([401, 200]);
  });

  test('never more than two live, also when many rotate at once', async () => {
    const { id } = await create({ name: 'contended' });
    const all = await Promise.all(Array.from({ length: 5 }, () => rotate(id)));
    const statuses = await Promise.all(all.map(({ key }) => whoAmI(key)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
  });

  test.each([[-1], [2_592_001], ['a day'], [0.5]])('an overlap of %j is refused', async (overlap) => {
    const { id } = await create({ name: 'strict' });
    expect(await kiln.call('POST', `/admin/keys/${id}/rotate`, { overlap_seconds: overlap })).toMatchObject({
      status: 400,
      body: { error: { param: 'overlap_seconds' } },
    });
  });
});

test('a deleted key is gone: for reading, changing and rotating', async () => {
  const { id, key } = await create({ name: 'gone' });
  await kiln.call('DELETE', `/admin/keys/${id}`);
  expect(await whoAmI(key)).toBe(401);
  for (const [method, path, body] of [
    ['GET', '', undefined],
    ['PATCH', '', { weight: 2 }],
    ['POST', '/rotate', undefined],
    ['POST', '/disable', undefined],
    ['POST', '/enable', undefined],
    ['DELETE', '', undefined],
  ] as const)
    expect([method, path, (await kiln.call(method, `/admin/keys/${id}${path}`, body)).status]).toEqual([
      method,
      path,
      404,
    ]);
  expect((await kiln.call('GET', `/admin/keys?after=${id}`)).status).toBe(404);
});

test('the list has pages and filters', async () => {
  const ids: string[] = [];
  for (const name of ['listed', 'listed', 'listed', 'other']) ids.push((await create({ name })).id);
  await kiln.call('POST', `/admin/keys/${ids[1]}/disable`);
  const list = async (query: string): Promise<List<KeyView>> =>
    (await kiln.call<List<KeyView>>('GET', `/admin/keys?${query}`)).body;
  const found = async (query: string): Promise<string[]> => (await list(query)).data.map(({ id }) => id);
  const [a = '', b = '', c = ''] = ids;
  expect(await found('name=listed')).toEqual([c, b, a]);
  expect(await found('name=listed&order=asc')).toEqual([a, b, c]);
  expect(await list('name=listed&limit=2')).toMatchObject({ has_more: true, first_id: c, last_id: b });
  expect(await found(`name=listed&after=${b}`)).toEqual([a]);
  expect(await found(`name=listed&before=${b}`)).toEqual([c]);
  expect(await found('name=listed&disabled=true')).toEqual([b]);
  expect(await found('name=listed&disabled=false')).toEqual([c, a]);
  expect(await kiln.call('GET', '/admin/keys?disabled=maybe')).toMatchObject({
    status: 400,
    body: { error: { param: 'disabled' } },
  });
});

test('when a secret was last used is written down, once a minute at most', async () => {
  const { id, key } = await create({ name: 'used' });
  const lastUse = async (): Promise<string | null> =>
    (await kiln.call<KeyView>('GET', `/admin/keys/${id}`)).body.secrets[0]?.last_used_at ?? null;
  expect(await lastUse()).toBeNull();
  await whoAmI(key);
  await kiln.app.get(Keys).stop();
  const first = await lastUse();
  expect(first).not.toBeNull();
  await whoAmI(key);
  await kiln.app.get(Keys).stop();
  expect(await lastUse()).toBe(first);
});

test('a raised limit and a new weight reach a running lane', async () => {
  const { id, key } = await create({ name: 'lanes', max_concurrent_jobs: 1 });
  for (let n = 0; n < 3; n += 1)
    await kiln.post({ model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } }, as(key));
  const admitted = async (): Promise<number> => {
    const [lane] = await queryRows<{ lane: string }>(kiln.database, sql`SELECT lane FROM job WHERE key_id = ${id}`);
    await kiln.app.get(Admission).admit(lane?.lane ?? '');
    const row = await queryRow<{ n: number }>(
      kiln.database,
      sql`SELECT count(*)::int AS n FROM attempt a JOIN job j ON j.id = a.job_id WHERE j.key_id = ${id}`,
    );
    return row?.n ?? 0;
  };
  expect(await admitted()).toBe(1);
  await patch(id, { max_concurrent_jobs: 2, weight: 4 });
  expect(await admitted()).toBe(2);
});

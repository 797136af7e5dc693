import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runKeys } from '../../src/cli/keys-command.js';
import { UsageError } from '../../src/cli/usage-error.js';
import { Keyring } from '../../src/config/secret.js';
import { Database, queryRows, sql } from '../../src/database/database.js';
import { migrate } from '../../src/database/migrations.js';
import { Keys } from '../../src/keys/keys.js';
import type { KeyView, KeyWithSecret, RotatedKeyView } from '../../src/keys/key-view.js';
import { KeysRepository } from '../../src/keys/keys.repository.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { newFolder, startAll } from '../support/process.js';

interface Ran {
  code: number;
  out: string;
  err: string;
}

const ENTRY = join(import.meta.dirname, '../../dist/src/cli.js');

/** `npm run kiln -- keys …` as a process of its own, with just this environment. */
function kiln(env: Record<string, string>, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd: tmpdir(), env: { PATH: process.env['PATH'] ?? '', ...env } };
    execFile(process.execPath, [ENTRY, ...args], options, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

const secret = randomBytes(32).toString('base64url');
let test_: TestDatabase;
let db: Database;
let env: Record<string, string>;
beforeAll(async () => {
  test_ = await createTestDatabase();
  db = new Database({ url: test_.url, poolSize: 2 });
  env = { DATABASE_URL: test_.url, KILN_SECRET: secret };
});
afterAll(async () => {
  await db.close();
  await test_.drop();
});

const keys = (...args: string[]): Promise<Ran> => kiln(env, 'keys', ...args);
async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await keys(...args, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as T;
}

test('a key is made on the database alone, works, and what is done with it stands in the audit', async () => {
  const flags = {
    name: 'shop',
    description: 'the shop',
    'daily-budget-usd': '25.10',
    models: 'veo-*, flux-dev',
    'requests-per-minute': '60',
    'allowed-ips': '203.0.113.0/24,2001:db8::1',
    'expires-at': '2999-01-01T00:00:00Z',
    'max-concurrent-jobs': '2',
    'max-queued-jobs': '9',
    weight: '3',
  };
  const made = await json<KeyWithSecret>(
    'create',
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
  );
  const { id, key } = made;
  expect(made).toMatchObject({
    name: 'shop',
    role: 'app',
    daily_budget_micro_usd: 25_100_000,
    allowed_models: ['veo-*', 'flux-dev'],
    requests_per_minute: 60,
    allowed_ips: ['203.0.113.0/24', '2001:db8::1'],
    expires_at: '2999-01-01T00:00:00.000Z',
    max_concurrent_jobs: 2,
    max_queued_jobs: 9,
    weight: 3,
    description: 'the shop',
  });
  const service = new Keys(new KeysRepository(db), new Keyring([secret]).keys('webhook-secrets'));
  const works = async (one: string): Promise<boolean> => {
    service.forget();
    return (await service.authenticate(one, '203.0.113.9').catch(() => null))?.id === id;
  };
  expect(await works(key)).toBe(true);
  expect(await service.webhookSecrets(id)).toHaveLength(1);

  const changed = await json<KeyView>('update', id, '--daily-budget-usd', 'none', '--models', 'none', '--weight', '1');
  expect(changed).toMatchObject({ daily_budget_micro_usd: null, allowed_models: [], weight: 1, max_queued_jobs: 9 });
  const { secrets: _used, ...shown } = await json<KeyView>('show', id);
  expect(changed).toMatchObject(shown);
  const rotated = await json<RotatedKeyView>('rotate', id, '--overlap-seconds', '0');
  expect([await works(key), await works(rotated.key)]).toEqual([false, true]);
  await json('disable', id);
  expect(await works(rotated.key)).toBe(false);
  await json('enable', id);
  expect(await works(rotated.key)).toBe(true);
  expect(await json('delete', id)).toEqual({ id, object: 'key.deleted', deleted: true });
  expect(await works(rotated.key)).toBe(false);
  expect(await keys('show', id)).toMatchObject({ code: 1, err: expect.stringContaining(`No key '${id}'`) });
  expect((await keys('delete', id)).code).toBe(1);

  const rows = await queryRows<{ actor: string; action: string; data: object }>(
    db,
    sql`SELECT actor, action, data FROM admin_audit WHERE target = ${id} ORDER BY id`,
  );
  expect(rows.map(({ action }) => action)).toEqual([
    'key.create',
    'key.update',
    'key.rotate',
    'key.disable',
    'key.enable',
    'key.delete',
    'key.delete',
  ]);
  expect(new Set(rows.map(({ actor }) => actor))).toEqual(new Set(['cli']));
  expect(rows[1]?.data).toMatchObject({ changes: { weight: { before: 3, after: 1 } } });
  expect(rows.at(-1)?.data).toEqual({ refused: 'not_found' });
  for (const one of [key, rotated.key]) expect(JSON.stringify(rows)).not.toContain(one);
});

test('people get text, and the secret on a line of its own', async () => {
  const made = await keys('create', '--name', 'people', '--daily-budget-usd', '2', '--role', 'viewer');
  const id = /^id +(key_\S+)$/m.exec(made.out)?.[1] ?? '';
  expect(made.out).toMatch(/^budget +\$2\.00 a day$/m);
  expect(made.out.trimEnd()).toMatch(/\nsk-[\w-]{43}$/);
  const listed = await keys('list', '--name', 'people');
  expect(listed.out).toMatch(new RegExp(`^${id}  people  viewer  enabled`));
  expect(await keys('list', '--name', 'nobody')).toEqual({ code: 0, out: 'no keys\n', err: '' });
});

describe('a wrong command line is told by name', () => {
  test('with 2, and where to look', async () => {
    expect(await kiln({}, 'key')).toEqual({
      code: 2,
      out: '',
      err: "There is no 'key'; there is keys.\nSee: npm run kiln -- keys --help\n",
    });
    expect((await keys('create')).code).toBe(2);
  });

  test.each<[string[], string]>([
    [['create'], '--name is required.'],
    [['create', '--name', 'x', '--colour', 'red'], "Unknown option '--colour'. There are --name"],
    [
      ['create', '--name', 'x', '--daily-budget-usd', '1e3'],
      "must be dollars with at most six decimals, such as 25 or 0.50; got '1e3'",
    ],
    [['create', '--name', 'x', '--daily-budget-usd', '0.0000001'], 'at most six decimals'],
    [['create', '--name', 'x', '--weight', 'heavy'], "--weight must be a whole number; got 'heavy'."],
    [['create', '--name', 'x', '--weight', '0'], '--weight is not valid: Too small'],
    [
      ['create', '--name', 'x', '--role', 'root'],
      '--role is not valid: Invalid option: expected one of "app"|"viewer"|"operator"|"admin"; got \'root\'.',
    ],
    [['create', '--name', 'x', '--allowed-ips', '10.0.0.0/99'], '--allowed-ips is not valid'],
    [['create', '--name', 'x', '--expires-at', 'soon'], '--expires-at is not valid: a time as RFC 3339 has it'],
    [['create', '--name', 'x', 'y'], "'y' is one argument too many."],
    [['update', 'key_x'], 'Nothing to change'],
    [['show'], "'keys show' takes the id of a key."],
    [['rotate', 'key_x', '--overlap-seconds', '99999999'], '--overlap-seconds is not valid'],
    [['list', '--disabled', 'maybe'], '--disabled is not valid'],
    [['steal'], "There is no command 'keys steal'; there are create, list"],
  ])('keys %j', async (args, says) => {
    const refused: unknown = await runKeys(args, {}).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UsageError);
    expect((refused as UsageError).message).toContain(says);
  });
});

test.each<[string[], string]>([
  [[], 'keys          make'],
  [['keys'], 'keys <command>'],
  [['keys', '--help'], 'rotate ID'],
  [['keys', 'create', '--help'], '--daily-budget-usd DOLLARS'],
])('%j is help', async (args, says) => {
  expect(await kiln({}, ...args)).toMatchObject({ code: 0, err: '', out: expect.stringContaining(says) });
});

describe('where it can not work it says why, with 1', () => {
  test('no secret beside the database', async () => {
    const ran = await kiln({ DATABASE_URL: test_.url }, 'keys', 'list');
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('KILN_SECRET is not set') });
  });

  test('a database that was never migrated', async () => {
    const empty = await createEmptyDatabase();
    const ran = () => kiln({ ...env, DATABASE_URL: empty.url }, 'keys', 'list');
    expect(await ran()).toMatchObject({ code: 1, err: expect.stringContaining('npm run migrate') });
    await migrate(empty.url, { queues: false });
    expect(await ran()).toMatchObject({ code: 0, out: 'no keys\n' });
    await empty.drop();
  });

  test('a database that is away', async () => {
    const ran = await kiln({ ...env, DATABASE_URL: 'postgresql://kiln:x@127.0.0.1:1/kiln' }, 'keys', 'list');
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('not reachable') });
  });

  test('no database and no service', async () => {
    const dir = await newFolder();
    const ran = await kiln({ KILN_DATA_DIR: dir }, 'keys', 'list');
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining(`No Kiln serves on ${dir}. Start it`) });
    await rm(dir, { recursive: true });
  });
});

test('without DATABASE_URL it asks the service that runs on the data folder', async () => {
  const dir = await newFolder();
  const service = await startAll(dir);
  const ask = async <T>(...args: string[]): Promise<T> => {
    const ran = await kiln({ KILN_DATA_DIR: dir }, 'keys', ...args, '--json');
    expect([ran.code, ran.err]).toEqual([0, '']);
    return JSON.parse(ran.out) as T;
  };
  const { id, key } = await ask<KeyWithSecret>('create', '--name', 'local', '--requests-per-minute', '5');
  const me = async (one: string): Promise<number> =>
    (await fetch(`${service.url}/v1/key`, { headers: { 'x-api-key': one } })).status;
  expect(await me(key)).toBe(200);
  expect(await ask<KeyView>('update', id, '--requests-per-minute', 'none')).toMatchObject({
    requests_per_minute: null,
  });
  const { key: next } = await ask<RotatedKeyView>('rotate', id);
  expect([await me(key), await me(next)]).toEqual([200, 200]);
  expect((await ask<{ data: KeyView[] }>('list', '--name', 'local')).data.map((one) => one.id)).toEqual([id]);
  await ask('disable', id);
  expect(await me(next)).toBe(401);
  await ask('enable', id);
  await ask('delete', id);
  const gone = await kiln({ KILN_DATA_DIR: dir }, 'keys', 'show', id);
  expect(gone).toMatchObject({ code: 1, err: expect.stringContaining(`No key '${id}'`) });
  service.child.kill('SIGTERM');
  await service.ended;
  await rm(dir, { recursive: true, force: true });
});

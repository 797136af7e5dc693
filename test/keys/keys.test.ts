import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { ConfigModule } from '../../src/config/config.module.js';
import { loadConfig } from '../../src/config/config.js';
import { Keyring } from '../../src/config/secret.js';
import { createKeyBody, listKeysQuery } from '../../src/keys/key-bodies.js';
import { KeyAdmin } from '../../src/keys/key-admin.js';
import { KeyAdminRepository } from '../../src/keys/key-admin.repository.js';
import { AdminActor, type AdminAccess, AdminGuard } from '../../src/keys/admin.guard.js';
import { ensureDeveloperKey } from '../../src/keys/developer-key.js';
import { CurrentKey, KeyGuard } from '../../src/keys/key.guard.js';
import { Keys } from '../../src/keys/keys.js';
import type { AuthKey } from '../../src/keys/auth-key.js';
import { KeysModule } from '../../src/keys/keys.module.js';
import { KeysRepository } from '../../src/keys/keys.repository.js';
import { Database, execute, queryRow, sql } from '../../src/database/database.js';
import { DatabaseTestModule, startTestApp } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const keyring = new Keyring([randomBytes(32).toString('base64url')]);
const sealingKeys = keyring.keys('webhook-secrets');
const HERE = '127.0.0.1';
const EVERY = listKeysQuery.parse({ limit: 100 });
const adminOf = (some: Keys): KeyAdmin => new KeyAdmin(new KeyAdminRepository(db), some);
const app = (name: string): ReturnType<typeof createKeyBody.parse> => createKeyBody.parse({ name });

let test: TestDatabase;
let db: Database;
let keys: Keys;
let admin: KeyAdmin;

beforeAll(async () => {
  test = await createTestDatabase();
  db = new Database({ url: test.url, poolSize: 4 });
  keys = new Keys(new KeysRepository(db), sealingKeys);
  admin = adminOf(keys);
});
afterAll(async () => {
  await db.close();
  await test.drop();
});

describe('Keys', () => {
  it('shows a secret once and stores only its hash', async () => {
    const { key, secret } = await keys.create(
      createKeyBody.parse({ name: 'a', allowed_models: ['veo-*'], daily_budget_micro_usd: 5 }),
    );
    expect(Buffer.from(secret.slice(3), 'base64url')).toHaveLength(32);
    expect(await keys.authenticate(secret, HERE)).toEqual(key);
    expect(await keys.get(key.id)).toEqual(key);
    expect(await keys.authenticate(`${secret}x`, HERE)).toBeNull();
    const dump = JSON.stringify(
      await queryRow(
        db,
        sql`SELECT row_to_json(k)::text AS k, (SELECT json_agg(s)::text FROM api_key_secret s) AS s FROM api_key k WHERE id = ${key.id}`,
      ),
    );
    expect(dump).not.toContain(secret.slice(3, 20));
    expect(await admin.list(EVERY)).toContainEqual(
      expect.objectContaining({
        id: key.id,
        secrets: [expect.objectContaining({ preview: `sk-…${secret.slice(-4)}` })],
      }),
    );
    expect(() => keys.assertModelAllowed(key, 'flux-dev')).toThrow(
      expect.objectContaining({ status: 403, type: 'key_model_access_denied' }),
    );
  });

  it('refuses a removed and an expired key', async () => {
    const { key, secret } = await keys.create(app('gone'));
    await keys.authenticate(secret, HERE);
    await admin.remove(key.id);
    expect(await keys.authenticate(secret, HERE)).toBeNull();
    await expect(admin.remove(key.id)).rejects.toMatchObject({ status: 404 });
    const other = await keys.create(app('expired'));
    await execute(
      db,
      sql`UPDATE api_key_secret SET expires_at = now() - interval '1 second' WHERE key_id = ${other.key.id}`,
    );
    expect(await keys.authenticate(other.secret, HERE)).toBeNull();
  });

  it('rotates the webhook secret, both live meanwhile, also when two rotate at once', async () => {
    const { key } = await keys.create(app('hooks'));
    const [first] = await keys.webhookSecrets(key.id);
    const before = await keys.webhookSecretState(key.id);
    expect(before).toMatchObject({ secret: `whsec_${first!.toString('base64')}`, previousExpiresAt: null });
    const after = await keys.rotateWebhookSecret(key.id);
    expect(after.previousExpiresAt!.getTime() - after.rotatedAt.getTime()).toBe(24 * 3_600_000);
    const live = await keys.webhookSecrets(key.id);
    expect(live).toHaveLength(2);
    expect(live[1]).toEqual(first);
    await Promise.all([keys.rotateWebhookSecret(key.id), keys.rotateWebhookSecret(key.id)]);
    expect(await keys.webhookSecrets(key.id)).toHaveLength(2);
    await expect(keys.rotateWebhookSecret('key_none')).rejects.toMatchObject({ status: 404 });
  });
});

describe('the developer key', () => {
  it('is made on the first start, private, and the same later, even over a new database', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'kiln-dev-'));
    const [one, two] = await Promise.all([ensureDeveloperKey(keys, dataDir), ensureDeveloperKey(keys, dataDir)]);
    expect(one.secret).toBe(two.secret);
    expect((await stat(join(dataDir, 'developer-key'))).mode & 0o777).toBe(0o600);
    expect((await readFile(join(dataDir, 'developer-key'), 'utf8')).trim()).toBe(one.secret);
    const later = new Keys(new KeysRepository(db), sealingKeys);
    expect(await ensureDeveloperKey(later, dataDir)).toEqual({ secret: one.secret, created: false });
    expect(await adminOf(later).list({ ...EVERY, name: 'developer' })).toHaveLength(1);
    const wiped = await createTestDatabase();
    const fresh = new Database({ url: wiped.url, poolSize: 2 });
    const freshKeys = new Keys(new KeysRepository(fresh), sealingKeys);
    await ensureDeveloperKey(freshKeys, dataDir);
    expect(await freshKeys.authenticate(one.secret, HERE)).toMatchObject({ role: 'admin' });
    await fresh.close();
    await wiped.drop();
    await rm(dataDir, { recursive: true });
  });
});

@Controller()
class ProbeController {
  @Get('mine')
  @UseGuards(KeyGuard)
  mine(@CurrentKey() key: AuthKey): { id: string } {
    return { id: key.id };
  }

  @Get('admin/probe')
  @UseGuards(AdminGuard)
  admin(@AdminActor() actor: string): { actor: string } {
    return { actor };
  }
}

@Module({ controllers: [ProbeController] })
class ProbeModule {}

async function probe(
  admin: AdminAccess,
  database = db,
): Promise<
  (path: string, headers?: Record<string, string>) => Promise<{ status: number; body: Record<string, unknown> }>
> {
  const running = await startTestApp([
    ConfigModule.forRoot(Object.assign(loadConfig({}), admin), keyring),
    DatabaseTestModule.with(database),
    KeysModule,
    ProbeModule,
  ]);
  return async (path, headers = {}) => {
    const answer = await running.inject({ method: 'GET', url: path, headers });
    return { status: answer.statusCode, body: answer.json() };
  };
}

describe('the guards', () => {
  it('take either header, and say 401 in the envelope', async () => {
    const get = await probe({ adminKey: null, embedded: true });
    const { key, secret } = await keys.create(app('http'));
    expect(await get('/mine', { authorization: `Bearer ${secret}` })).toEqual({ status: 200, body: { id: key.id } });
    expect(await get('/mine', { 'x-api-key': secret })).toEqual({ status: 200, body: { id: key.id } });
    const refused: Record<string, string>[] = [{}, { authorization: 'Bearer sk-wrong' }, { 'x-api-key': 'no' }];
    for (const headers of refused) {
      expect(await get('/mine', headers)).toMatchObject({
        status: 401,
        body: { error: { type: 'authentication_error', code: 'invalid_api_key' } },
      });
    }
  });

  it('say 503 while the database is away', async () => {
    const away = new Database({ url: 'postgresql://kiln:x@127.0.0.1:1/kiln', poolSize: 1 });
    const get = await probe({ adminKey: null, embedded: true }, away);
    expect(await get('/mine', { authorization: 'Bearer sk-x' })).toMatchObject({ status: 503 });
    await away.close();
  });

  it('let the admin key and admin keys through /admin, nobody else', async () => {
    const get = await probe({ adminKey: 'root-secret', embedded: false });
    const admin = await keys.create(createKeyBody.parse({ name: 'ops', role: 'admin' }));
    const { secret } = await keys.create(app('plain'));
    expect(await get('/admin/probe', { authorization: 'Bearer root-secret' })).toEqual({
      status: 200,
      body: { actor: 'admin' },
    });
    expect(await get('/admin/probe', { 'x-api-key': admin.secret })).toEqual({
      status: 200,
      body: { actor: admin.key.id },
    });
    expect(await get('/admin/probe', { authorization: `Bearer ${secret}` })).toMatchObject({ status: 403 });
    // The probe declares no role.
    const operator = await keys.create(createKeyBody.parse({ name: 'shift', role: 'operator' }));
    expect(await get('/admin/probe', { 'x-api-key': operator.secret })).toMatchObject({
      status: 403,
      body: { error: { message: "This needs a key with the role 'admin'; the role of key 'shift' is 'operator'." } },
    });
    expect(await get('/admin/probe', { authorization: 'Bearer root-secre' })).toMatchObject({ status: 401 });
    expect(await get('/admin/probe')).toMatchObject({ status: 401 });
  });

  it('hide /admin in production without an admin key', async () => {
    const get = await probe({ adminKey: null, embedded: false });
    const admin = await keys.create(createKeyBody.parse({ name: 'ops', role: 'admin' }));
    expect(await get('/admin/probe', { 'x-api-key': admin.secret })).toMatchObject({ status: 404 });
  });
});

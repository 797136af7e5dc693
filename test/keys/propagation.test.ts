import { randomBytes } from 'node:crypto';
import { Keyring } from '../../src/config/secret.js';
import { Database } from '../../src/database/database.js';
import { createKeyBody, type PatchKey } from '../../src/keys/key-bodies.js';
import { KeyAdmin } from '../../src/keys/key-admin.js';
import { KeyAdminRepository } from '../../src/keys/key-admin.repository.js';
import { Keys } from '../../src/keys/keys.js';
import { type FoundKey, KeysRepository } from '../../src/keys/keys.repository.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

/** What a replica may still believe after a change. */
const LIMIT_MS = 2000;
const HERE = '127.0.0.1';

let test_: TestDatabase;
let db: Database;
let elapsed = 0;
let wall = Date.now();
const clocks = { now: () => new Date(wall), elapsedMs: () => elapsed };
const sealingKeys = new Keyring([randomBytes(32).toString('base64url')]).keys('webhook-secrets');
const pass = (ms: number): void => {
  elapsed += ms;
  wall += ms;
};

/** Answers when it is told to: a database at the far end of a slow line. */
class SlowRepository extends KeysRepository {
  held: (() => void)[] | null = null;

  override async findBySecretHash(hash: Uint8Array): Promise<FoundKey | null> {
    const found = await super.findBySecretHash(hash);
    const { held } = this;
    if (held) await new Promise<void>((resolve) => held.push(resolve));
    return found;
  }
}

let ops: KeyAdmin;
let remote: SlowRepository;
let replica: Keys;
beforeAll(async () => {
  test_ = await createTestDatabase();
  db = new Database({ url: test_.url, poolSize: 4 });
});
afterAll(async () => {
  await db.close();
  await test_.drop();
});
beforeEach(() => {
  remote = new SlowRepository(db);
  replica = new Keys(remote, sealingKeys, clocks);
  // The change is made by another process, with a memory of its own.
  ops = new KeyAdmin(new KeyAdminRepository(db), new Keys(new KeysRepository(db), sealingKeys, clocks));
});

const newKey = async (): Promise<{ id: string; secret: string }> => {
  const { key, secret } = await ops.create(createKeyBody.parse({ name: 'seen', daily_budget_micro_usd: 1 }));
  return { id: key.id, secret };
};

const CHANGES: [string, PatchKey, object][] = [
  ['a budget', { daily_budget_micro_usd: 5 }, { dailyBudgetMicroUsd: 5 }],
  ['models', { allowed_models: ['veo-*'] }, { allowedModels: ['veo-*'] }],
  ['a queue limit', { max_queued_jobs: 3 }, { maxQueuedJobs: 3 }],
  ['requests a minute', { requests_per_minute: 9 }, { requestsPerMinute: 9 }],
  ['a role', { role: 'operator' }, { role: 'operator' }],
  ['weight and concurrency', { weight: 3, max_concurrent_jobs: 2 }, { weight: 3, maxConcurrentJobs: 2 }],
];

test.each(CHANGES)(
  '%s is obeyed after two seconds, however often the key is used meanwhile',
  async (_what, patch, seen) => {
    const { id, secret } = await newKey();
    await replica.authenticate(secret, HERE);
    await ops.update(id, patch);
    for (let waited = 0; waited < LIMIT_MS; waited += 100) {
      await replica.authenticate(secret, HERE);
      pass(100);
    }
    expect(await replica.authenticate(secret, HERE)).toMatchObject(seen);
  },
);

test.each([
  ['a disabled key', async (id: string) => void (await ops.update(id, { disabled: true }))],
  ['a deleted key', async (id: string) => ops.remove(id)],
  ['a rotated secret without an overlap', async (id: string) => void (await ops.rotate(id, { overlap_seconds: 0 }))],
])('%s is refused after two seconds', async (_what, end) => {
  const { id, secret } = await newKey();
  await replica.authenticate(secret, HERE);
  await end(id);
  pass(LIMIT_MS);
  const refused = await replica.authenticate(secret, HERE).then(
    (key) => key === null,
    (error: unknown) => (error as { status: number }).status === 401,
  );
  expect(refused).toBe(true);
});

test('an answer that was read before the change and comes after it is not believed for longer', async () => {
  const { id, secret } = await newKey();
  const held: (() => void)[] = [];
  remote.held = held;
  const early = replica.authenticate(secret, HERE);
  await until(() => held.length === 1);
  await ops.update(id, { daily_budget_micro_usd: 5 });
  pass(LIMIT_MS);
  // Whoever comes now must not join the one that waits: what it will be told is from before the change.
  remote.held = null;
  expect(await replica.authenticate(secret, HERE)).toMatchObject({ dailyBudgetMicroUsd: 5 });
  held[0]?.();
  expect(await early).toMatchObject({ dailyBudgetMicroUsd: 5 });
  expect(await replica.authenticate(secret, HERE)).toMatchObject({ dailyBudgetMicroUsd: 5 });
});

test('while the database never answers in time, a key is neither taken nor refused', async () => {
  const { secret } = await newKey();
  const held: (() => void)[] = [];
  remote.held = held;
  const asked = replica.authenticate(secret, HERE);
  for (let n = 0; n < 3; n += 1) {
    await until(() => held.length === n + 1);
    pass(LIMIT_MS);
    held[n]?.();
  }
  await expect(asked).rejects.toMatchObject({ status: 503 });
});

test('an end is obeyed at its moment, without a look at the database', async () => {
  const { id, secret } = await newKey();
  const ends = new Date(wall + 700);
  await ops.update(id, { expires_at: ends.toISOString() });
  expect(await replica.authenticate(secret, HERE)).toMatchObject({ expiresAt: ends });
  pass(699);
  expect(await replica.authenticate(secret, HERE)).not.toBeNull();
  pass(1);
  await expect(replica.authenticate(secret, HERE)).rejects.toMatchObject({ status: 401 });
});

test('a clock that is set back keeps nothing alive', async () => {
  const { id, secret } = await newKey();
  await replica.authenticate(secret, HERE);
  await ops.update(id, { disabled: true });
  wall -= 3_600_000;
  elapsed += LIMIT_MS;
  await expect(replica.authenticate(secret, HERE)).rejects.toMatchObject({ status: 401 });
  wall += 3_600_000 + LIMIT_MS;
});

/** Resolves once it is so; the event loop turns meanwhile. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

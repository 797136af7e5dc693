import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { queryRows, sql } from '../../src/database/database.js';
import { Reconciler } from '../../src/jobs/engine/reconciler.js';
import { StorageHealth } from '../../src/jobs/engine/storage-health.js';
import { OBJECT_STORE, type ObjectStore } from '../../src/storage/object-store.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.js';
import {
  bought,
  expectBooks,
  holdAt,
  image,
  jobRow,
  newPrompt,
  openGates,
  reconcile,
  seen,
  settled,
  statesOf,
  timePasses,
  until,
  video,
} from './engine-harness.js';

interface Line {
  url: string;
  /** Ends every connection, and refuses new ones until `back`. */
  cut(): Promise<void>;
  back(): Promise<void>;
  close(): Promise<void>;
}

/** The way to a database, which can be cut as a network or a restart cuts it. */
async function lineTo(url: string): Promise<Line> {
  const target = new URL(url);
  const open = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(Number(target.port), target.hostname);
    for (const [one, next] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one);
      one.on('error', () => undefined);
      one.once('close', () => {
        open.delete(one);
        next.destroy();
      });
      one.pipe(next);
    }
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const through = new URL(url);
  through.host = `127.0.0.1:${port}`;
  const cut = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return { url: through.href, cut, back: async () => void (await listen(port)), close: cut };
}

let kiln: Kiln;
let mend = (): void => undefined;
afterEach(() => {
  openGates();
  mend();
});

describe('on PostgreSQL alone', () => {
  let ground: Ground;
  let line: Line;
  beforeAll(async () => {
    ground = await newGround();
    line = await lineTo(ground.db.url);
    // A claim whose answer was cut off belongs to nobody until its lease is over.
    kiln = await startKiln({
      env: { KILN_CLAIM_LEASE_MS: '3000' },
      ground: { ...ground, db: { ...ground.db, url: line.url } },
    });
  });
  afterAll(async () => {
    await kiln.close();
    await line.close();
    await dropGround(ground);
  });

  test('while the object store fails nothing is bought, and what is bought waits for it', async () => {
    const store = kiln.app.get<ObjectStore>(OBJECT_STORE);
    const healthy = { put: store.put.bind(store), canary: store.canary.bind(store) };
    mend = () => void Object.assign(store, healthy);
    const broken = (): Promise<never> => Promise.reject(new Error('the store is away'));
    const stored = newPrompt();
    const gate = holdAt('store.half');
    const { id: storing } = await kiln.post(image(stored));
    await gate.reached;
    Object.assign(store, { put: broken, canary: broken });
    gate.open(new Error('the store went away'));
    await kiln.app.get(StorageHealth).check();
    const prompt = newPrompt();
    const { id: waiting } = await kiln.post(image(prompt));
    await until('it has its slot', async () => (await jobRow(kiln.database, waiting)).stage === 'submitting');
    for (let rounds = 0; rounds < 3; rounds += 1) {
      for (const id of [storing, waiting]) await timePasses(kiln.database, id);
      await reconcile(kiln);
      await until(
        'both were looked at',
        async () =>
          (
            await queryRows(
              kiln.database,
              sql`SELECT id FROM job WHERE id IN (${storing}, ${waiting}) AND wake_at > now() AND claim_token IS NULL`,
            )
          ).length === 2,
      );
    }
    expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(0);
    expect(await statesOf(kiln.database, waiting)).toEqual(['reserved']);
    expect(await kiln.get(storing)).toMatchObject({ status: 'running', stage: 'storing' });

    mend();
    await kiln.app.get(StorageHealth).check();
    for (const id of [storing, waiting]) {
      await timePasses(kiln.database, id);
      expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
      await expectBooks(kiln, id, ['settle']);
    }
    expect(await seen(kiln.sandbox, 'comfyui', stored)).toBe(1);
    const told = await queryRows<{ type: string }>(
      kiln.database,
      sql`SELECT type FROM ops_event WHERE type LIKE 'storage.%' ORDER BY created_at, id`,
    );
    expect(told.map(({ type }) => type)).toEqual(['storage.failing', 'storage.recovered']);
  });

  test('the database goes away: 503 meanwhile, the task that was just bought is not forgotten, and all ends well by itself', async () => {
    const prompt = newPrompt();
    const gate = holdAt('submit.answered');
    const { id } = await kiln.post(video(prompt));
    await gate.reached;
    const other = await kiln.post(image(newPrompt()));
    await line.cut();
    try {
      gate.open();
      expect(await kiln.call('GET', `/v1/jobs/${id}`)).toMatchObject({
        status: 503,
        body: { error: { type: 'unavailable' } },
      });
      expect(await kiln.call('POST', '/v1/jobs', image(newPrompt()))).toMatchObject({ status: 503 });
      await expect(kiln.app.get(Reconciler).reconcile(0)).resolves.toBeUndefined();
    } finally {
      await line.back();
    }
    await until('the API is back', async () => (await kiln.call('GET', `/v1/jobs/${id}`)).status === 200);
    for (const one of [id, other.id]) {
      expect(await kiln.finished(one)).toMatchObject({ status: 'succeeded', error: null });
      await expectBooks(kiln, one, ['settle']);
      expect((await jobRow(kiln.database, one)).claims).toBe(0);
    }
    expect(await bought(kiln.sandbox, 'vertex', prompt)).toBe(1);
    expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(1);
  });

  test('connections cut again and again cost neither a job nor its quarantine', async () => {
    const ids = await Promise.all(Array.from({ length: 3 }, async () => (await kiln.post(image(newPrompt()))).id));
    for (let cuts = 0; cuts < 5; cuts += 1) {
      await line.cut();
      await line.back();
      await until('the API is back', async () => (await kiln.call('GET', `/v1/jobs/${ids[0]}`)).status === 200);
    }
    for (const id of ids) {
      const done = await settled(kiln, id);
      expect(done).toMatchObject({ status: 'succeeded', error: null });
      await expectBooks(kiln, id, ['settle']);
      const { quarantinedAt } = await jobRow(kiln.database, id);
      expect(quarantinedAt).toBeNull();
    }
  });
});

describeWithRedis('on Redis', () => {
  let redis: TestRedis | null;
  beforeAll(async () => {
    redis = await startRedis();
    kiln = await startKiln({ env: { REDIS_URL: redis?.url ?? '' } });
  });
  afterAll(async () => {
    await kiln.drop();
    await redis?.close();
  });

  test('everything in Redis is forgotten in the middle of it: nothing is lost', async () => {
    const prompts = Array.from({ length: 4 }, () => newPrompt());
    const gate = holdAt('submit.saved');
    const ids: string[] = [];
    for (const prompt of prompts) ids.push((await kiln.post(image(prompt))).id);
    await gate.reached;
    await redis?.flush();
    gate.open();
    await redis?.flush();
    for (const id of ids) {
      expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
      await expectBooks(kiln, id, ['settle']);
    }
    for (const prompt of prompts) expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
  });
});

import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { Processor, getQueueToken } from '@nestjs/bullmq';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Queue } from 'bullmq';
import { newId } from '../src/common/ids.js';
import { delay } from '../src/common/time.js';
import { ConfigModule } from '../src/config/config.module.js';
import { loadConfig } from '../src/config/config.js';
import { Keyring } from '../src/config/secret.js';
import { Database } from '../src/database/database.js';
import { DatabaseModule } from '../src/database/database.module.js';
import { Enqueue } from '../src/queue/enqueue.js';
import { QueueHost } from '../src/queue/queue-host.js';
import { QueueModule } from '../src/queue/queue.module.js';
import { type Payload, WORKER_OPTIONS } from '../src/queue/queues.js';
import { Logger } from '../src/telemetry/logger.js';
import { TelemetryModule } from '../src/telemetry/telemetry.module.js';
import { type TestDatabase, createTestDatabase } from './support/postgres.js';
import { type TestRedis, describeWithRedis, startRedis } from './support/redis.js';

/** What each message's handler answers, in order; null when used up. */
@Injectable()
class Script {
  readonly answers = new Map<string, (number | null)[]>();
  readonly seen: string[] = [];
  readonly events = new EventEmitter();

  async until(count: number): Promise<string[]> {
    while (this.seen.length < count) await once(this.events, 'handled');
    return this.seen;
  }
}

@Processor('tick', WORKER_OPTIONS)
class ScriptedWorker extends QueueHost<'tick'> {
  constructor(
    private readonly script: Script,
    logger: Logger,
  ) {
    super('tick', 5, logger);
  }

  override async handle({ jobId, n }: Payload<'tick'>): Promise<number | null> {
    const answer = this.script.answers.get(jobId)?.shift() ?? null;
    this.script.seen.push(`${jobId}-${n}`);
    this.script.events.emit('handled');
    if (answer === -1) throw new Error('a handler that fails');
    return answer;
  }
}

@Module({ providers: [Script, ScriptedWorker] })
class WorkerModule {}

async function startApp(db: Database, redis: TestRedis | null): Promise<INestApplicationContext> {
  const prefix = `t${randomBytes(4).toString('hex')}`;
  const config = loadConfig({ KILN_QUEUE_PREFIX: prefix, REDIS_URL: redis?.url ?? '' });
  @Module({
    imports: [
      ConfigModule.forRoot(config, new Keyring(['test'])),
      DatabaseModule.forRoot(db),
      TelemetryModule.forRoot(Logger.silent()),
      QueueModule.forRoot(),
      WorkerModule,
    ],
  })
  class TestModule {}
  return NestFactory.createApplicationContext(TestModule, { logger: false });
}

const onPostgres = { name: 'PostgreSQL', describeIt: describe, redis: async () => null };
const onRedis = { name: 'Redis', describeIt: describeWithRedis, redis: startRedis };

for (const { name, describeIt, redis: start } of [onPostgres, onRedis]) {
  describeIt(`queues on ${name}`, () => {
    let test: TestDatabase;
    let db: Database;
    let redis: TestRedis | null;
    let app: INestApplicationContext;
    let enqueue: Enqueue;
    let script: Script;
    let queue: Queue;

    beforeAll(async () => {
      test = await createTestDatabase();
      db = new Database({ url: test.url, poolSize: 2 });
      redis = await start();
      app = await startApp(db, redis);
      enqueue = app.get(Enqueue);
      script = app.get(Script);
      queue = app.get<Queue>(getQueueToken('tick'));
    });
    afterAll(async () => {
      await app.close();
      await redis?.close();
      await db.close();
      await test.drop();
    });
    beforeEach(() => void (script.seen.length = 0));

    /** Completion is written after the handler returned; the queue tells when it is done. */
    async function empty(): Promise<void> {
      for (;;) {
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'completed', 'failed', 'prioritized');
        if (Object.values(counts).every((count) => count === 0)) return;
      }
    }

    it('hands a message over and keeps nothing of it', async () => {
      const jobId = newId('job');
      expect(await enqueue.enqueue('tick', `${jobId}-1`, { jobId, n: 1 })).toBe(true);
      expect(await script.until(1)).toEqual([`${jobId}-1`]);
      await empty();
    });

    it('brings a message back as often as its handler asks', async () => {
      const jobId = newId('job');
      script.answers.set(jobId, [0, 5, 10]);
      await enqueue.enqueue('tick', `${jobId}-2`, { jobId, n: 2 });
      expect(await script.until(4)).toEqual(Array.from({ length: 4 }, () => `${jobId}-2`));
      await empty();
    });

    it('takes a new number for a row whose former message still sleeps', async () => {
      const jobId = newId('job');
      await enqueue.enqueue('tick', `${jobId}-3`, { jobId, n: 3 }, { delayMs: 600_000 });
      await enqueue.enqueue('tick', `${jobId}-4`, { jobId, n: 4 });
      expect(await script.until(1)).toEqual([`${jobId}-4`]);
      await queue.remove(`${jobId}-3`);
      await empty();
    });

    it('ignores an id it holds, which is why ids are never used twice', async () => {
      const jobId = newId('job');
      await enqueue.enqueue('tick', `${jobId}-5`, { jobId, n: 5 }, { delayMs: 600_000 });
      await enqueue.enqueue('tick', `${jobId}-5`, { jobId, n: 5 });
      expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 0, delayed: 1 });
      await queue.remove(`${jobId}-5`);
    });

    it('keeps a message whose handler failed, to try again', async () => {
      const jobId = newId('job');
      script.answers.set(jobId, [-1]);
      await enqueue.enqueue('tick', `${jobId}-6`, { jobId, n: 6 });
      await script.until(1);
      while ((await queue.getDelayedCount()) === 0);
      await queue.remove(`${jobId}-6`);
    });

    it('gives back a payload that only another version knows', async () => {
      await queue.add('tick', { jobId: newId('job'), n: 1, later: true }, { jobId: 'another-version' });
      while ((await queue.getDelayedCount()) === 0);
      expect(script.seen).toEqual([]);
      await queue.remove('another-version');
    });

    it('refuses a payload that the catalog does not know', async () => {
      await expect(enqueue.enqueue('tick', 'x-1', { jobId: 'x', n: 1 })).rejects.toThrow('jobId');
    });
  });
}

describeWithRedis('a lost Redis', () => {
  it('fails no caller, and is used again when it is back', async () => {
    const test = await createTestDatabase();
    const db = new Database({ url: test.url, poolSize: 2 });
    const redis = await startRedis();
    const app = await startApp(db, redis);
    await app.get<Queue>(getQueueToken('tick')).waitUntilReady();
    await redis?.close();
    const jobId = newId('job');
    const enqueue = app.get(Enqueue);
    expect(await enqueue.enqueue('tick', `${jobId}-1`, { jobId, n: 1 })).toBe(false);
    // Nobody waits a second time while it is away.
    expect(await enqueue.enqueue('tick', `${jobId}-2`, { jobId, n: 2 })).toBe(false);

    const back = await startRedis(redis?.port);
    while (!(await enqueue.enqueue('tick', `${jobId}-3`, { jobId, n: 3 }))) await delay(50);
    const script = app.get(Script);
    while (!script.seen.includes(`${jobId}-3`)) await once(script.events, 'handled');
    await app.close();
    await back?.close();
    await db.close();
    await test.drop();
  });
});

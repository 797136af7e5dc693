import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { catalogFrom } from '../../src/catalog/catalog.module.js';
import { loadConfig, type KilnConfig } from '../../src/config/config.js';
import { openKeyring } from '../../src/config/secret.js';
import { Database } from '../../src/database/database.js';
import { JobHub } from '../../src/jobs/events/hub.js';
import { JobWaiter } from '../../src/jobs/events/wait.js';
import { isTerminal } from '../../src/jobs/domain/states.js';
import { JobsRepository } from '../../src/jobs/store/jobs.repository.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { createKeyBody } from '../../src/keys/key-bodies.js';
import { Keys } from '../../src/keys/keys.js';
import { adapters } from '../../src/providers/registry.js';
import { createHttpApp } from '../../src/runtime/http-app.js';
import { Logger } from '../../src/telemetry/logger.js';
import { WorkerModule } from '../../workers/worker.module.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';
import { spawnSandbox, type SandboxClient } from './sandbox.js';

export interface KilnOptions {
  /** Further environment: REDIS_URL, S3_…, limits. */
  env?: Record<string, string>;
  workers?: boolean;
  /** Shared with an earlier Kiln of this test: a restart. */
  ground?: Ground;
  /** The key of an earlier Kiln on this ground; without it, one is made. */
  secret?: string;
  logLevel?: 'silent' | 'debug' | 'warn';
}

/** What outlives one process: database, data folder, sandbox. */
export interface Ground {
  db: TestDatabase;
  dir: string;
  sandbox: SandboxClient;
  port: number;
}

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: T;
}

export interface Kiln {
  url: string;
  app: NestFastifyApplication;
  config: KilnConfig;
  database: Database;
  ground: Ground;
  sandbox: SandboxClient;
  /** The secret of a key with default limits. */
  secret: string;
  newKey(more?: Record<string, unknown>): Promise<{ id: string; secret: string }>;
  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>>;
  /** POST /v1/jobs; throws where it was not accepted. */
  post(body: Record<string, unknown>, headers?: Record<string, string>): Promise<JobView>;
  get(id: string): Promise<JobView>;
  /** The job once it is terminal; fails after `seconds`. */
  finished(id: string, seconds?: number): Promise<JobView>;
  /** Ends this process's part gently and leaves the ground. */
  close(): Promise<void>;
  /** And the ground. */
  drop(): Promise<void>;
}

export async function newGround(options: { speed?: number } = {}): Promise<Ground> {
  const dir = await mkdtemp(join(tmpdir(), 'kiln-app-'));
  const db = await createTestDatabase();
  const sandbox = await spawnSandbox(dir, options.speed ?? 0.02);
  return { db, dir, sandbox, port: await freePort() };
}

export async function dropGround(ground: Ground): Promise<void> {
  await ground.sandbox.close();
  await ground.db.drop();
  await rm(ground.dir, { recursive: true, force: true });
}

/** The whole service in this process, on real servers, with the sandbox for providers. */
export async function startKiln(options: KilnOptions = {}): Promise<Kiln> {
  const ground = options.ground ?? (await newGround());
  const port = ground.port;
  const env = {
    KILN_DATA_DIR: ground.dir,
    PORT: String(port),
    KILN_DRAIN_TIMEOUT_MS: '5000',
    KILN_QUEUE_PREFIX: ground.dir.replaceAll(/\W/g, ''),
    ...options.env,
  };
  const config = loadConfig(env);
  const database = new Database({ url: ground.db.url, poolSize: 10 });
  const catalog = catalogFrom(
    config,
    { url: ground.sandbox.url, credential: 'sandbox', speed: 0.02 },
    adapters,
    () => new Date(),
  );
  const app = await createHttpApp({
    config,
    keyring: await openKeyring(config),
    database,
    catalog,
    logger: Logger.create({ level: options.logLevel ?? 'silent' }),
    workers: options.workers === false ? null : WorkerModule,
  });
  await app.listen({ port, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${port}`;
  const keys = app.get(Keys);
  const newKey: Kiln['newKey'] = async (more = {}) => {
    const { key, secret } = await keys.create(createKeyBody.parse({ name: 'test', ...more }));
    return { id: key.id, secret };
  };
  const secret = options.secret ?? (await newKey({ role: 'admin' })).secret;

  const call: Kiln['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        authorization: `Bearer ${secret}`,
        ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : body instanceof FormData ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text.startsWith('{') ? JSON.parse(text) : { text }) as never,
    };
  };
  const get: Kiln['get'] = async (id) => (await call<JobView>('GET', `/v1/jobs/${id}`)).body;
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await app.get(JobHub).close();
    if (options.workers !== false) await app.get(WorkerModule).stop();
    await app.close();
    await database.close();
  };
  return {
    url,
    app,
    config,
    database,
    ground,
    sandbox: ground.sandbox,
    secret,
    newKey,
    call,
    get,
    close,
    async post(body, headers) {
      const answer = await call<JobView>('POST', '/v1/jobs', body, headers);
      if (answer.status >= 300) throw new Error(`POST /v1/jobs: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    async finished(id, seconds = 25) {
      const job = await app.get(JobsRepository).byId(id);
      if (!job) throw new Error(`no job ${id}`);
      const done = await app.get(JobWaiter).wait(job, seconds, new AbortController().signal);
      if (!isTerminal(done.status))
        throw new Error(
          `job ${id} is ${done.status}/${done.stage} after ${seconds} s: ${JSON.stringify(await get(id), null, 1)}`,
        );
      return get(id);
    },
    async drop() {
      await close();
      if (!options.ground) await dropGround(ground);
    },
  };
}

export async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

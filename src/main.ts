import 'reflect-metadata';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { WorkerModule } from '../workers/worker.module.js';
import type { AppParts } from './app.module.js';
import { SANDBOX_CREDENTIAL } from './catalog/routes.js';
import { catalogFrom } from './catalog/catalog.module.js';
import { CatalogError } from './catalog/load-catalog.js';
import { messageOf } from './common/errors.js';
import { ConfigError, type KilnConfig, loadConfig } from './config/config.js';
import { environment } from './config/environment.js';
import { publicUrlOf } from './config/public-url.js';
import { openKeyring } from './config/secret.js';
import { clockOffsetMs, clockProblem } from './database/clock.js';
import { Database } from './database/database.js';
import { DataFolderTaken } from './database/embedded/data-folder.js';
import { migrate } from './database/migrations.js';
import { ensureDeveloperKey } from './keys/developer-key.js';
import { Keys } from './keys/keys.js';
import { adapters } from './providers/registry.js';
import { prepareGround, type Ground } from './runtime/ground.js';
import { createHttpApp } from './runtime/http-app.js';
import { drain, type Running } from './runtime/lifecycle.js';
import { serveMetrics } from './runtime/metrics-server.js';
import { Logger } from './telemetry/logger.js';

const SANDBOX_ENTRY = join(import.meta.dirname, '..', 'sandbox', 'main.js');

async function main(): Promise<void> {
  const config = await withPort(loadConfig(environment(), process.argv[2]));
  const logger = Logger.create({
    level: config.log.level,
    readable: config.embedded && process.stdout.isTTY,
    fields: { role: config.role },
  });
  for (const name of config.unknownVariables)
    logger.warn({ variable: name }, 'an environment variable is not known; is it misspelt?');
  if (config.role === 'migrate') return migrateOnly(config, logger);

  const ground = await prepareGround(config, SANDBOX_ENTRY);
  try {
    await run(config, logger, ground);
  } catch (error) {
    await ground.leave();
    throw error;
  }
}

async function migrateOnly(config: KilnConfig, logger: Logger): Promise<void> {
  if (config.database.url === null)
    throw new ConfigError(['DATABASE_URL is not set; the role migrate needs it. Allowed is a postgresql:// URL']);
  const { applied } = await migrate(config.database.url, { queues: config.redis === null });
  logger.info({ applied }, applied.length === 0 ? 'the database is up to date' : 'migrations were applied');
}

async function run(config: KilnConfig, logger: Logger, ground: Ground): Promise<void> {
  await migrate(ground.databaseUrl, { queues: config.redis === null });
  const keyring = await openKeyring(config);
  const sandbox =
    ground.sandboxUrl === null
      ? null
      : { url: ground.sandboxUrl, credential: SANDBOX_CREDENTIAL, speed: config.sandbox.speed };
  const catalog = catalogFrom(config, sandbox, adapters, () => new Date());
  for (const warning of catalog.warnings()) logger.warn({}, warning);
  const database = new Database({
    url: ground.databaseUrl,
    poolSize: config.database.poolSize,
    applicationName: `kiln ${config.role}`,
  });
  const wrongClock = clockProblem(await clockOffsetMs(database));
  if (wrongClock !== null) throw new Error(wrongClock);

  const parts: AppParts = {
    config,
    keyring,
    database,
    catalog,
    logger,
    workers: config.role === 'api' ? null : WorkerModule,
  };
  const app = await start(parts);
  const metrics =
    config.http.metricsPort === null ? null : await serveMetrics(app, config.http.host, config.http.metricsPort);
  const running: Running = {
    app,
    config,
    logger,
    stopWorkers: async () => (parts.workers ? app.get(WorkerModule).stop() : undefined),
  };
  const stop = stopOnce(async (): Promise<boolean> => {
    const clean = await drain(running);
    metrics?.close();
    await database.close();
    await ground.leave();
    return clean;
  }, logger);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  ground.sandbox?.onDeath((reason) => {
    logger.fatal({ reason }, 'the sandbox ended; stopping, so that a restart brings both back');
    process.exitCode = 1;
    stop('sandbox');
  });

  if (config.role !== 'worker') ground.folder?.announce(publicUrlOf(config));
  await greet(parts, app.get(Keys));
}

async function start(parts: AppParts): ReturnType<typeof createHttpApp> {
  const app = await createHttpApp(parts);
  if (parts.config.role === 'worker') await app.init();
  else await app.listen({ port: parts.config.http.port, host: parts.config.http.host });
  return app;
}

/** Embedded: where to look and what to use. Production: one line. */
async function greet({ config, logger }: AppParts, keys: Keys): Promise<void> {
  const url = config.role === 'worker' ? null : publicUrlOf(config);
  logger.info({ url, pid: process.pid }, 'ready');
  if (!config.embedded || url === null) return;
  const { secret } = await ensureDeveloperKey(keys, config.dataDir);
  process.stdout.write(
    `\n  Kiln        ${url}\n  API docs    ${url}/docs\n  Your key    ${secret}\n  Data        ${config.dataDir}\n\n`,
  );
}

async function stopAndExit(stop: () => Promise<boolean>, logger: Logger): Promise<never> {
  let clean = false;
  try {
    clean = await stop();
  } catch (error) {
    logger.error({ err: error }, 'stopping failed');
  }
  await logger.flush();
  return process.exit(clean ? process.exitCode : 1);
}

function stopOnce(stop: () => Promise<boolean>, logger: Logger): (why: string) => void {
  let stopping = false;
  return (why) => {
    if (stopping) return;
    stopping = true;
    logger.info({ why }, 'stopping');
    void stopAndExit(stop, logger);
  };
}

/** Links need the port before anything listens: with PORT=0 a free one is chosen here. */
async function withPort(config: KilnConfig): Promise<KilnConfig> {
  if (config.http.port !== 0 || config.role === 'worker' || config.role === 'migrate') return config;
  const port = await new Promise<number>((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, config.http.host, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
  return loadConfig({ ...environment(), PORT: String(port) }, process.argv[2]);
}

/** What a person can mend is told in a sentence; anything else with its stack. */
function tell(error: unknown): void {
  const known =
    error instanceof ConfigError ||
    error instanceof DataFolderTaken ||
    error instanceof CatalogError ||
    (error as { code?: string }).code === 'EADDRINUSE';
  process.stderr.write(
    known
      ? `${messageOf(error)}\n`
      : `Kiln could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
}

main().catch((error: unknown) => {
  tell(error);
  process.exit(1);
});

// A worker of the built service that stops for ever at the points named in CRASH_AT ({jobId: point}), saying so; its test
// kills it there. Everything else it does as in production.
import 'reflect-metadata';
import { WorkerModule } from '../../dist/workers/worker.module.js';
import { catalogFrom } from '../../dist/src/catalog/catalog.module.js';
import { loadConfig } from '../../dist/src/config/config.js';
import { openKeyring } from '../../dist/src/config/secret.js';
import { Database } from '../../dist/src/database/database.js';
import { faultPoints } from '../../dist/src/jobs/store/fault-points.js';
import { adapters } from '../../dist/src/providers/registry.js';
import { createHttpApp } from '../../dist/src/runtime/http-app.js';
import { Logger } from '../../dist/src/telemetry/logger.js';

const { CRASH_AT = '{}', TEST_DATABASE_URL = '', TEST_SANDBOX_URL = '', ...env } = process.env;
/** @type {Record<string, string>} */
const crashAt = JSON.parse(CRASH_AT);
faultPoints.reach = (point, jobId) => {
  if (crashAt[jobId] !== point) return undefined;
  console.log(`reached ${point} ${jobId}`);
  return new Promise(() => undefined);
};

const config = loadConfig(env);
const app = await createHttpApp({
  config,
  keyring: await openKeyring(config),
  database: new Database({ url: TEST_DATABASE_URL, poolSize: 10 }),
  catalog: catalogFrom(config, { url: TEST_SANDBOX_URL, credential: 'sandbox' }, adapters, () => new Date()),
  logger: Logger.create({ level: process.env['TEST_LOG'] || 'silent' }),
  workers: WorkerModule,
});
await app.init();
console.log('working');

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Env, type KilnConfig, loadConfig } from '../config/config.js';
import { openKeyring } from '../config/secret.js';
import { Database } from '../database/database.js';
import { ownerOfDataFolder } from '../database/embedded/data-folder.js';
import { expectedMigrations } from '../database/migrations.js';
import { DEVELOPER_KEY_FILE } from '../keys/developer-key.js';
import { KeyAdmin } from '../keys/key-admin.js';
import { KeyAdminRepository } from '../keys/key-admin.repository.js';
import { Keys } from '../keys/keys.js';
import { KeysRepository } from '../keys/keys.repository.js';
import { AuditRepository } from '../ops/audit.repository.js';
import { ReadinessRepository } from '../ops/readiness.repository.js';
import { DatabaseDesk, type KeyDesk, ServiceDesk } from './key-desk.js';
import { CommandError } from './usage-error.js';

/** All that the command line reads; what else a service needs is no matter here. */
const VARIABLES = ['DATABASE_URL', 'KILN_SECRET', 'KILN_DATA_DIR'] as const;

export interface OpenDesk {
  desk: KeyDesk;
  close(): Promise<void>;
}

/** With DATABASE_URL the database itself, else the service that runs on the data folder. */
export async function openDesk(env: Env): Promise<OpenDesk> {
  // The role that needs nothing but a database.
  const config = loadConfig(Object.fromEntries(VARIABLES.map((name) => [name, env[name]])), 'migrate');
  if (config.database.url !== null) return openDatabase(config, config.database.url);
  return { desk: await openService(config), close: async () => undefined };
}

async function openDatabase(config: KilnConfig, url: string): Promise<OpenDesk> {
  if (config.secrets.length === 0)
    throw new CommandError(
      "KILN_SECRET is not set. With DATABASE_URL it must be the service's: keys get a webhook secret, sealed with it.",
    );
  const database = new Database({ url, poolSize: 2, applicationName: 'kiln cli' });
  try {
    await assertMigrated(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  const sealingKeys = (await openKeyring(config)).keys('webhook-secrets');
  const keys = new Keys(new KeysRepository(database), sealingKeys);
  const desk = new DatabaseDesk(new KeyAdmin(new KeyAdminRepository(database), keys), new AuditRepository(database));
  return { desk, close: () => database.close() };
}

async function assertMigrated(database: Database): Promise<void> {
  const applied = await new ReadinessRepository(database).appliedMigrations().catch((error: unknown) => {
    if (/_prisma_migrations/.test(String(error))) return [] as string[];
    throw error;
  });
  const isMigrated = (await expectedMigrations()).every((name) => applied.includes(name));
  if (!isMigrated) throw new CommandError("The database is older than this version; run 'npm run migrate' first.");
}

/** The embedded database has one owner, the service: it is asked, with the developer's key. */
async function openService({ dataDir }: KilnConfig): Promise<KeyDesk> {
  const owner = await ownerOfDataFolder(dataDir);
  if (owner === null || owner.url === null)
    throw new CommandError(
      `No Kiln serves on ${dataDir}. Start it ('npm start') and try again, set KILN_DATA_DIR to its folder, or set DATABASE_URL and KILN_SECRET.`,
    );
  const secret = await readFile(join(dataDir, DEVELOPER_KEY_FILE), 'utf8').catch(() => null);
  if (secret === null)
    throw new CommandError(`The key in ${join(dataDir, DEVELOPER_KEY_FILE)} can't be read; run this as its owner.`);
  return new ServiceDesk(owner.url, secret.trim());
}

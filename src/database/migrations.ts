import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runMigrations as migrateQueues } from 'bullmq';
import { dedicatedConnection } from './connection.js';
import { withSchemaEngine } from './schema-engine.js';

/** Key of the session advisory lock that migrating processes take ("KILN" as ASCII). */
const MIGRATION_LOCK = 0x4b494c4e;

export interface MigrateOptions {
  /** BullMQ keeps its queues in this database too. */
  queues: boolean;
  /** Default: prisma/migrations of this project. */
  dir?: string;
}

/**
 * Brings the database to this version's schema and returns what was applied, in order. One process at a time: others wait
 * for it and then find nothing to do. Keeps `_prisma_migrations` as the Prisma CLI does.
 */
export async function migrate(databaseUrl: string, options: MigrateOptions): Promise<{ applied: string[] }> {
  const connection = await dedicatedConnection(databaseUrl, 'kiln migrate');
  try {
    await connection.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const applied = await applyMigrations(databaseUrl, options.dir ?? (await findMigrations()));
    if (options.queues) await migrateQueues(connection);
    return { applied };
  } finally {
    // Ending the session lets go of the lock.
    await connection.end();
  }
}

/** Names of the migrations that this version needs, in order. */
export async function expectedMigrations(dir?: string): Promise<string[]> {
  const entries = await readdir(dir ?? (await findMigrations()), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}

async function applyMigrations(databaseUrl: string, baseDir: string): Promise<string[]> {
  const names = await expectedMigrations(baseDir);
  const migrationDirectories = await Promise.all(
    names.map(async (path) => {
      const value = await readFile(join(baseDir, path, 'migration.sql'), 'utf8');
      return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
    }),
  );
  const lockfile = {
    path: 'migration_lock.toml',
    content: await readFile(join(baseDir, 'migration_lock.toml'), 'utf8'),
  };
  return withSchemaEngine(databaseUrl, null, async (engine) => {
    const { appliedMigrationNames } = await engine.applyMigrations({
      migrationsList: { baseDir, lockfile, shadowDbInitScript: '', migrationDirectories },
      filters: { externalTables: [], externalEnums: [] },
    });
    return appliedMigrationNames;
  });
}

/** prisma/migrations lies beside package.json, above both src and dist/src. */
async function findMigrations(): Promise<string> {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const found = join(dir, 'prisma', 'migrations');
    if (existsSync(found)) return found;
  }
  throw new Error(`prisma/migrations was not found above ${import.meta.url}`);
}

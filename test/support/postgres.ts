import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync, renameSync, rmSync, chmodSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { delay } from '../../src/common/time.js';
import { startEmbeddedPostgres } from '../../src/database/embedded/postgres.js';
import { migrate } from '../../src/database/migrations.js';
import { runDir } from './run-dir.js';

export interface TestDatabase {
  url: string;
  /** Ends every connection to it and removes it. */
  drop(): Promise<void>;
}

const TEMPLATE = 'kiln_template';
const START_TIMEOUT_MS = 60_000;

/** A migrated database of one's own (Kiln's tables and BullMQ's), cloned from the run's template in some 50 ms. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(`TEMPLATE ${TEMPLATE}`);
}

/** A database without any table, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('');
}

async function createDatabase(clause: string): Promise<TestDatabase> {
  const server = await serverUrl();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withAdmin(server, (admin) => admin.query(`CREATE DATABASE ${name} ${clause}`));
  return {
    url: withName(server, name),
    drop: async () =>
      void (await withAdmin(server, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
  };
}

/** The run's one PostgreSQL. The first suite that asks starts it; the others, in their own processes, wait for its file. */
async function serverUrl(): Promise<string> {
  const dir = runDir();
  const ready = join(dir, 'postgres.url');
  const failed = join(dir, 'postgres.failed');
  let mine = false;
  try {
    mkdirSync(join(dir, 'postgres.lock'));
    mine = true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (mine) {
    try {
      // The server runs as another user when this is root.
      chmodSync(dir, 0o711);
      const url = await startServer(join(dir, 'postgres'));
      writeFileSync(`${ready}.part`, url);
      renameSync(`${ready}.part`, ready);
    } catch (error) {
      writeFileSync(failed, String(error));
      throw error;
    }
  }
  for (const until = Date.now() + START_TIMEOUT_MS; ; await delay(25)) {
    const url = await readFile(ready, 'utf8').catch(() => null);
    if (url) return url;
    const reason = await readFile(failed, 'utf8').catch(() => null);
    if (reason) throw new Error(`another suite could not start PostgreSQL: ${reason}`);
    if (Date.now() > until) throw new Error('PostgreSQL for tests did not start in time');
  }
}

async function startServer(dir: string): Promise<string> {
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    autovacuum: 'off',
    shared_buffers: '64MB',
  };
  const server = await startEmbeddedPostgres({ dir, settings });
  await withAdmin(server.url, (admin) => admin.query(`CREATE DATABASE ${TEMPLATE}`));
  await migrate(withName(server.url, TEMPLATE), { queues: true });
  rmSync(join(dir, 'password'), { force: true });
  return server.url;
}

function withName(url: string, name: string): string {
  const named = new URL(url);
  named.pathname = `/${name}`;
  return named.href;
}

async function withAdmin<T>(url: string, use: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: url });
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.end();
  }
}

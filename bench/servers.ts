import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../src/database/embedded/postgres.js';
import { migrate } from '../src/database/migrations.js';
import { freePort, startChild } from './child.js';
import type { Cleanup } from './cleanup.js';

export type Backend = 'PostgreSQL' | 'Redis';
export const BACKENDS: readonly Backend[] = ['Redis', 'PostgreSQL'];

/** The servers under every bench, and a folder that goes with them. */
export interface Servers {
  dir: string;
  /** A new database with Kiln's tables and the queue's. */
  database(): Promise<string>;
  /** Null for queues in PostgreSQL. A Redis of the run's own, which keeps nothing on disk. */
  redis(backend: Backend): Promise<string | null>;
  /** A folder for one bench. */
  folder(name: string): Promise<string>;
}

/** PostgreSQL: the server of DATABASE_URL, in databases of the run's own, or an embedded one with its usual settings. */
export async function startServers(cleanup: Cleanup): Promise<Servers> {
  const dir = await mkdtemp(join(tmpdir(), 'kiln-bench-'));
  cleanup.add(() => rm(dir, { recursive: true, force: true }));
  const server = process.env['DATABASE_URL'] ?? (await embedded(dir, cleanup));
  let redisUrl: Promise<string> | null = null;
  return {
    dir,
    database: () => createDatabase(server, cleanup),
    async redis(backend) {
      if (backend === 'PostgreSQL') return null;
      redisUrl ??= startRedis(dir, cleanup);
      return redisUrl;
    },
    async folder(name) {
      const path = join(dir, name);
      await mkdir(path, { recursive: true });
      return path;
    },
  };
}

async function embedded(dir: string, cleanup: Cleanup): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dir: join(dir, 'postgres') });
  cleanup.add(() => postgres.stop());
  return postgres.url;
}

async function createDatabase(server: string, cleanup: Cleanup): Promise<string> {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  await execute(server, `CREATE DATABASE ${name}`);
  cleanup.add(() => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  await migrate(url.href, { queues: true });
  return url.href;
}

async function startRedis(dir: string, cleanup: Cleanup): Promise<string> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir];
  await startChild(
    { command: 'redis-server', args, isReady: (line) => line.includes('Ready to accept connections') },
    cleanup,
  );
  return `redis://127.0.0.1:${port}`;
}

async function execute(url: string, statement: string): Promise<void> {
  await query(url, statement);
}

/** Rows of one statement, over a connection of its own. */
export async function query<T extends object>(url: string, statement: string, values: unknown[] = []): Promise<T[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(statement, values)).rows;
  } finally {
    await client.end();
  }
}

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { runDir } from './run-dir.js';

export interface TestRedis {
  url: string;
  port: number;
  /** Forgets everything, as a lost Redis would. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Whether this machine has a redis-server. Suites that need it use `describeWithRedis`. */
export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0;

/**
 * A suite that needs Redis. Where there is no redis-server it stands in the counts as skipped, with the reason in its name:
 * it is never silently absent.
 */
export function describeWithRedis(name: string, suite: () => void): void {
  if (hasRedis()) describe(name, suite);
  else describe.skip(`${name} (skipped: no redis-server on this machine)`, suite);
}

/** A Redis of one's own that keeps nothing on disk, on `port` or a free one; null where there is no redis-server. */
export async function startRedis(port?: number): Promise<TestRedis | null> {
  return hasRedis() ? start(port ?? (await freePort())) : null;
}

async function start(port: number): Promise<TestRedis> {
  const dir = mkdtempSync(join(runDir(), 'redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir];
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  // A suite that dies must not leave a server behind.
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept connections')) break;
  const url = `redis://127.0.0.1:${port}`;
  return {
    url,
    port,
    flush: async () => {
      const client = new Redis(url);
      await client.flushall();
      client.disconnect();
    },
    close: async () => {
      process.off('exit', kill);
      server.kill('SIGTERM');
      await exited;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Child } from '../child.js';
import type { Cleanup } from '../cleanup.js';
import { Kiln, startSandbox } from '../kiln.js';
import { soakEnvironment, soakModels } from './catalog.js';
import type { Receiver } from './receiver.js';

export type Role = 'api' | 'worker';

export interface Ground {
  databaseUrl: string;
  /** Null: queues in PostgreSQL. */
  redisUrl: string | null;
  dataDir: string;
  /** Further environment of Kiln's processes. */
  env: Record<string, string>;
}

export interface SoakKey {
  id: string;
  secret: string;
}

const SANDBOX_SPEED = '0.02';

/** One api, one worker and the emulated providers, each a process; api and worker can be killed and come back. */
export class World {
  private readonly running = new Map<Role, Child>();

  private constructor(
    readonly kiln: Kiln,
    readonly url: string,
    readonly sandboxUrl: string,
    private readonly env: Record<string, string>,
  ) {}

  static async start(ground: Ground, receiver: Receiver, cleanup: Cleanup): Promise<World> {
    const sandboxUrl = await startSandbox(ground.dataDir, cleanup, { SANDBOX_SPEED });
    const port = await lastingPort();
    const url = `http://127.0.0.1:${port}`;
    const kiln = new Kiln({ ...ground, sandboxUrl, models: soakModels(sandboxUrl) }, cleanup);
    const world = new World(kiln, url, sandboxUrl, {
      ...soakEnvironment(sandboxUrl),
      NODE_ENV: 'production',
      KILN_PUBLIC_URL: url,
      KILN_EGRESS_ALLOW: `${receiver.host},${new URL(sandboxUrl).host}`,
      ...ground.env,
    });
    await Promise.all([world.boot('api'), world.boot('worker')]);
    return world;
  }

  async boot(role: Role): Promise<void> {
    const { port } = new URL(this.url);
    this.running.set(role, await this.kiln.start(role, { ...this.env, ...(role === 'api' ? { PORT: port } : {}) }));
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(role: Role): Promise<void> {
    const child = this.running.get(role);
    if (!child) return;
    this.running.delete(role);
    process.kill(child.pid, 'SIGKILL');
    await child.stop();
  }

  async newKey(name: string, dailyBudgetMicroUsd: number | null): Promise<SoakKey> {
    const body = { name, daily_budget_micro_usd: dailyBudgetMicroUsd };
    const { id, key } = await this.kiln.admin<{ id: string; key: string }>('POST', '/admin/keys', body);
    return { id, secret: key };
  }
}

/**
 * A port that stays free while nobody listens there: below those that the system gives to outgoing connections, of which
 * there are many while a server is away.
 */
async function lastingPort(): Promise<number> {
  for (;;) {
    const server = createServer();
    const listening = once(server, 'listening').then(
      () => true,
      () => false,
    );
    const port = randomInt(10_000, 30_000);
    server.listen(port, '127.0.0.1');
    if (!(await listening)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

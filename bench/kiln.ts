import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, freePort, startChild } from './child.js';
import type { Cleanup } from './cleanup.js';

/** What was built, also where a test runs this from its source. */
const DIST = import.meta.filename.endsWith('.ts')
  ? join(import.meta.dirname, '..', 'dist')
  : join(import.meta.dirname, '..');
const KILN = join(DIST, 'src', 'main.js');
const SANDBOX = join(DIST, 'sandbox', 'main.js');
export const FLOOR = join(DIST, 'bench', 'floor.js');

export const SANDBOX_KEY = 'sandbox';
/** As `npm start` gives them; an api, as docker-compose.yml does: what requests leave behind is collected twice as seldom. */
const heapFlags = (role: 'api' | 'worker' | 'all'): string[] => [
  '--max-old-space-size=512',
  `--max-semi-space-size=${role === 'api' ? 32 : 8}`,
];
const HEAP_ENV = { MALLOC_ARENA_MAX: '2' };
/** The alias that runs on the sandbox through the lane LANE, which is wider than any bench needs. */
export const MODEL = 'veo-3.1-fast';
const LANE = 'bench';
const LANE_CAPACITY = 100_000;

export interface Installation {
  databaseUrl: string;
  /** Null: queues in PostgreSQL. */
  redisUrl: string | null;
  dataDir: string;
  /** Base URL of the emulated providers; null where nothing is to be submitted. */
  sandboxUrl: string | null;
  /** Models beside the shipped ones, as an overlay's. */
  models?: Record<string, unknown>;
}

export interface KilnProcess extends Child {
  url: string;
  /** Prometheus text of this process. */
  metricsUrl: string;
}

/** Several processes of one installation share its secrets and its environment, as replicas do. */
export class Kiln {
  private readonly adminKey = `sk-${randomBytes(24).toString('base64url')}`;
  private readonly secret = randomBytes(48).toString('base64');
  private api: KilnProcess | null = null;
  private catalog: Promise<string> | null = null;

  constructor(
    private readonly at: Installation,
    private readonly cleanup: Cleanup,
  ) {}

  /** Starts one process as production runs it: `dist/src/main.js` with servers named by the environment. */
  async start(role: 'api' | 'worker' | 'all', env: Record<string, string> = {}): Promise<KilnProcess> {
    const [port, metricsPort] = [env['PORT'] ?? (await freePort()), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const child = await startChild(
      {
        command: process.execPath,
        args: [...process.execArgv, ...heapFlags(role), KILN, role],
        env: {
          ...HEAP_ENV,
          ...(await this.environment()),
          PORT: String(port),
          METRICS_PORT: String(metricsPort),
          ...env,
        },
        isReady: (line) => line.includes('"msg":"ready"'),
      },
      this.cleanup,
    );
    const started = { ...child, url, metricsUrl: `http://127.0.0.1:${metricsPort}/metrics` };
    if (role !== 'worker') this.api = started;
    return started;
  }

  /** Asks the API as its administrator. */
  async admin<T = Record<string, unknown>>(method: string, path: string, body: unknown = {}): Promise<T> {
    if (!this.api) throw new Error('no API was started');
    const response = await fetch(this.api.url + path, {
      method,
      headers: { authorization: `Bearer ${this.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** The secret of a new API key; without `limits` it has none. */
  async newKey(limits: Record<string, number> = {}): Promise<string> {
    const { key } = await this.admin<{ key: string }>('POST', '/admin/keys', { name: 'bench', ...limits });
    return key;
  }

  private async environment(): Promise<Record<string, string>> {
    const { databaseUrl, redisUrl, dataDir, sandboxUrl } = this.at;
    // Once: a process that starts must not read the file while another one's start writes it.
    this.catalog ??= writeOverlay(this.at);
    const catalog = await this.catalog;
    return {
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
      KILN_DATA_DIR: dataDir,
      KILN_STORAGE: 'file',
      KILN_SECRET: this.secret,
      KILN_PUBLIC_URL: 'http://127.0.0.1:1',
      KILN_ADMIN_KEY: this.adminKey,
      KILN_CATALOG: catalog,
      KILN_DRAIN_DELAY_MS: '0',
      KILN_DRAIN_TIMEOUT_MS: '3000',
      KILN_CREDENTIAL_GEMINI: `api_key:${SANDBOX_KEY}`,
      KILN_ENDPOINTS_GEMINI: `${sandboxUrl ?? 'http://127.0.0.1:1'}/gemini/v1beta`,
      KILN_ENDPOINTS_COMFYUI: 'http://127.0.0.1:1/comfyui/0,http://127.0.0.1:1/comfyui/1',
    };
  }
}

/** Posts one job as a client does; its id. */
export async function postJob(api: KilnProcess, key: string, input: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${api.url}/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, input }),
  });
  const text = await response.text();
  if (response.status !== 202) throw new Error(`POST /v1/jobs: ${response.status} ${text}`);
  return (JSON.parse(text) as { id: string }).id;
}

const OVERLAY = {
  lanes: { [LANE]: { capacity: LANE_CAPACITY } },
  models: { [MODEL]: { routes: { vertex: null, gemini: { lane: LANE, retires_on: null } } } },
};

async function writeOverlay({ dataDir, models = {} }: Installation): Promise<string> {
  const path = join(dataDir, 'bench-catalog.yaml');
  await writeFile(path, JSON.stringify({ ...OVERLAY, models: { ...OVERLAY.models, ...models } }));
  return path;
}

/** The emulated providers in a process of their own, at the pace of real ones. */
export async function startSandbox(
  dataDir: string,
  cleanup: Cleanup,
  env: Record<string, string> = {},
): Promise<string> {
  const child = await startChild(
    {
      command: process.execPath,
      args: [SANDBOX],
      env: { SANDBOX_HOST: '127.0.0.1', SANDBOX_PORT: '0', SANDBOX_DATA_DIR: dataDir, SANDBOX_KEY, ...env },
      isReady: (line) => line.startsWith('{"url"'),
    },
    cleanup,
  );
  return (JSON.parse(child.readyLine) as { url: string }).url;
}

/** What the sandbox recorded of the submit whose body contains `mark`, waiting up to ten seconds for it. */
export async function submitted(sandboxUrl: string, mark: string): Promise<{ at: string; taskId: string | null }> {
  for (let tries = 0; tries < 500; tries += 1) {
    await sleep(20);
    const response = await fetch(`${sandboxUrl}/_sandbox/requests?contains=${mark}`);
    const { requests } = (await response.json()) as { requests: { at: string; taskId: string | null }[] };
    const [arrived] = requests;
    if (arrived) return arrived;
  }
  throw new Error('a job never arrived at the provider');
}

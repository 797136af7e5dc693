import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startSandboxProcess } from '../../src/runtime/sandbox-process.js';

export interface RecordedRequest {
  provider: string;
  path: string;
  outcome: string;
  fault: string | null;
  taskId: string | null;
  body: Record<string, unknown>;
}

/** The sandbox as a process of its own, as in production: Kiln forbids sharp the formats that the sandbox draws with. */
export interface SandboxClient {
  url: string;
  /** Shows a fault to the next `times` matching requests; names and phases at the sandbox's root page. */
  arm(fault: {
    provider: string;
    fault: string;
    times?: number;
    value?: string | number;
    match?: string;
  }): Promise<void>;
  clearFaults(): Promise<void>;
  /** Submits that the provider saw, accepted or not. */
  requests(provider: string): Promise<RecordedRequest[]>;
  counts(provider: string): Promise<Record<string, number>>;
  restartComfy(n: number): Promise<void>;
  /** The servers below a path have scaled to zero: the first call wakes them, and `wakeMs` later they are up. */
  sleep(prefix: string, mode: 'hold' | '502' | '503' | '504', wakeMs: number): Promise<void>;
  close(): Promise<void>;
}

export async function spawnSandbox(dataDir: string, speed: number): Promise<SandboxClient> {
  const entry = join(import.meta.dirname, '../../dist/sandbox/main.js');
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run the tests by 'npm test', which builds first`);
  const sandbox = await startSandboxProcess({ entry, dataDir, speed });
  const admin = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${sandbox.url}/_sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json().catch(() => null);
  };
  const recorded = async (
    provider: string,
  ): Promise<{ counts: Record<string, Record<string, number>>; requests: RecordedRequest[] }> =>
    (await admin('GET', `requests?provider=${provider}`)) as never;
  return {
    url: sandbox.url,
    arm: async (fault) => void (await admin('POST', 'faults', fault)),
    clearFaults: async () => void (await admin('DELETE', 'faults')),
    requests: async (provider) => (await recorded(provider)).requests,
    counts: async (provider) => (await recorded(provider)).counts[provider] ?? {},
    restartComfy: async (n) => void (await admin('POST', `comfyui/${n}/restart`, {})),
    sleep: async (prefix, mode, wakeMs) => void (await admin('POST', 'sleep', { prefix, mode, wake_ms: wakeMs })),
    close: () => sandbox.stop(),
  };
}

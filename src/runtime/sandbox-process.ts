import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { childEnvironment } from '../config/environment.js';
import { SANDBOX_KEY } from '../upstreams/credentials.js';

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3000;

export interface SandboxProcess {
  url: string;
  /** Calls back with a reason when it ends without being asked to. */
  onDeath(listener: (reason: string) => void): void;
  stop(): Promise<void>;
}

/**
 * The emulated providers as a child process, whose address stays the same over restarts: attempts keep their endpoint. It
 * ends with its standard input, so that it does not outlive a parent that was killed.
 */
export async function startSandboxProcess(options: {
  entry: string;
  dataDir: string;
  speed: number;
}): Promise<SandboxProcess> {
  const portFile = join(options.dataDir, 'sandbox-port');
  const kept = Number(await readFile(portFile, 'utf8').catch(() => '0'));
  const started = await spawnSandbox(options, Number.isInteger(kept) && kept > 0 ? kept : 0).catch((error: unknown) => {
    if (kept === 0) throw error;
    // Someone else took the port meanwhile.
    return spawnSandbox(options, 0);
  });
  await writeFile(portFile, new URL(started.url).port);
  return started;
}

async function spawnSandbox(
  options: { entry: string; dataDir: string; speed: number },
  port: number,
): Promise<SandboxProcess> {
  const child = spawn(process.execPath, [options.entry], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...childEnvironment(),
      SANDBOX_HOST: '127.0.0.1',
      SANDBOX_PORT: String(port),
      SANDBOX_DATA_DIR: join(options.dataDir, 'sandbox'),
      SANDBOX_SPEED: String(options.speed),
      SANDBOX_KEY,
      SANDBOX_PARENT: '1',
    },
  });
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`exit ${code ?? signal}`));
    child.once('error', (error) => resolve(error.message));
  });
  const url = await firstLine(child, exited);
  let stopping = false;
  return {
    url,
    onDeath(listener) {
      child.once('exit', (code, signal) => stopping || listener(`exit ${code ?? signal}`));
    },
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(kill);
    },
  };
}

async function firstLine(child: ChildProcess, exited: Promise<string>): Promise<string> {
  if (!child.stdout) throw new Error('the sandbox has no output');
  const lines = createInterface({ input: child.stdout });
  const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
  const line = new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    timeout.addEventListener('abort', () => reject(new Error('the sandbox did not start in time')), { once: true });
    void exited.then((reason) => reject(new Error(`the sandbox ended: ${reason}`)));
  });
  try {
    return (JSON.parse(await line) as { url: string }).url;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

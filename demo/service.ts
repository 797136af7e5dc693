import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './root.js';

const ENTRY = join(ROOT, 'dist', 'src', 'main.js');
const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;
const TAIL_LINES = 15;
/** Less than a small result needs is no ground to stop a demo. */
const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** The sandbox takes as long as a provider would at 1; a demo is not about waiting. */
const SANDBOX_SPEED = '0.2';

/** Kiln running as a child process. */
export interface Service {
  url: string;
  /** The developer key. */
  key: string;
  logFile: string;
  /** Rejects when the process ends without being asked to. */
  died: Promise<never>;
  stop(): Promise<void>;
}

/** Kiln did not start, or ended; the message has its last words. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

/**
 * Starts Kiln with its embedded servers, as `npm start` does. What the shell says of another installation's servers is not
 * passed on. Its log goes to `{dataDir}/demo.log`.
 */
export async function startService(options: {
  dataDir: string;
  /** host:port of the webhook receiver, which a service would not call otherwise: it is private. */
  allow: string;
  signal: AbortSignal;
}): Promise<Service> {
  await mkdir(options.dataDir, { recursive: true });
  const logFile = join(options.dataDir, 'demo.log');
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  const child = spawn(process.execPath, ['--enable-source-maps', ENTRY], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      KILN_SANDBOX_SPEED: SANDBOX_SPEED,
      ...withoutKiln(process.env),
      PORT: '0',
      KILN_DATA_DIR: options.dataDir,
      KILN_EGRESS_ALLOW: options.allow,
      KILN_MIN_FREE_BYTES: String(MIN_FREE_BYTES),
    },
  });
  const tail: string[] = [];
  const died = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new ServiceError(`Kiln could not be started: ${error.message}`)));
    child.once('close', (code, by) => reject(new ServiceError(lastWords(code ?? by, tail, logFile))));
  });
  // Whoever waits for it hears of it; nobody may be waiting.
  died.catch(() => undefined);
  const stop = (): Promise<void> => stopChild(child, log);
  try {
    const { url, key } = await Promise.race([greeting(child, log, tail), died, late(options.signal)]);
    return { url, key, logFile, died, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A demo is its own installation; what concerns the machine and the models is kept. */
function withoutKiln(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(KILN_|S3_|DATABASE_URL$|REDIS_URL$|HOST$|PORT$|METRICS_PORT$|NODE_OPTIONS$)/;
  const kept = /^KILN_(CATALOG|CREDENTIAL_\w+|ENDPOINTS_\w+|LOG_LEVEL|SANDBOX_SPEED)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name) || kept.test(name)));
}

/** Reads what Kiln prints for a person at its start; lines of JSON are its log. */
function greeting(child: ChildProcess, log: WriteStream, tail: string[]): Promise<{ url: string; key: string }> {
  const keep = (line: string): void => {
    log.write(`${line}\n`);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
  };
  if (child.stderr) createInterface({ input: child.stderr }).on('line', keep);
  return new Promise((resolve) => {
    if (!child.stdout) return;
    let url: string | undefined;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) return keep(line);
      url ??= /^\s*Kiln\s+(http\S+)/.exec(line)?.[1];
      const key = /^\s*Your key\s+(\S+)/.exec(line)?.[1];
      if (url !== undefined && key !== undefined) resolve({ url, key });
    });
  });
}

function late(stopped: AbortSignal): Promise<never> {
  const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
  return new Promise((_, reject) => {
    stopped.addEventListener('abort', () => reject(stopped.reason as Error), { once: true });
    timeout.addEventListener(
      'abort',
      () => reject(new ServiceError(`Kiln was not ready within ${START_TIMEOUT_MS / 1000} s.`)),
      { once: true },
    );
  });
}

function lastWords(how: string | number | null, tail: readonly string[], logFile: string): string {
  const taken = tail.find((line) => line.includes('belongs to a Kiln that runs already'));
  if (taken !== undefined) return `${taken.split('. ')[0]}. Stop it, or take another folder with --data.`;
  const lines = tail.map(readable).join('\n  ');
  return `Kiln ended (${how ?? 'unknown'}). Its last lines, all of them in ${logFile}:\n  ${lines}`;
}

function readable(line: string): string {
  try {
    const { level, msg, reason, err } = JSON.parse(line) as Record<string, unknown>;
    return [level, msg, reason, (err as { message?: string } | undefined)?.message].filter(Boolean).join(' ');
  } catch {
    return line;
  }
}

/** SIGTERM, so that the database is stopped in order. */
async function stopChild(child: ChildProcess, log: WriteStream): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await closed;
    clearTimeout(kill);
  }
  log.end();
}

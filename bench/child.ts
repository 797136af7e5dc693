import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { Cleanup } from './cleanup.js';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const KEPT_LINES = 40;

export interface Child {
  pid: number;
  /** The line of output that said it is ready. */
  readyLine: string;
  stop: () => Promise<void>;
}

export interface ChildOptions {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** Whether a line of standard output says that it is ready. */
  isReady: (line: string) => boolean;
}

/** Starts a process and waits until it is ready. It gets our PATH, HOME and TMPDIR and nothing else of our environment. */
export async function startChild(options: ChildOptions, cleanup: Cleanup): Promise<Child> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, TMPDIR, ...options.env },
  });
  const exited: Promise<unknown[]> = once(child, 'exit');
  // A failed spawn is told by `error` alone.
  child.once('error', (error) => child.emit('exit', error.message));
  const stop = stopper(child, exited);
  cleanup.add(stop);
  const readyLine = await untilReady(child, exited, options);
  return { pid: child.pid ?? 0, readyLine, stop };
}

function stopper(child: ChildProcess, exited: Promise<unknown[]>): () => Promise<void> {
  return async () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(kill);
  };
}

async function untilReady(child: ChildProcess, exited: Promise<unknown[]>, options: ChildOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const last: string[] = [];
  const name = options.args.join(' ');
  const fail = (why: string): void => reject(new Error(`${name} ${why}:\n${last.join('\n')}`));
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      last.push(line);
      if (last.length > KEPT_LINES) last.shift();
      if (options.isReady(line)) resolve(line);
    });
  }
  const timeout = setTimeout(() => fail(`was not ready in ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
  void exited.then(([code]) => fail(`ended with ${String(code)}`));
  return promise.finally(() => clearTimeout(timeout));
}

/** Resident memory of a process in bytes, now and at its highest; null where /proc does not tell. */
export async function residentBytes(pid: number): Promise<{ now: number; peak: number } | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => null);
  const field = (name: string): number => {
    const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status ?? '') ?? [];
    return Number(kilobytes ?? Number.NaN) * 1024;
  };
  return status === null ? null : { now: field('VmRSS'), peak: field('VmHWM') };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

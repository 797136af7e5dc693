import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface ProcessLimits {
  timeoutMs: number;
  /** Address space; enforced where util-linux' prlimit is installed. */
  maxMemoryBytes: number;
}

export interface ProcessResult {
  code: number | null;
  stdout: string;
  /** The last few KB. */
  stderr: string;
  timedOut: boolean;
}

const PRLIMIT = ['/usr/bin/prlimit', '/bin/prlimit'].find((path) => existsSync(path));
const MAX_STDOUT_BYTES = 1024 * 1024;
const MAX_STDERR_CHARS = 8192;
const THREADS = 2;

const running = new Set<number>();

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

// A detached child outlives a parent that merely exits.
process.once('exit', () => running.forEach(killGroup));

/** The command under limits that hold even when this process is killed and nobody counts the seconds any more. */
function limited(command: string, args: string[], limits: ProcessLimits): [string, string[]] {
  if (PRLIMIT === undefined) return [command, args];
  const cpuSeconds = Math.ceil(limits.timeoutMs / 1000) * THREADS + 5;
  return [PRLIMIT, [`--as=${limits.maxMemoryBytes}`, `--cpu=${cpuSeconds}`, '--core=0', '--', command, ...args]];
}

/**
 * Runs a program without a shell, in a process group of its own that is killed whole at the timeout. It inherits nothing:
 * no environment (secrets), no standard input. Rejects only when it can't be started.
 */
export function runProcess(command: string, args: string[], limits: ProcessLimits): Promise<ProcessResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProcessResult>();
  const child = spawn(...limited(command, args, limits), {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  let stdout = '';
  let stderr = '';
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    if (pid !== undefined) killGroup(pid);
  }, limits.timeoutMs);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-MAX_STDOUT_BYTES);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARS);
  });
  const finish = (): void => {
    clearTimeout(timer);
    if (pid !== undefined) running.delete(pid);
  };
  child.once('error', (error) => {
    finish();
    reject(error);
  });
  child.once('close', (code) => {
    finish();
    resolve({ code, stdout, stderr, timedOut });
  });
  return promise;
}

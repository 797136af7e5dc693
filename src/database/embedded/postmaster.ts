import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What a running server writes into `postmaster.pid`. */
export interface Postmaster {
  pid: number;
  /** 0 until the server has written it. */
  port: number;
  ready: boolean;
}

/**
 * Lines of postmaster.pid, as PostgreSQL's miscadmin.h numbers them: 1 pid, 2 data folder, 3 start time, 4 port,
 * 5 socket folder, 6 listen address, 7 shared memory, 8 status.
 */
export function parsePostmaster(text: string): Postmaster | null {
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  const port = Number(lines[3]);
  return { pid, port: Number.isInteger(port) ? port : 0, ready: lines[7]?.trim() === 'ready' };
}

export async function readPostmaster(dataDir: string): Promise<Postmaster | null> {
  try {
    return parsePostmaster(await readFile(join(dataDir, 'postmaster.pid'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whether the process is alive and is the PostgreSQL of this data folder, not a program that inherited its pid. */
export async function isPostmaster(pid: number, dataDir: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (existsSync('/proc/self/comm')) {
    try {
      const command = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
      if (command !== 'postgres') return false;
      // A server works inside its data folder; the link is readable to root and to the same user.
      return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(dataDir));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EACCES';
    }
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'command=']);
    return stdout.includes('postgres');
  } catch {
    return false;
  }
}

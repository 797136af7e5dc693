// Ends the servers of a test run and removes its folder; also those of runs that were killed.
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const RUN_PREFIX = 'kiln-test-';
const STOP_MS = 10_000;

export async function sweepDeadRuns() {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(RUN_PREFIX)) continue;
    const dir = join(tmpdir(), name);
    const owner = readPid(join(dir, 'owner.pid'));
    if (owner !== null && !isAlive(owner)) await removeRun(dir);
  }
}

/** @param {string} dir */
export async function removeRun(dir) {
  const server = readPid(join(dir, 'postgres', 'data', 'postmaster.pid'));
  // SIGQUIT is PostgreSQL's immediate shutdown: nothing here is kept.
  if (server !== null && isServer(server)) await end(server, 'SIGQUIT');
  rmSync(dir, { recursive: true, force: true });
}

async function end(pid, signal) {
  process.kill(pid, signal);
  for (const until = Date.now() + STOP_MS; isAlive(pid) && Date.now() < until;) await sleep(20);
}

function readPid(file) {
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : null;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function isServer(pid) {
  if (!isAlive(pid)) return false;
  const comm = `/proc/${pid}/comm`;
  return !existsSync('/proc/self/comm') || (existsSync(comm) && readFileSync(comm, 'utf8').trim() === 'postgres');
}

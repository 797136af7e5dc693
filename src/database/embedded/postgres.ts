import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, openSync, closeSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { delay } from '../../common/time.js';
import { type PostgresBinaries, findBinaries } from './binaries.js';
import { type Postmaster, isPostmaster, readPostmaster } from './postmaster.js';
import { type Launcher, findLauncher } from './unprivileged.js';

export interface EmbeddedPostgresOptions {
  /** Holds `data`, `password` and `postgres.log`; made when missing. */
  dir: string;
  /** Settings beside ours, e.g. `{ fsync: 'off' }` for tests. */
  settings?: Record<string, string>;
  /** How long a start, an adoption or a stop may take. Default 60_000. */
  timeoutMs?: number;
}

export interface EmbeddedPostgres {
  /** `postgresql://kiln:…@127.0.0.1:<port>/kiln` */
  url: string;
  pid: number;
  /** True where a server left behind by a killed process was taken over instead of started. */
  adopted: boolean;
  /** Ends connections and stops the server cleanly. */
  stop(): Promise<void>;
}

const USER = 'kiln';
const PORT_TRIES = 5;
const POLL_MS = 20;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  log_timezone: 'UTC',
  timezone: 'UTC',
  log_checkpoints: 'off',
};

/**
 * Starts the PostgreSQL that came with npm, or adopts the one a killed Kiln left running on the same folder. The server
 * is detached and outlives this process unless `stop` is called: a crash of Kiln must not be a crash of the database.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dir = resolve(options.dir);
  const timeoutMs = options.timeoutMs ?? 60_000;
  const dataDir = join(dir, 'data');
  await mkdir(dir, { recursive: true });
  const binaries = findBinaries();
  const owner = existsSync(dataDir) ? (await stat(dataDir)).uid : null;
  const launcher = findLauncher([binaries.root, dir], owner);
  const server = { dir, dataDir, binaries, launcher, timeoutMs, settings: { ...SETTINGS, ...options.settings } };
  const password = await ensureCluster(server);

  const adopted = await adopt(server, password);
  const running = adopted ?? (await launch(server, password));
  const url = urlOf(running.port, password, USER);
  await ensureDatabase(urlOf(running.port, password, 'postgres'));
  return { url, pid: running.pid, adopted: adopted !== null, stop: () => stop(server) };
}

interface Server {
  dir: string;
  dataDir: string;
  binaries: PostgresBinaries;
  launcher: Launcher;
  timeoutMs: number;
  settings: Record<string, string>;
}

const urlOf = (port: number, password: string, database: string): string =>
  `postgresql://${USER}:${password}@127.0.0.1:${port}/${database}`;

/** Makes the cluster on the first start; returns its password. */
async function ensureCluster(server: Server): Promise<string> {
  const { dir, dataDir, launcher } = server;
  const passwordFile = join(dir, 'password');
  if (existsSync(join(dataDir, 'PG_VERSION'))) {
    try {
      return (await readFile(passwordFile, 'utf8')).trim();
    } catch (cause) {
      throw new Error(
        `The embedded database in ${dir} can't be opened: its password file ${passwordFile} can't be read.`,
        { cause },
      );
    }
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chmod(passwordFile, 0o600);

  // initdb works in a folder of its own that is renamed when whole, so that a crash in mid-way leaves no half cluster.
  const fresh = join(dir, 'data.new');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  const passwordCopy = join(dir, 'password.initdb');
  await writeFile(passwordCopy, password, { mode: 0o600 });
  try {
    if (launcher.account) {
      await chown(fresh, launcher.account.uid, launcher.account.gid);
      await chown(passwordCopy, launcher.account.uid, launcher.account.gid);
    }
    const sync = server.settings['fsync'] === 'off' ? ['--no-sync'] : [];
    const args = [
      '-D',
      fresh,
      '-U',
      USER,
      `--pwfile=${passwordCopy}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      ...sync,
    ];
    await run(server, server.binaries.initdb, args);
  } finally {
    await rm(passwordCopy, { force: true });
  }
  await rename(fresh, dataDir);
  return password;
}

/** The living server of this folder, once it takes connections; null where none lives. */
async function adopt(server: Server, password: string): Promise<Postmaster | null> {
  const until = Date.now() + server.timeoutMs;
  for (;;) {
    const found = await readPostmaster(server.dataDir);
    if (!found) return null;
    if (!(await isPostmaster(found.pid, server.dataDir))) {
      // Left by a crash, and its pid may belong to another program by now, which PostgreSQL itself would take for a live server.
      await rm(join(server.dataDir, 'postmaster.pid'), { force: true });
      return null;
    }
    if (found.port > 0 && (await answers(found.port, password))) return found;
    if (Date.now() > until) {
      throw new Error(
        `A PostgreSQL (pid ${found.pid}) holds ${server.dataDir} but does not answer on 127.0.0.1:${found.port}. Stop it and start again.`,
      );
    }
    await delay(POLL_MS * 5);
  }
}

async function launch(server: Server, password: string): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const outcome = await tryLaunch(server, port, password);
    if (outcome.running) return outcome.running;
    // Another program may take the port between the choice and the start.
    if (attempt < PORT_TRIES && outcome.log.includes('could not bind')) continue;
    throw new Error(
      `The embedded PostgreSQL did not start; the end of ${join(server.dir, 'postgres.log')} says:\n${outcome.log}`,
    );
  }
}

async function tryLaunch(
  server: Server,
  port: number,
  password: string,
): Promise<{ running: Postmaster | null; log: string }> {
  const logFile = join(server.dir, 'postgres.log');
  const log = openSync(logFile, 'w');
  const settings = Object.entries(server.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { command, args, uid, gid } = server.launcher.wrap(server.binaries.postgres, [
    '-D',
    server.dataDir,
    '-p',
    String(port),
    ...settings,
  ]);
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], cwd: '/', uid, gid });
  closeSync(log);
  const ended: string[] = [];
  child.once('error', (error) => ended.push(error.message));
  child.once('exit', (code) => ended.push(`ended with ${code}`));
  child.unref();
  const until = Date.now() + server.timeoutMs;
  while (ended.length === 0 && Date.now() < until) {
    const found = await readPostmaster(server.dataDir);
    if (found?.ready && found.port === port && (await answers(port, password))) return { running: found, log: '' };
    await delay(POLL_MS);
  }
  return { running: null, log: (await readFile(logFile, 'utf8')).slice(-2000) || ended.join() };
}

async function answers(port: number, password: string): Promise<boolean> {
  const client = new Client({ connectionString: urlOf(port, password, 'postgres'), connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function ensureDatabase(adminUrl: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [USER]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${USER}`);
  } finally {
    await client.end();
  }
}

async function stop(server: Server): Promise<void> {
  if (!(await readPostmaster(server.dataDir))) return;
  const seconds = String(Math.ceil(server.timeoutMs / 1000));
  await run(server, server.binaries.pgCtl, ['stop', '-D', server.dataDir, '-m', 'fast', '-w', '-t', seconds]);
}

function run(server: Server, program: string, programArgs: string[]): Promise<void> {
  const { command, args, uid, gid } = server.launcher.wrap(program, programArgs);
  return new Promise((done, fail) => {
    // Detached: Ctrl-C reaches the whole foreground group, and initdb or a stop must not be cut short by it.
    const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', uid, gid });
    let output = '';
    const gather = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-4000));
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    child.once('error', fail);
    child.once('close', (code) =>
      code === 0 ? done() : fail(new Error(`${program} ended with ${code}: ${output.trim()}`)),
    );
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => done(port));
    });
  });
}

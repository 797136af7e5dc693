import { createHash, randomBytes } from 'node:crypto';
import { linkSync, renameSync, rmSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import { type Server, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DataFolderOwner {
  pid: number;
  /** Where the owner's API is, once it listens. */
  url: string | null;
}

/** A second start on a folder that another process works with. */
export class DataFolderTaken extends Error {
  override readonly name = 'DataFolderTaken';
  constructor(
    readonly dir: string,
    readonly owner: DataFolderOwner,
  ) {
    const where = owner.url === null ? '' : ` and serves ${owner.url}`;
    super(
      `${dir} belongs to a Kiln that runs already (pid ${owner.pid}${where}). Stop it, or set KILN_DATA_DIR to another folder.`,
    );
  }
}

export interface DataFolder {
  /** Absolute, links resolved. */
  dir: string;
  /** Tells later starts where this one serves. */
  announce(url: string): void;
  release(): Promise<void>;
}

/** Shortest limit of a socket path among Linux (108) and macOS (104), with room for the takeover's suffix. */
const MAX_SOCKET_PATH = 80;
const TAKEOVER_TRIES = 5;
const ANSWER_TIMEOUT_MS = 3000;

/**
 * Makes this process the folder's one owner, or throws DataFolderTaken. The claim is a bound Unix socket: it ends with the
 * process however that ends, and asking it says who the owner is.
 */
export async function claimDataFolder(path: string): Promise<DataFolder> {
  await mkdir(path, { recursive: true });
  const dir = await realpath(path);
  const socket = socketPath(dir);
  const mine: DataFolderOwner = { pid: process.pid, url: null };
  for (let attempt = 1; ; attempt += 1) {
    const server = await bind(socket, mine);
    if (server) {
      return {
        dir,
        announce: (url) => void (mine.url = url),
        release: () => new Promise((resolve) => server.close(() => resolve())),
      };
    }
    const owner = await ask(socket);
    if (owner) throw new DataFolderTaken(dir, owner);
    if (attempt >= TAKEOVER_TRIES)
      throw new Error(`the data folder ${dir} can't be claimed: ${socket} neither answers nor goes away`);
    await removeDead(socket, dir);
  }
}

/** The socket lies in the folder, or in the temporary folder under a hash where its path would be too long for a socket. */
export function socketPath(dir: string): string {
  const hash = createHash('sha256').update(dir).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return `\\\\.\\pipe\\kiln-${hash}`;
  const inside = join(dir, 'owner.sock');
  return Buffer.byteLength(inside) <= MAX_SOCKET_PATH ? inside : join(tmpdir(), `kiln-${hash}.sock`);
}

function bind(socket: string, owner: DataFolderOwner): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => {
      connection.on('error', () => undefined);
      connection.end(JSON.stringify(owner));
    });
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    // It must not keep a process alive that has nothing else to do.
    server.listen(socket, () => resolve(server.unref()));
  });
}

/** The owner behind the socket; null where nobody listens. */
function ask(socket: string): Promise<DataFolderOwner | null> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let text = '';
    connection.setTimeout(ANSWER_TIMEOUT_MS, () => connection.destroy());
    connection.on('data', (chunk) => (text += chunk.toString()));
    connection.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? resolve(null) : reject(error),
    );
    // A listener that says nothing in time lives all the same: busy, or stopped by a debugger.
    connection.on('close', () => resolve(parseOwner(text)));
  });
}

function parseOwner(text: string): DataFolderOwner {
  try {
    return JSON.parse(text) as DataFolderOwner;
  } catch {
    return { pid: 0, url: null };
  }
}

/**
 * Takes a dead owner's socket away. Two starts may do so at once: renaming gives each file to one of them, and one that
 * finds it has taken a living socket puts it back.
 */
async function removeDead(socket: string, dir: string): Promise<void> {
  const aside = `${socket}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(socket, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const owner = await ask(aside);
  if (owner) linkSync(aside, socket);
  rmSync(aside, { force: true });
  if (owner) throw new DataFolderTaken(dir, owner);
}

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { type Server, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay } from '../../common/time.js';

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

/** What a process answers on its socket. */
interface Claim extends DataFolderOwner {
  /** False while it still looks whether it is alone. */
  settled: boolean;
}

/** Shortest limit of a socket path among Linux (108) and macOS (104), with room for what bind() is given first. */
const MAX_SOCKET_PATH = 95;
const NAME_LENGTH = 'a0b1c2d3e4f5.sock.new'.length;
const ANSWER_TIMEOUT_MS = 3000;
const LOOK_AGAIN_MS = 10;

/**
 * Makes this process the folder's one owner, or throws DataFolderTaken.
 *
 * Each process listens on a socket of its own beside the others', then asks every other socket. Nobody listens on a dead
 * one any more, and names are never used twice, so removing it can't hit a living process, as it could with one shared
 * name. Of two that still look, the greater name withdraws and the smaller waits for it: whoever saw nobody has settled
 * by then.
 */
export async function claimDataFolder(path: string): Promise<DataFolder> {
  await mkdir(path, { recursive: true });
  const dir = await realpath(path);
  const sockets = socketFolder(dir);
  await mkdir(sockets, { recursive: true, mode: 0o700 });
  const name = `${randomBytes(6).toString('hex')}.sock`;
  const mine: Claim = { pid: process.pid, url: null, settled: false };
  const server = await listen(join(sockets, name), mine);
  const release = async (): Promise<void> => {
    await rm(join(sockets, name), { force: true });
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  try {
    const others = (await readdir(sockets)).filter((other) => other.endsWith('.sock') && other !== name);
    for (const other of others) await outlast(join(sockets, other), other < name, dir);
  } catch (error) {
    await release();
    throw error;
  }
  mine.settled = true;
  return { dir, announce: (url) => void (mine.url = url), release };
}

/** The process that works with the folder, for those who want to ask it; null where there is none. */
export async function ownerOfDataFolder(path: string): Promise<DataFolderOwner | null> {
  const dir = await realpath(path).catch(() => null);
  if (dir === null) return null;
  const sockets = socketFolder(dir);
  const names = await readdir(sockets).catch(() => []);
  for (const name of names.filter((one) => one.endsWith('.sock'))) {
    const claim = await ask(join(sockets, name));
    if (claim?.settled) return { pid: claim.pid, url: claim.url };
  }
  return null;
}

/** Returns when the other is gone; throws when it owns the folder or goes first. */
async function outlast(socket: string, goesFirst: boolean, dir: string): Promise<void> {
  for (;;) {
    const claim = await ask(socket);
    if (!claim) return rm(socket, { force: true });
    if (claim.settled || goesFirst) throw new DataFolderTaken(dir, { pid: claim.pid, url: claim.url });
    await delay(LOOK_AGAIN_MS);
  }
}

/** Sockets lie in the folder, or in the temporary folder under a hash where their path would be too long for a socket. */
export function socketFolder(dir: string): string {
  const inside = join(dir, 'owner');
  if (Buffer.byteLength(inside) + 1 + NAME_LENGTH <= MAX_SOCKET_PATH) return inside;
  return join(tmpdir(), `kiln-${createHash('sha256').update(dir).digest('hex').slice(0, 24)}`);
}

/** Bound under another name and then renamed: between bind and listen a socket looks dead. */
async function listen(socket: string, claim: Claim): Promise<Server> {
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.end(JSON.stringify(claim));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(`${socket}.new`, resolve);
  });
  await rename(`${socket}.new`, socket);
  // It must not keep a process alive that has nothing else to do.
  return server.unref();
}

/** What the process behind the socket says; null where nobody listens. */
function ask(socket: string): Promise<Claim | null> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let text = '';
    connection.setTimeout(ANSWER_TIMEOUT_MS, () => connection.destroy());
    connection.on('data', (chunk) => (text += chunk.toString()));
    connection.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT' || error.code === 'ECONNRESET';
      return nobody ? resolve(null) : reject(error);
    });
    connection.on('close', () => resolve(parseClaim(text)));
  });
}

/** A listener that says nothing in time lives all the same, busy or held by a debugger: it counts as the owner. */
function parseClaim(text: string): Claim {
  try {
    return JSON.parse(text) as Claim;
  } catch {
    return { pid: 0, url: null, settled: true };
  }
}

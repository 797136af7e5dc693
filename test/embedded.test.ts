import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dedicatedConnection } from '../src/database/connection.js';
import { DataFolderTaken, claimDataFolder, socketFolder } from '../src/database/embedded/data-folder.js';
import { startEmbeddedPostgres } from '../src/database/embedded/postgres.js';
import { isPostmaster } from '../src/database/embedded/postmaster.js';

const FAST = { fsync: 'off' };
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kiln-embedded-'));
  await chmod(dir, 0o711);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function query(url: string, text: string): Promise<unknown[]> {
  const connection = await dedicatedConnection(url);
  const { rows } = await connection.query<Record<string, unknown>>(text);
  await connection.end();
  return rows;
}

describe('embedded PostgreSQL', () => {
  it('keeps its data over a stop and a start, with a private password', async () => {
    const first = await startEmbeddedPostgres({ dir, settings: FAST });
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    expect((await stat(join(dir, 'password'))).mode & 0o777).toBe(0o600);
    await first.stop();
    expect(await isPostmaster(first.pid, join(dir, 'data'))).toBe(false);
    const second = await startEmbeddedPostgres({ dir, settings: FAST });
    expect(second).toMatchObject({ adopted: false });
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    const wrong = new URL(second.url);
    wrong.password = 'password';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    await second.stop();
  });

  it('is adopted, not started again, when its Kiln was killed', async () => {
    const orphan = await startEmbeddedPostgres({ dir, settings: FAST });
    // Nobody called stop: for the server this is what a kill -9 of its parent looks like.
    const adopted = await startEmbeddedPostgres({ dir, settings: FAST });
    expect(adopted).toMatchObject({ adopted: true, pid: orphan.pid, url: orphan.url });
    await adopted.stop();
    await adopted.stop();
  });

  it('starts after a power cut: half an initdb, and a pid file whose pid is another program by now', async () => {
    await mkdir(join(dir, 'data.new'));
    await writeFile(join(dir, 'data.new', 'PG_VERSION'), '18\n');
    const first = await startEmbeddedPostgres({ dir, settings: FAST });
    process.kill(first.pid, 'SIGKILL');
    while (await isPostmaster(first.pid, join(dir, 'data')));
    await writeFile(
      join(dir, 'data', 'postmaster.pid'),
      `${process.pid}\n${join(dir, 'data')}\n1\n1\n\n127.0.0.1\n1 1\nready\n`,
    );
    const second = await startEmbeddedPostgres({ dir, settings: FAST });
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.stop();
  });

  it('starts below a folder that only its owner may enter, as /root is', async () => {
    await chmod(dir, 0o700);
    const server = await startEmbeddedPostgres({ dir: join(dir, 'deep'), settings: FAST });
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
  });

  it('says what went wrong when it can not start', async () => {
    const start = startEmbeddedPostgres({ dir, settings: { shared_buffers: 'plenty' } });
    await expect(start).rejects.toThrow(/did not start; the end of .*postgres.log says:[\s\S]*shared_buffers/);
  });
});

describe('data folder', () => {
  it('has one owner, whom a second start names', async () => {
    const folder = await claimDataFolder(dir);
    await expect(claimDataFolder(dir)).rejects.toThrow(`(pid ${process.pid})`);
    folder.announce('http://127.0.0.1:3000');
    await expect(claimDataFolder(dir)).rejects.toMatchObject({
      owner: { pid: process.pid, url: 'http://127.0.0.1:3000' },
    });
    await folder.release();
    await (await claimDataFolder(dir)).release();
  });

  it('is free again when its owner was killed', async () => {
    await mkdir(socketFolder(dir));
    const socket = join(socketFolder(dir), '000000000000.sock');
    const script = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => console.log('bound'))`;
    const owner = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(owner.stdout, 'data');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await (await claimDataFolder(dir)).release();
    expect(await readdir(socketFolder(dir))).toEqual([]);
  });

  it('goes to exactly one of many that start at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const claims = await Promise.allSettled(Array.from({ length: 6 }, () => claimDataFolder(dir)));
      const won = claims.filter((claim) => claim.status === 'fulfilled');
      expect(won).toHaveLength(1);
      for (const claim of claims) if (claim.status === 'rejected') expect(claim.reason).toBeInstanceOf(DataFolderTaken);
      await won[0]?.value.release();
    }
  });

  it('is not taken from an owner that is too busy to say who it is', async () => {
    await mkdir(socketFolder(dir));
    const silent = createServer().listen(join(socketFolder(dir), 'ffffffffffff.sock'));
    await once(silent, 'listening');
    await expect(claimDataFolder(dir)).rejects.toBeInstanceOf(DataFolderTaken);
    silent.close();
  });

  it('may lie deeper than a socket path can be long', async () => {
    const deep = join(dir, 'x'.repeat(120));
    const folder = await claimDataFolder(deep);
    expect(socketFolder(folder.dir)).toMatch(/kiln-[0-9a-f]{24}$/);
    await expect(claimDataFolder(deep)).rejects.toBeInstanceOf(DataFolderTaken);
    await folder.release();
  });
});

import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HOUR_MS } from '../common/time.js';
import { runCanary } from './canary.js';
import { keySegments } from './object-key.js';
import { type ObjectHead, ObjectNotFound, type ObjectStore } from './object-store.js';

/** Not a letter of a key, so that object `a`, its type and a folder `a` never meet. */
const OBJECT_SUFFIX = '@';
const TYPE_SUFFIX = '@type';

/** Small chunks are gathered into few writes; clearly faster than the default of 16 KiB. */
const WRITE_BUFFER_BYTES = 1024 * 1024;

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Files that nobody has written to for an hour; another process may be at the younger ones. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found && found.mtimeMs < Date.now() - HOUR_MS) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Objects as files under `dir`, for processes of one machine: an object appears by rename once its bytes are on the disk, its content
 * type in a file beside it a moment earlier. What crashed writers left in the temp folder long ago is removed here.
 */
export async function createFileStore({ dir }: { dir: string }): Promise<ObjectStore> {
  const objects = join(dir, 'objects');
  const temp = join(dir, 'tmp');
  await mkdir(objects, { recursive: true });
  await mkdir(temp, { recursive: true });
  await removeAbandoned(temp);

  const pathOf = (key: string): string => join(objects, ...keySegments(key)) + OBJECT_SUFFIX;
  const typePathOf = (key: string): string => join(objects, ...keySegments(key)) + TYPE_SUFFIX;

  /** `write` fills a temp file, which then takes its place. A delete may remove the emptied folder meanwhile: made again. */
  async function place(target: string, write: (path: string) => Promise<void>): Promise<number> {
    const path = join(temp, randomUUID());
    try {
      await write(path);
      await syncPath(path);
      const { size } = await stat(path);
      for (let tries = 0; ; tries += 1) {
        await mkdir(dirname(target), { recursive: true });
        try {
          await rename(path, target);
          break;
        } catch (error) {
          if (!isMissing(error) || tries === 3) throw error;
        }
      }
      await syncPath(dirname(target));
      return size;
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  const placeType = (key: string, contentType: string): Promise<number> =>
    place(typePathOf(key), (path) => pipeline(Readable.from([contentType]), createWriteStream(path)));

  const readType = (key: string): Promise<string> =>
    readFile(typePathOf(key), 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return 'application/octet-stream';
      throw error;
    });

  async function head(key: string): Promise<ObjectHead | null> {
    try {
      const { size } = await stat(pathOf(key));
      return { bytes: size, contentType: await readType(key) };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async function openObject(key: string): Promise<FileHandle> {
    try {
      return await open(pathOf(key), 'r');
    } catch (error) {
      throw isMissing(error) ? new ObjectNotFound(key) : error;
    }
  }

  async function removeEmptyFolders(folder: string): Promise<void> {
    for (let path = folder; path !== objects; path = dirname(path)) {
      try {
        await rmdir(path);
      } catch {
        return;
      }
    }
  }

  async function* walk(
    segments: string[],
    prefix: string,
  ): AsyncGenerator<{ key: string; bytes: number; modifiedAt: Date }> {
    const folder = join(objects, ...segments);
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const here = [...segments, entry.name].join('/');
      if (entry.isDirectory()) {
        if (`${here}/`.startsWith(prefix) || prefix.startsWith(`${here}/`))
          yield* walk([...segments, entry.name], prefix);
      } else if (here.endsWith(OBJECT_SUFFIX) && here.slice(0, -OBJECT_SUFFIX.length).startsWith(prefix)) {
        const facts = await stat(join(folder, entry.name)).catch(() => null);
        if (facts !== null)
          yield { key: here.slice(0, -OBJECT_SUFFIX.length), bytes: facts.size, modifiedAt: facts.mtime };
      }
    }
  }

  const store: ObjectStore = {
    kind: 'file',
    async put(key, body, { contentType, signal }) {
      const target = pathOf(key);
      const source = body instanceof Readable ? body : Readable.from([body], { objectMode: false });
      const bytes = await place(target, async (path) => {
        await pipeline(source, createWriteStream(path, { flags: 'wx', highWaterMark: WRITE_BUFFER_BYTES }), { signal });
        await placeType(key, contentType);
      });
      return { bytes };
    },
    async get(key, range) {
      const handle = await openObject(key);
      try {
        const { size } = await handle.stat();
        const start = range?.start ?? 0;
        const end = Math.min(range?.end ?? size - 1, size - 1);
        if (range !== undefined && (start < 0 || start >= size || end < start)) {
          throw new RangeError(`range ${start}-${range.end ?? ''} lies outside of ${key} (${size} bytes)`);
        }
        const contentType = await readType(key);
        if (size === 0) {
          await handle.close();
          return { bytes: 0, totalBytes: 0, contentType, body: Readable.from([]) };
        }
        return { bytes: end - start + 1, totalBytes: size, contentType, body: handle.createReadStream({ start, end }) };
      } catch (error) {
        await handle.close();
        throw error;
      }
    },
    head,
    async copy(from, to, { contentType }) {
      const source = pathOf(from);
      await place(pathOf(to), async (path) => {
        await copyFile(source, path).catch((error: unknown) => {
          throw isMissing(error) ? new ObjectNotFound(from) : error;
        });
        await placeType(to, contentType);
      });
    },
    async delete(keys) {
      for (const key of keys) {
        const path = pathOf(key);
        await rm(path, { force: true });
        await rm(typePathOf(key), { force: true });
        await removeEmptyFolders(dirname(path));
      }
    },
    list: (prefix) => walk([], prefix),
    presignGet: async () => null,
    presignPut: async () => null,
    canary: () => runCanary(store),
    close: async () => undefined,
  };
  return store;
}

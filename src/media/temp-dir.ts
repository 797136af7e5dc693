import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Runs `use` with a fresh private folder (mode 0700) under `parent`, which is gone afterwards, whatever happened. */
export async function withTempDir<T>(parent: string, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(parent, 'media-'));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSecret } from '../common/ids.js';
import { createKeyBody } from './key-bodies.js';
import type { Keys } from './keys.js';

/** In the data folder. */
export const DEVELOPER_KEY_FILE = 'developer-key';

const read = async (path: string): Promise<string | null> => {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};

/**
 * The key a developer finds on the first start of the embedded mode, and again on every later one: its secret stands in
 * `{dataDir}/developer-key`, readable by the owner only. It is an admin key, because the embedded mode serves the one person
 * on this machine. A file without a row (the database was wiped) gets its row back.
 */
export async function ensureDeveloperKey(keys: Keys, dataDir: string): Promise<{ secret: string; created: boolean }> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, DEVELOPER_KEY_FILE);
  let secret = await read(path);
  const created = secret === null;
  if (secret === null) {
    // Written aside and linked: a crash leaves no half secret, and of two first starts one wins.
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, `sk-${newSecret()}\n`, { mode: 0o600 });
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(draft, { force: true });
    secret = (await read(path)) ?? '';
  }
  await chmod(path, 0o600);
  await keys.ensure(createKeyBody.parse({ name: 'developer', role: 'admin' }), secret);
  return { secret, created };
}

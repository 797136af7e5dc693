import { hkdfSync, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KilnConfig } from './config.js';

/** A 256-bit key for one purpose. `id` says which secret it came from and may be stored or sent. */
export interface PurposeKey {
  id: string;
  key: Buffer;
}

/** Current key first: it signs and seals. All of them verify and open. */
export type PurposeKeys = readonly [PurposeKey, ...PurposeKey[]];

/** What keys are made for: two purposes never share one. */
export type Purpose = 'webhook-secrets' | 'links' | 'quotes' | 'events' | 'cursors' | 'callbacks' | 'answers' | 'items';

const KEY_BYTES = 32;
const ID_BYTES = 6;

/** Keys by purpose, derived from the secrets of KILN_SECRET by HKDF-SHA-256 (RFC 5869). */
export class Keyring {
  private readonly secrets: readonly [string, ...string[]];

  constructor(secrets: readonly string[]) {
    const [current, ...former] = secrets;
    if (current === undefined) throw new Error('a keyring needs a secret');
    this.secrets = [current, ...former];
  }

  keys(purpose: Purpose): PurposeKeys {
    const [current, ...former] = this.secrets;
    return [derive(current, purpose), ...former.map((secret) => derive(secret, purpose))];
  }

  current(purpose: Purpose): PurposeKey {
    return this.keys(purpose)[0];
  }

  /** The key a stored id names; null where its secret is gone. */
  find(purpose: Purpose, id: string): PurposeKey | null {
    return this.keys(purpose).find((key) => key.id === id) ?? null;
  }
}

function derive(secret: string, purpose: Purpose): PurposeKey {
  const expand = (info: string, bytes: number): Buffer => Buffer.from(hkdfSync('sha256', secret, 'kiln', info, bytes));
  return { id: expand('key id', ID_BYTES).toString('base64url'), key: expand(`purpose ${purpose}`, KEY_BYTES) };
}

/** The keyring of KILN_SECRET; embedded without one, that of `secret` in the data folder, made on the first start. */
export async function openKeyring(config: Pick<KilnConfig, 'secrets' | 'embedded' | 'dataDir'>): Promise<Keyring> {
  return new Keyring(config.secrets.length > 0 ? config.secrets : [await ensureSecretFile(config.dataDir)]);
}

async function ensureSecretFile(dataDir: string): Promise<string> {
  const file = join(dataDir, 'secret');
  await mkdir(dataDir, { recursive: true });
  // Written whole under another name and then linked: neither a crash nor a second process leaves or sees half a secret.
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    await writeFile(draft, randomBytes(48).toString('base64url'), { mode: 0o600, flag: 'wx' });
    await chmod(draft, 0o600);
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return (await readFile(file, 'utf8')).trim();
}

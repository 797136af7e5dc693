import { notFound } from '../common/errors.js';
import { assertCursor } from '../common/page.js';
import type { KeyRecord } from './auth-key.js';
import type { KeyAdminRepository, Rotated } from './key-admin.repository.js';
import type { CreateKey, ListKeysQuery, PatchKey, RotateKey } from './key-bodies.js';
import { type Keys, newKeySecret } from './keys.js';

/** What ops do with keys, by /admin and by the command line. Throws 404 where there is no such key. */
export class KeyAdmin {
  constructor(
    private readonly rows: KeyAdminRepository,
    private readonly keys: Keys,
  ) {}

  /** The secret is in the answer and nowhere else. */
  async create(input: CreateKey): Promise<{ key: KeyRecord; secret: string }> {
    const { key, secret } = await this.keys.create(input);
    return { key: await this.get(key.id), secret };
  }

  async get(id: string): Promise<KeyRecord> {
    return found(await this.rows.find(id), id);
  }

  /** One row more than the page has, where there are more. */
  async list({ disabled, name, ...page }: ListKeysQuery): Promise<KeyRecord[]> {
    await assertCursor(page, 'key', (id) => this.rows.exists(id));
    return this.rows.list({ disabled, name }, page);
  }

  async update(id: string, patch: PatchKey): Promise<{ before: KeyRecord; after: KeyRecord }> {
    const changed = await this.rows.update(id, patch);
    this.keys.forget();
    return found(changed, id);
  }

  async rotate(
    id: string,
    { overlap_seconds: overlap }: RotateKey,
  ): Promise<Rotated & { key: KeyRecord; secret: string }> {
    const { secret, ...stored } = newKeySecret();
    const rotated = await this.rows.rotate(id, stored, overlap);
    this.keys.forget();
    return { ...found(rotated, id), key: await this.get(id), secret };
  }

  /** For good. Jobs and money of the key stay. */
  async remove(id: string): Promise<void> {
    const removed = await this.rows.remove(id);
    this.keys.forget();
    if (!removed) throw notFound('key', id.slice(0, 64));
  }
}

function found<T>(value: T | null, id: string): T {
  if (value === null) throw notFound('key', id.slice(0, 64));
  return value;
}

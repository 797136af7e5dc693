import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** One 256-bit purpose key; `id` is stored beside what it sealed, so that another may take over. */
export interface SealingKey {
  id: string;
  key: Buffer;
}

/** Current key first; the ones after it only open. */
export type SealingKeys = readonly [SealingKey, ...SealingKey[]];

/** AES-256-GCM: `data` is nonce (12 bytes), ciphertext and tag (16 bytes) as base64url. */
export interface Sealed {
  kid: string;
  data: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `context` is authenticated with it: a sealed value moved to another owner's row does not open. */
export function seal(plain: Uint8Array, keys: SealingKeys, context: string): Sealed {
  const [{ id, key }] = keys;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { kid: id, data: data.toString('base64url') };
}

/** Throws where the key is gone or the value was changed. */
export function unseal(sealed: Sealed, keys: SealingKeys, context: string): Buffer {
  const found = keys.find(({ id }) => id === sealed.kid);
  if (found === undefined) throw new Error(`sealed under secret '${sealed.kid}', which is no longer configured`);
  const bytes = Buffer.from(sealed.data, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', found.key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}

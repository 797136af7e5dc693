import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import type { PurposeKeys } from '../config/secret.js';

/** AES-256-GCM: `data` is nonce (12 bytes), ciphertext and tag (16 bytes) as base64url; `kid` names the purpose key. */
export interface Sealed {
  kid: string;
  data: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `context` is authenticated with it: a sealed value moved to another owner's row does not open. */
export function seal(plain: Uint8Array, keys: PurposeKeys, context: string): Sealed {
  const [{ id, key }] = keys;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { kid: id, data: data.toString('base64url') };
}

/** Throws where the key is gone or the value was changed. */
export function unseal(sealed: Sealed, keys: PurposeKeys, context: string): Buffer {
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

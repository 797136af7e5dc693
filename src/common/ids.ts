import { createHash, randomBytes } from 'node:crypto';
import { typeidUnboxed } from 'typeid-js';

export type IdPrefix =
  | 'job'
  | 'att'
  | 'upload'
  | 'out'
  | 'key'
  | 'evt'
  | 'whe'
  | 'whd'
  | 'req'
  | 'led'
  | 'prc'
  | 'ops'
  | 'aud'
  | 'rpb';

/** A time-ordered TypeID, e.g. `job_01h455vb4pex5vsknk084sn02q`. */
export const newId = (prefix: IdPrefix): string => typeidUnboxed(prefix);

/** Whether `value` has the shape of an id with this prefix; says nothing about its existence. */
export const isId = (prefix: IdPrefix, value: string): boolean =>
  value.startsWith(`${prefix}_`) && /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(value.slice(prefix.length + 1));

/** 256 random bits, URL-safe. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

export const sha256 = (value: string | Uint8Array): Buffer => createHash('sha256').update(value).digest();
export const sha256Hex = (value: string | Uint8Array): string => sha256(value).toString('hex');

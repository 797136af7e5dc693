import type { IncomingHttpHeaders } from 'node:http';
import { invalidRequest, KilnError } from '../common/errors.js';

const MAX_CHARS = 255;

/** The header's value, or null. Throws 400 where it is empty or too long. */
export function readIdempotencyKey(headers: IncomingHttpHeaders): string | null {
  const value = headers['idempotency-key'];
  if (value === undefined) return null;
  const key = String(value);
  if (key.length === 0 || key.length > MAX_CHARS) {
    throw invalidRequest(
      `'Idempotency-Key' must have 1 to ${MAX_CHARS} characters; got ${key.length}.`,
      'Idempotency-Key',
    );
  }
  return key;
}

export const keyReused = (): KilnError =>
  new KilnError(
    422,
    'idempotency_key_reused',
    'This Idempotency-Key was used within 24 hours for another request to this path; use a new one.',
    { param: 'Idempotency-Key', shouldRetry: false },
  );

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CallbackRequest } from '../contract.js';

/** Standard Webhooks advises five minutes. */
const TOLERANCE_MS = 300_000;
const PREFIX = 'whsec_';

/**
 * Why a callback is not signed as Standard Webhooks asks (`webhook-id`, `webhook-timestamp` in seconds, `webhook-signature`:
 * `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, several with spaces between), or null when it is.
 */
export function signatureProblem({ headers, body }: CallbackRequest, secret: string, nowMs: number): string | null {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signature = headers['webhook-signature'];
  if (!id || !timestamp || !signature) return 'the callback is not signed';
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp is no time';
  if (Math.abs(Number(timestamp) * 1000 - nowMs) > TOLERANCE_MS) return 'webhook-timestamp is too far from now';
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  const isGood = signature.split(' ').some((part) => {
    const [version, value = ''] = part.split(',');
    const given = Buffer.from(value, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
  return isGood ? null : 'webhook-signature does not fit';
}

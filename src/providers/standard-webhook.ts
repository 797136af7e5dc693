import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CallbackRequest } from './contract.js';

/** Standard Webhooks advises five minutes, either way. */
const TOLERANCE_MS = 300_000;
const PREFIX = 'whsec_';

/** The key of a secret: base64, with or without its prefix. */
const keyOf = (secret: string): Buffer =>
  Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');

/**
 * Why a callback is not signed by this secret as Standard Webhooks asks (`webhook-id`, `webhook-timestamp` in seconds,
 * `webhook-signature`: entries of `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, spaces between), or null when it is.
 */
export function signatureProblem({ headers, body }: CallbackRequest, secret: string, nowMs: number): string | null {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || !signatures) return 'the callback is not signed';
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp is no time';
  if (Math.abs(nowMs - Number(timestamp) * 1000) > TOLERANCE_MS) return 'webhook-timestamp is too far from now';
  const expected = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
  const isGood = (entry: string): boolean => {
    const [version, text = ''] = entry.split(',');
    const given = Buffer.from(text, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  };
  return signatures.split(' ').some(isGood) ? null : 'no signature fits';
}

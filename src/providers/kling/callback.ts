import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CallbackRequest, ProviderContext } from '../contract.js';

/** How far a callback's time may be from ours. */
const TOLERANCE_SECONDS = 300;
const PREFIX = 'whsec_';

/**
 * Standard Webhooks, which Kling signs by where the console holds a webhook secret: HMAC-SHA256 over `id.timestamp.body`,
 * one signature or, while a secret is replaced, several. Without a secret there is nothing to check: Kling then sends no
 * signature, and the token in the address is all there is.
 */
export function verifyCallback({ headers, body }: CallbackRequest, ctx: ProviderContext): string | null {
  if (ctx.callbackSecret === undefined) return null;
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || !signatures) return 'the callback is not signed';
  if (!/^\d{1,12}$/.test(timestamp)) return 'the callback has no time';
  if (Math.abs(ctx.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS)
    return 'the callback is too old, or from the future';
  const secret = ctx.callbackSecret.startsWith(PREFIX) ? ctx.callbackSecret.slice(PREFIX.length) : ctx.callbackSecret;
  const expected = createHmac('sha256', Buffer.from(secret, 'base64'))
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest();
  const isGood = (entry: string): boolean => {
    const [version, text = ''] = entry.split(',');
    const given = Buffer.from(text, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  };
  return signatures.split(' ').some(isGood) ? null : 'the signature is wrong';
}

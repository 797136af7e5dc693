import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { ProviderError, type CallbackRequest, ProviderContext } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import { jwksAddress } from './address.js';
import { jwks } from './wire.js';

/** Farther from now than this, a callback is old or replayed. */
const WINDOW_MS = 300_000;
/** fal's advice is a day at most; a rotated key is fetched at once because nothing matches. */
const KEYS_MAX_AGE_MS = 3_600_000;
/** Forged signatures must not make Kiln ask fal for its keys again and again. */
const REFETCH_AFTER_MS = 10_000;
const SIGNATURE_BYTES = 64;

type Held = { keys: KeyObject[]; fetchedAtMs: number };

async function fetchKeys(ctx: ProviderContext): Promise<KeyObject[]> {
  const { url, trust } = jwksAddress(ctx.endpoint);
  const options = { signal: ctx.signal, maxRedirects: 0 };
  const response = await (trust === 'endpoint' ? ctx.fetch(url, options) : ctx.fetchForeign(url, options));
  const text = await response.text();
  const body = response.status === 200 ? parseMaybe(jwks, text) : null;
  if (body === null)
    throw new ProviderError('unavailable', 'rejected', `the key set could not be read: HTTP ${response.status}`);
  return body.keys.flatMap(({ kty, crv, x }) => {
    if (kty !== 'OKP' || crv !== 'Ed25519' || !x) return [];
    try {
      return [createPublicKey({ key: { kty, crv, x }, format: 'jwk' })];
    } catch {
      return [];
    }
  });
}

/** What fal signs: four lines, the last one a hash of the bytes that were sent. */
const signedText = (id: string, user: string, timestamp: string, body: Buffer): Buffer =>
  Buffer.from([id, user, timestamp, createHash('sha256').update(body).digest('hex')].join('\n'), 'utf8');

export type Verifier = (request: CallbackRequest, ctx: ProviderContext) => Promise<string | null>;

/** Checks ED25519 signatures of fal's webhooks; keys are kept by address. Throws while the keys can't be read. */
export function webhookVerifier(): Verifier {
  const held = new Map<string, Held>();

  async function keysOf(ctx: ProviderContext, maxAgeMs: number): Promise<KeyObject[]> {
    const { url } = jwksAddress(ctx.endpoint);
    const known = held.get(url);
    if (known && ctx.now() - known.fetchedAtMs < maxAgeMs) return known.keys;
    const keys = await fetchKeys(ctx);
    held.set(url, { keys, fetchedAtMs: ctx.now() });
    return keys;
  }

  return async ({ headers, body }, ctx) => {
    const id = headers['x-fal-webhook-request-id'];
    const user = headers['x-fal-webhook-user-id'];
    const timestamp = headers['x-fal-webhook-timestamp'];
    const signature = headers['x-fal-webhook-signature'];
    if (!id || !user || !timestamp || !signature) return 'a signature header is missing';
    if (!/^\d{1,12}$/.test(timestamp)) return 'the timestamp is not in seconds';
    if (Math.abs(ctx.now() - Number(timestamp) * 1000) > WINDOW_MS) return 'the timestamp is too far from now';
    const bytes = /^[0-9a-f]+$/i.test(signature) ? Buffer.from(signature, 'hex') : Buffer.alloc(0);
    if (bytes.length !== SIGNATURE_BYTES) return 'the signature is not 64 bytes in hex';
    const message = signedText(id, user, timestamp, body);
    const matches = (keys: KeyObject[]): boolean => keys.some((key) => verify(null, message, key, bytes));
    if (matches(await keysOf(ctx, KEYS_MAX_AGE_MS))) return null;
    return matches(await keysOf(ctx, REFETCH_AFTER_MS)) ? null : 'no key of the key set made this signature';
  };
}

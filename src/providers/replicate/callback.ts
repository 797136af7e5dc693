import { createHmac, timingSafeEqual } from 'node:crypto';
import { messageOf } from '../../common/errors.js';
import { sha256Hex } from '../../common/ids.js';
import type { CallbackRequest, ProviderContext } from '../contract.js';
import { exchange, parseBody } from '../exchange.js';
import { toError } from './error.js';
import { webhookSecret } from './wire.js';

/** Farthest a message may be from now, either way: Standard Webhooks' advice. The official validator checks no time at all. */
const TOLERANCE_MS = 300_000;
const KEEP_MS = 3_600_000;
/** Forged messages must not make Kiln ask for the secret each time. */
const ASK_AGAIN_MS = 60_000;

/** `whsec_` and the key in base64. */
const keyOf = (secret: string): Buffer => Buffer.from(secret.slice(secret.lastIndexOf('_') + 1), 'base64');

interface SignedMessage {
  id: string;
  timestamp: string;
  signatures: string[];
  body: Buffer;
}

/** The signed parts, or what is wrong with them. */
function read({ headers, body }: CallbackRequest, nowMs: number): SignedMessage | string {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signature = headers['webhook-signature'];
  if (!id || !timestamp || !signature) return 'a webhook header is missing';
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp is no time';
  if (Math.abs(nowMs - Number(timestamp) * 1000) > TOLERANCE_MS) return 'webhook-timestamp is too far from now';
  const signatures = signature.split(' ').flatMap((entry) => (entry.startsWith('v1,') ? [entry.slice(3)] : []));
  return signatures.length > 0 ? { id, timestamp, signatures, body } : 'webhook-signature holds no v1 signature';
}

/** HMAC-SHA256 over `{id}.{timestamp}.{raw body}`; any one of the listed signatures may fit. Constant time for each. */
function isSigned({ id, timestamp, signatures, body }: SignedMessage, key: Buffer): boolean {
  const wanted = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  return signatures
    .map((signature) => Buffer.from(signature, 'base64'))
    .map((given) => given.length === wanted.length && timingSafeEqual(given, wanted))
    .includes(true);
}

interface Held {
  key: Buffer;
  askedAtMs: number;
}

export type CallbackVerifier = (
  request: CallbackRequest,
  ctx: ProviderContext,
  authorization: (ctx: ProviderContext) => Record<string, string>,
) => Promise<string | null>;

/**
 * Checks by Standard Webhooks. The secret is the operator's where one is set, else the account's own from
 * `GET /webhooks/default/secret`: kept for an hour, and asked for again where no signature fits, as after a rotation.
 */
export function callbackVerifier(): CallbackVerifier {
  const held = new Map<string, Promise<Held>>();

  async function ask(ctx: ProviderContext, auth: Record<string, string>): Promise<Held> {
    const askedAtMs = ctx.now();
    const answer = await exchange(ctx, `${ctx.endpoint}/webhooks/default/secret`, { headers: auth }, 'reads');
    if (answer.status !== 200) throw toError(answer, 'reads', askedAtMs);
    return { key: keyOf(parseBody(webhookSecret, answer.text, 'reads').key), askedAtMs };
  }

  /** Kept no longer than `maxAgeMs`. Concurrent callbacks share one request; a failed one is not remembered. */
  async function secret(ctx: ProviderContext, auth: Record<string, string>, maxAgeMs: number): Promise<Held> {
    const account = sha256Hex(JSON.stringify([ctx.endpoint, auth]));
    const known = held.get(account);
    const present = await known?.catch(() => undefined);
    if (present && ctx.now() - present.askedAtMs < maxAgeMs) return present;
    if (held.get(account) === known) held.set(account, ask(ctx, auth));
    const asked = held.get(account) as Promise<Held>;
    return asked.catch((error: unknown) => {
      if (held.get(account) === asked) held.delete(account);
      throw error;
    });
  }

  return async (request, ctx, authorization) => {
    const message = read(request, ctx.now());
    if (typeof message === 'string') return message;
    if (ctx.callbackSecret !== undefined)
      return isSigned(message, keyOf(ctx.callbackSecret)) ? null : 'no signature fits the configured secret';
    try {
      const auth = authorization(ctx);
      if (isSigned(message, (await secret(ctx, auth, KEEP_MS)).key)) return null;
      return isSigned(message, (await secret(ctx, auth, ASK_AGAIN_MS)).key)
        ? null
        : "no signature fits the account's secret";
    } catch (error) {
      return `the account's signing secret could not be read: ${messageOf(error)}`;
    }
  };
}

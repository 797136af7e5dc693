import { sha256Hex } from '../../common/ids.js';
import type { CallbackRequest, ProviderContext } from '../contract.js';
import { exchange, parseBody } from '../exchange.js';
import { signatureProblem } from '../standard-webhook.js';
import { toError } from './error.js';
import { webhookSecret } from './wire.js';

const KEEP_MS = 3_600_000;
/** Forged messages must not make Kiln ask for the secret each time. */
const ASK_AGAIN_MS = 60_000;

interface Held {
  secret: string;
  askedAtMs: number;
}

export type CallbackVerifier = (
  request: CallbackRequest,
  ctx: ProviderContext,
  authorization: (ctx: ProviderContext) => Record<string, string>,
) => Promise<string | null>;

/**
 * Checks by Standard Webhooks; throws ProviderError where the account's secret can't be read now. The secret is the operator's where one is set, else the account's own from
 * `GET /webhooks/default/secret`: kept for an hour, and asked for again where no signature fits, as after a rotation.
 */
export function callbackVerifier(): CallbackVerifier {
  const held = new Map<string, Promise<Held>>();

  async function fetchSecret(ctx: ProviderContext, auth: Record<string, string>): Promise<Held> {
    const askedAtMs = ctx.now();
    const answer = await exchange(ctx, `${ctx.endpoint}/webhooks/default/secret`, { headers: auth }, 'reads');
    if (answer.status !== 200) throw toError(answer, 'reads', askedAtMs);
    return { secret: parseBody(webhookSecret, answer.text, 'reads').key, askedAtMs };
  }

  /** Kept no longer than `maxAgeMs`. Concurrent callbacks share one request; a failed one is not remembered. */
  async function ask(ctx: ProviderContext, auth: Record<string, string>, maxAgeMs: number): Promise<Held> {
    const account = sha256Hex(JSON.stringify([ctx.endpoint, auth]));
    const known = held.get(account);
    const present = await known?.catch(() => undefined);
    if (present && ctx.now() - present.askedAtMs < maxAgeMs) return present;
    if (held.get(account) === known) held.set(account, fetchSecret(ctx, auth));
    const asked = held.get(account) as Promise<Held>;
    return asked.catch((error: unknown) => {
      if (held.get(account) === asked) held.delete(account);
      throw error;
    });
  }

  return async (request, ctx, authorization) => {
    const problem = (secret: string): string | null => signatureProblem(request, secret, ctx.now());
    if (ctx.callbackSecret !== undefined) return problem(ctx.callbackSecret);
    // What is not even signed shall not make Kiln ask for a secret.
    if (!request.headers['webhook-signature']) return 'the callback is not signed';
    const auth = authorization(ctx);
    if (problem((await ask(ctx, auth, KEEP_MS)).secret) === null) return null;
    return problem((await ask(ctx, auth, ASK_AGAIN_MS)).secret);
  };
}

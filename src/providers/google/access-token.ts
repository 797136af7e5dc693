import { JWT } from 'google-auth-library';
import { z } from 'zod';
import { messageOf } from '../../common/errors.js';
import { sha256Hex } from '../../common/ids.js';
import { EgressError, type EgressOptions } from '../../egress/egress.js';
import { ProviderError, type ProviderContext } from '../contract.js';
import { fromTransport } from '../http-errors.js';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
/** A token is renewed this long before it ends. */
const RENEW_BEFORE_MS = 5 * 60_000;

/** Exchanges a service account's key for an access token. */
export type TokenSource = (serviceAccountJson: string, ctx: ProviderContext) => Promise<string>;

const serviceAccount = z.object({ client_email: z.string(), private_key: z.string() });

/** `fetch` for the auth library that goes through the guarded egress and nowhere else. */
const guardedFetch =
  (ctx: ProviderContext): typeof fetch =>
  async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const options: EgressOptions = {
      method: init?.method === 'POST' ? 'POST' : 'GET',
      headers: Object.fromEntries(new Headers(init?.headers).entries()),
      body: init?.body === undefined || init.body === null ? undefined : await new Response(init.body).text(),
      maxRedirects: 0,
      signal: ctx.signal,
    };
    const response = await ctx.fetchForeign(url, options);
    return new Response(await response.text(), { status: response.status, headers: response.headers });
  };

async function exchangeKey(json: string, ctx: ProviderContext): Promise<{ token: string; expiresAtMs: number }> {
  const account = serviceAccount.safeParse(JSON.parse(json));
  if (!account.success)
    throw new ProviderError('auth', 'rejected', 'the service account key lacks client_email or private_key');
  const client = new JWT({
    email: account.data.client_email,
    key: account.data.private_key,
    scopes: [SCOPE],
    transporterOptions: { fetchImplementation: guardedFetch(ctx) },
  });
  const tokens = await client.authorize();
  if (!tokens.access_token) throw new ProviderError('auth', 'rejected', 'the token exchange gave no access token');
  return { token: tokens.access_token, expiresAtMs: tokens.expiry_date ?? ctx.now() + RENEW_BEFORE_MS };
}

/** The auth library wraps what its fetch threw. */
function causedByEgress(error: unknown): unknown {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof EgressError) return at;
  return error;
}

/** Tokens are kept until shortly before they end; concurrent calls share one exchange. */
export function serviceAccountTokens(): TokenSource {
  const held = new Map<string, Promise<{ token: string; expiresAtMs: number }>>();
  return async (json, ctx) => {
    const key = sha256Hex(json);
    const known = held.get(key);
    if (known) {
      const present = await known.catch(() => undefined);
      if (present && present.expiresAtMs - RENEW_BEFORE_MS > ctx.now()) return present.token;
      if (held.get(key) === known) held.delete(key);
    }
    const fresh = held.get(key) ?? exchangeKey(json, ctx);
    held.set(key, fresh);
    try {
      return (await fresh).token;
    } catch (error) {
      held.delete(key);
      if (error instanceof ProviderError) throw error;
      const lost = fromTransport(causedByEgress(error), 'prepares');
      // A refused assertion is a wrong or revoked key; a lost connection is not.
      throw lost.kind === 'internal'
        ? new ProviderError('auth', 'rejected', `the service account was refused: ${messageOf(error)}`, {
            cause: error,
          })
        : lost;
    }
  };
}

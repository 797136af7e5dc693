import { createHmac } from 'node:crypto';
import { sha256Hex } from '../../common/ids.js';
import { ProviderError, type ProviderContext } from '../contract.js';

/** Life of a token, and how far back it is valid, as Kling's reference code has them. */
const TOKEN_SECONDS = 1800;
const NOT_BEFORE_SECONDS = 5;
/** A token is replaced this long before it ends. */
const RENEW_BEFORE_SECONDS = 300;

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(accessKey: string, secretKey: string, nowSeconds: number): string {
  const claims = { iss: accessKey, exp: nowSeconds + TOKEN_SECONDS, nbf: nowSeconds - NOT_BEFORE_SECONDS };
  const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secretKey).update(input).digest('base64url')}`;
}

/** `accessKey:secretKey`, the older kind of credential, which signs a token of its own; API keys hold no colon. */
export const isKeyPair = (ctx: ProviderContext): boolean =>
  ctx.credential?.kind === 'api_key' && ctx.credential.key.includes(':');

export interface Tokens {
  /** What goes behind `Bearer`. */
  of(ctx: ProviderContext): string;
  /** Forgets the signed token, so that the next one is new. */
  renew(ctx: ProviderContext): void;
}

/** Signed tokens are kept by credential until shortly before they end. */
export function klingTokens(): Tokens {
  const held = new Map<string, { token: string; signedAtSeconds: number }>();
  return {
    of(ctx) {
      const { credential } = ctx;
      if (credential === null) throw new ProviderError('auth', 'rejected', 'the route has no credential');
      if (credential.kind === 'bearer') return credential.token;
      if (credential.kind !== 'api_key')
        throw new ProviderError('auth', 'rejected', 'Kling takes a key, not a service account');
      const [accessKey = '', secretKey] = credential.key.split(/:(.*)/s);
      if (secretKey === undefined) return credential.key;
      const now = Math.floor(ctx.now() / 1000);
      const known = held.get(sha256Hex(credential.key));
      const ageSeconds = now - (known?.signedAtSeconds ?? 0);
      if (known && ageSeconds >= 0 && ageSeconds < TOKEN_SECONDS - RENEW_BEFORE_SECONDS) return known.token;
      const token = sign(accessKey, secretKey, now);
      held.set(sha256Hex(credential.key), { token, signedAtSeconds: now });
      return token;
    },
    renew(ctx) {
      if (ctx.credential?.kind === 'api_key') held.delete(sha256Hex(ctx.credential.key));
    },
  };
}

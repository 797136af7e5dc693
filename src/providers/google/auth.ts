import { ProviderError, type ProviderContext } from '../contract.js';
import type { TokenSource } from './access-token.js';
import type { Surface } from './options.js';

/** The header that names the caller to one of the two surfaces. */
export type Authorise = (ctx: ProviderContext, surface: Surface) => Promise<Record<string, string>>;

/** A Vertex project takes access tokens only, so a bare key there is one; the Gemini API has a header for its keys. */
export const authoriseWith =
  (tokens: TokenSource): Authorise =>
  async (ctx, surface): Promise<Record<string, string>> => {
    const { credential } = ctx;
    if (credential === null) throw new ProviderError('auth', 'rejected', 'the route has no credential');
    if (credential.kind === 'api_key')
      return surface === 'gemini'
        ? { 'x-goog-api-key': credential.key }
        : { authorization: `Bearer ${credential.key}` };
    if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
    return { authorization: `Bearer ${await tokens(credential.json, ctx)}` };
  };

export const JSON_TYPE = { 'content-type': 'application/json' };

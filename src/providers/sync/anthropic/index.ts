import { z } from 'zod';
import type { JsonObject } from '../../../common/json.js';
import type { SyncAdapter, SyncCall, SyncContext, SyncResponse } from '../contract.js';
import { keyOf, post } from '../send.js';

/** The version that translated requests are written for. What a client of this API sends passes with its own. */
export const ANTHROPIC_VERSION = '2023-06-01';

const PATHS = { messages: '/v1/messages', count_tokens: '/v1/messages/count_tokens' } as const;

/** Anthropic's API. Bodies pass as they are; betas and the version are the client's. */
export const anthropic: SyncAdapter = {
  id: 'anthropic',
  settings: z.strictObject({}) as z.ZodType<JsonObject>,
  kinds: () => ['messages', 'count_tokens'],
  async send(call: SyncCall, ctx: SyncContext): Promise<SyncResponse> {
    const { version = ANTHROPIC_VERSION, betas = [] } = call.anthropic ?? {};
    const key = keyOf(ctx.credential);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'anthropic-version': version,
      ...(betas.length === 0 ? {} : { 'anthropic-beta': betas.join(',') }),
      ...(key === null ? {} : { 'x-api-key': key }),
    };
    const body = JSON.stringify({ model: call.model, ...call.body });
    return post(`${ctx.endpoint}${PATHS[call.kind as keyof typeof PATHS]}`, { headers, body }, call, ctx);
  },
};

import type { SandboxContext } from '../context.js';
import type { SandboxWire } from '../wire.js';
import { PromptCache } from './cache.js';
import { AnthropicError, answerAnthropicError, checkKey, newRequestId } from './errors.js';
import { messageRoutes, versionOf } from './messages.js';
import { modelRoutes } from './model-routes.js';
import { CLAUDE_MODELS } from './models.js';

const BODY_LIMIT_BYTES = 32 * 1024 * 1024;
const ORGANIZATION = '00000000-0000-4000-8000-000000000000';
const LIMITS = { requests: 4_000, tokens: 2_400_000, 'input-tokens': 2_000_000, 'output-tokens': 400_000 } as const;

/** Anthropic's Messages and Models APIs below `/anthropic`, which is what an SDK takes as its base URL. */
export async function openAnthropic(context: SandboxContext): Promise<SandboxWire> {
  const closing = new AbortController();
  const claude = { context, cache: new PromptCache(() => context.clock.now()), closing: closing.signal };
  return {
    prefix: '/anthropic/v1',
    routes: async (app) => {
      app.setErrorHandler(answerAnthropicError);
      app.setNotFoundHandler(() => {
        throw new AnthropicError('not_found_error', 'Not found');
      });
      app.addHook('onRoute', (route) => {
        route.bodyLimit = BODY_LIMIT_BYTES;
      });
      app.addHook('onRequest', async (request, reply) => {
        reply.headers({
          'request-id': newRequestId(),
          'anthropic-organization-id': ORGANIZATION,
          ...rateLimits(context.clock.now()),
        });
        checkKey(request, context.key);
        versionOf(request);
      });
      await app.register(messageRoutes(claude));
      await app.register(modelRoutes());
    },
    emulates: {
      anthropic: {
        base: '/anthropic',
        auth: 'x-api-key, or Authorization: Bearer',
        models: CLAUDE_MODELS.map(({ id }) => id),
      },
    },
    close: () => closing.abort(),
  };
}

/** Buckets that are always full. */
function rateLimits(nowMs: number): Record<string, string> {
  const reset = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  return Object.fromEntries(
    Object.entries(LIMITS).flatMap(([name, limit]) => [
      [`anthropic-ratelimit-${name}-limit`, String(limit)],
      [`anthropic-ratelimit-${name}-remaining`, String(limit)],
      [`anthropic-ratelimit-${name}-reset`, reset],
    ]),
  );
}

import { PromptCache } from '../anthropic/cache.js';
import type { SandboxContext } from '../context.js';
import type { SandboxWire } from '../wire.js';
import { answerBedrockError, BedrockError } from './errors.js';
import { BEDROCK_MODEL_IDS } from './models.js';
import { invokeRoutes } from './routes.js';
import { ACCESS_KEY_ID, checkCaller } from './sigv4.js';

const BODY_LIMIT_BYTES = 25 * 1024 * 1024;

/** AWS Bedrock Runtime below `/bedrock`, which is what an AWS client takes as its endpoint. */
export async function openBedrock(context: SandboxContext): Promise<SandboxWire> {
  const closing = new AbortController();
  const claude = { context, cache: new PromptCache(() => context.clock.now()), closing: closing.signal };
  return {
    prefix: '/bedrock',
    routes: async (app) => {
      app.setErrorHandler(answerBedrockError);
      app.setNotFoundHandler(() => {
        throw new BedrockError(
          'UnknownOperationException',
          'The requested operation is not recognized by the service.',
        );
      });
      // A signature is over the very bytes that came.
      app.removeAllContentTypeParsers();
      app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) =>
        done(null, body),
      );
      app.addHook('preHandler', async ({ method, originalUrl, headers, body }) =>
        checkCaller(
          { method, url: originalUrl, headers, body: Buffer.isBuffer(body) ? body : Buffer.alloc(0) },
          context.key,
          context.clock.now(),
        ),
      );
      await app.register(invokeRoutes(claude));
    },
    emulates: {
      bedrock: {
        base: '/bedrock',
        auth: `AWS4-HMAC-SHA256 with the access key id "${ACCESS_KEY_ID}" and the key as secret, or Authorization: Bearer`,
        models: BEDROCK_MODEL_IDS,
      },
    },
    close: () => closing.abort(),
  };
}

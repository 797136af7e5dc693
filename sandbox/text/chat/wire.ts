import type { FastifyInstance } from 'fastify';
import type { SandboxContext } from '../../context.js';
import type { SandboxWire } from '../../wire.js';
import { type TextVendor, VENDORS } from '../vendors.js';
import { answerError, checkKey, failed } from './errors.js';
import { chatRoutes } from './routes.js';

/** One opener for each vendor of the table but OpenAI, whose wire has more. */
export const openVendors = VENDORS.map(
  (vendor) =>
    (context: SandboxContext): Promise<SandboxWire> =>
      openVendor(context, vendor),
);

async function openVendor(context: SandboxContext, vendor: TextVendor): Promise<SandboxWire> {
  const closing = new AbortController();
  const { provider, prefix } = vendor;
  return {
    prefix,
    routes: async (app) => {
      app.setErrorHandler(answerError(provider));
      app.setNotFoundHandler((request) => {
        throw failed(provider, 'no_path', null, `Not Found: ${request.method} ${request.url}`);
      });
      await app.register(guarded(context, vendor, closing.signal));
      // DeepSeek's base URL may end in /v1, "with no relation to the model's version".
      if (provider === 'deepseek') await app.register(guarded(context, vendor, closing.signal), { prefix: '/v1' });
    },
    emulates: {
      [provider]: { base: prefix, auth: 'Authorization: Bearer', models: Object.keys(vendor.models) },
    },
    close: () => closing.abort(),
  };
}

function guarded(context: SandboxContext, vendor: TextVendor, closing: AbortSignal) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.addHook('onRequest', async (request) => {
      const isPublic = vendor.provider === 'openrouter' && request.method === 'GET';
      if (!isPublic) checkKey(vendor.provider, request, context.key);
    });
    await app.register(chatRoutes(context, vendor, closing));
  };
}

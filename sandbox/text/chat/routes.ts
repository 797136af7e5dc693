import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../../context.js';
import { think } from '../brain.js';
import { PromptCache } from '../cache.js';
import { beginText, promptIn, type TextCall } from '../exchange.js';
import { answerStream, answerWhole } from '../play.js';
import type { TextVendor } from '../vendors.js';
import { type ChatAnswer, completionOf, framesOf } from './answer.js';
import { answerError, failed, serverError, showFault } from './errors.js';
import { modelList, modelNamed } from './models.js';
import { quirksOf } from './quirks.js';
import { type Chat, readChat } from './read.js';
import { streamError } from './stream-error.js';

/** `POST /chat/completions` and `GET /models` of one vendor; the mount checks the key. */
export function chatRoutes(context: SandboxContext, vendor: TextVendor, closing: AbortSignal) {
  const { provider } = vendor;
  const cache = new PromptCache();
  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler(answerError(provider));
    app.post('/chat/completions', (request, reply) => serve(context, vendor, cache, closing, request, reply));
    app.get('/models', async () => modelList(vendor));
    app.get<{ Params: { '*': string } }>('/models/*', async (request) => {
      const id = decodeURIComponent(request.params['*']);
      const found = modelNamed(vendor, id);
      if (found === null) throw failed(provider, 'no_model', 'model', `The model '${id}' does not exist`);
      return found;
    });
  };
}

async function serve(
  context: SandboxContext,
  vendor: TextVendor,
  cache: PromptCache,
  closing: AbortSignal,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { provider } = vendor;
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw failed(provider, 'unparsable', null, 'We could not parse the JSON body of your request.');
  const id = quirksOf(vendor).idPrefix + randomBytes(12).toString('hex');
  const prompt = promptIn((body as Record<string, unknown>)['messages']);
  const call: TextCall = { context, provider, request, reply, body, prompt, closing };
  const begun = await beginText<Chat>(call, {
    id,
    showFault: (to, name, value) => showFault(provider, to, name, value),
    badPrompt: (message) => failed(provider, 'value', 'messages', message),
    serverError: () => serverError(provider),
    read: (faults) => readChat(vendor, body, faults),
  });
  if (begun === null) return reply;
  const { wanted, faults } = begun;
  const thought = think(wanted.request);
  const { usage } = thought;
  const answer: ChatAnswer = {
    chat: wanted,
    reply: thought,
    usage: 'no-usage' in faults ? null : { ...usage, cached: cache.automatic(wanted.request, wanted.body.model).read },
    id,
    created: Math.floor(context.clock.now() / 1000),
  };
  const errorBody = (): object => serverError(provider).body();
  const headers = headersOf(vendor, id);
  if (wanted.body.stream === true)
    await answerStream(
      call,
      {
        headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
        frames: framesOf(answer),
        error: () => streamError(answer),
        errorBody,
      },
      faults,
    );
  else
    await answerWhole(
      call,
      { headers, body: completionOf(answer), errorBody, serverError: () => serverError(provider) },
      faults,
    );
  return reply;
}

function headersOf({ provider }: TextVendor, id: string): Record<string, string> {
  return {
    'x-request-id': `req_${id}`,
    ...(provider === 'openai' ? { 'openai-version': '2020-10-01', 'openai-processing-ms': '1' } : {}),
    ...(provider === 'openrouter' ? { 'x-generation-id': id } : {}),
  };
}

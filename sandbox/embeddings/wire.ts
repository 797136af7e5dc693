import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { readBody } from '../openai/body.js';
import { checkKey, invalidValue, serverError, showFault } from '../openai/errors.js';
import { answerErrorsOf, errorBodyOf } from '../speech/errors.js';
import { beginText, type TextCall } from '../text/exchange.js';
import { answerWhole } from '../text/play.js';
import type { SandboxWire } from '../wire.js';
import { EMBEDDING_HOSTS, type EmbeddingHost } from './hosts.js';
import { type EmbeddingRequest, readEmbeddings, tooLong } from './request.js';
import { embed, toBase64 } from './vectors.js';

/** `POST /embeddings` in OpenAI's format, at every provider that serves it. Markers of faults stand in any `input` text. */
export async function openEmbeddings(context: SandboxContext): Promise<SandboxWire> {
  const closing = new AbortController();
  return {
    prefix: '',
    routes: async (app) => {
      for (const host of EMBEDDING_HOSTS)
        await app.register(embeddingRoutes(context, host, closing.signal), { prefix: host.prefix });
    },
    emulates: {},
    close: () => closing.abort(),
  };
}

const errorsOf = ({ provider }: EmbeddingHost) => ({ provider, manner: 'vendor' }) as const;

function embeddingRoutes(context: SandboxContext, host: EmbeddingHost, closing: AbortSignal) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler(answerErrorsOf(errorsOf(host)));
    app.addHook('onRequest', async (request) => checkKey(request, context.key));
    app.post('/embeddings', (request, reply) => serve({ context, host, closing }, request, reply));
  };
}

async function serve(
  { context, host, closing }: { context: SandboxContext; host: EmbeddingHost; closing: AbortSignal },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const body = await readBody(request, false);
  const input = body.values['input'];
  const texts = (Array.isArray(input) ? input : [input]).filter((one) => typeof one === 'string');
  const call: TextCall = {
    context,
    provider: host.provider,
    request,
    reply,
    body: body.values,
    prompt: texts.join('\n'),
    closing,
  };
  const begun = await beginText(call, {
    showFault,
    badPrompt: (message) => invalidValue('input', message),
    serverError,
    read: async (faults) => {
      const wanted = readEmbeddings(host, body, (text) => readPrompt(text).text);
      if ('context-length' in faults) throw tooLong(wanted.how.maxTokens, wanted.how.maxTokens + 1);
      return wanted;
    },
    id: `embd-${randomUUID()}`,
  });
  if (begun === null) return reply;
  const { wanted, faults } = begun;
  context.recorder.count(host.provider, 'embedded');
  await answerWhole(
    call,
    {
      headers: { 'x-request-id': 'req_sandbox' },
      body: answerOf(context, host, wanted, 'no-usage' in faults),
      errorBody: () => errorBodyOf(serverError(), errorsOf(host)),
      serverError,
    },
    faults,
  );
  return reply;
}

function answerOf(
  context: SandboxContext,
  { isNumbered }: EmbeddingHost,
  { model, how, items, dimensions, asBase64 }: EmbeddingRequest,
  withoutUsage: boolean,
): object {
  const tokens = items.reduce((sum, item) => sum + item.tokens, 0);
  const usage = {
    prompt_tokens: tokens,
    total_tokens: tokens,
    ...(isNumbered ? { completion_tokens: 0, prompt_tokens_details: null } : {}),
  };
  return {
    ...(isNumbered ? { id: `embd-${randomUUID()}`, created: Math.floor(context.clock.now() / 1000) } : {}),
    object: 'list',
    data: items.map(({ text }, index) => {
      const vector = padded(embed(text, how.dimensions, Math.min(dimensions, how.dimensions)), dimensions);
      return { object: 'embedding', index, embedding: asBase64 ? toBase64(vector) : [...vector] };
    }),
    model,
    ...(withoutUsage ? {} : { usage }),
  };
}

function padded(vector: Float32Array, dimensions: number): Float32Array {
  if (dimensions <= vector.length) return vector;
  const longer = new Float32Array(dimensions);
  longer.set(vector);
  return longer;
}

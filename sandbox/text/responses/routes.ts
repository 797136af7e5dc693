import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../../context.js';
import { think } from '../brain.js';
import { PromptCache } from '../cache.js';
import { answerError, failed, serverError, showFault } from '../chat/errors.js';
import { beginText, promptIn, type TextCall } from '../exchange.js';
import { answerStream, answerWhole } from '../play.js';
import { outputOf, type ResponseAnswer, responseOf, statusOf } from './answer.js';
import { ResponseEvents } from './events.js';
import { readResponses, type Wanted } from './read.js';
import type { Item } from './request.js';

const MAX_STORED = 10_000;

/** Output items by id, the newest; OpenAI keeps them for 30 days where `store` is not false. */
class StoredItems {
  private readonly byId = new Map<string, Item>();

  get(id: string): Item | undefined {
    return this.byId.get(id);
  }

  keep(answer: ResponseAnswer): void {
    if (answer.body.store === false) return;
    for (const item of outputOf(answer)) this.byId.set(item.id, item);
    const [oldest] = this.byId.keys();
    if (this.byId.size > MAX_STORED && oldest !== undefined) this.byId.delete(oldest);
  }
}

/** OpenAI's `POST /responses`; the mount checks the key. */
export function responsesRoutes(context: SandboxContext, closing: AbortSignal) {
  const cache = new PromptCache();
  const stored = new StoredItems();
  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler(answerError('openai'));
    app.post('/responses', (request, reply) => serve({ context, cache, stored, closing }, request, reply));
  };
}

interface Parts {
  context: SandboxContext;
  cache: PromptCache;
  stored: StoredItems;
  closing: AbortSignal;
}

async function serve(
  { context, cache, stored, closing }: Parts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw failed('openai', 'unparsable', null, 'We could not parse the JSON body of your request.');
  const key = randomBytes(12).toString('hex');
  const prompt = promptIn((body as Record<string, unknown>)['input']);
  const call: TextCall = { context, provider: 'openai', request, reply, body, prompt, closing };
  const begun = await beginText<Wanted>(call, {
    id: `resp_${key}`,
    showFault: (to, name, value) => showFault('openai', to, name, value),
    badPrompt: (message) => failed('openai', 'value', 'input', message),
    serverError: () => serverError('openai'),
    read: (faults) => readResponses(body, faults, stored),
  });
  if (begun === null) return reply;
  const { wanted, faults } = begun;
  const answer: ResponseAnswer = {
    body: wanted.body,
    reply: think(wanted.request),
    cached: cache.automatic(wanted.request, wanted.body.model).read,
    hasUsage: !('no-usage' in faults),
    key,
    created: Math.floor(context.clock.now() / 1000),
  };
  stored.keep(answer);
  const headers = { 'x-request-id': `req_${key}`, 'openai-version': '2020-10-01', 'openai-processing-ms': '1' };
  const errorBody = (): object => serverError('openai').body();
  if (wanted.body.stream === true) {
    const events = new ResponseEvents(answer);
    await answerStream(
      call,
      {
        headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
        frames: events.frames(),
        error: () => events.error(serverError('openai').message),
        errorBody,
      },
      faults,
    );
    return reply;
  }
  const whole = responseOf(answer, statusOf(answer.reply));
  await answerWhole(call, { headers, body: whole, errorBody, serverError: () => serverError('openai') }, faults);
  return reply;
}

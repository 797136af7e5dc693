import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import type { TaskFaults } from '../faults.js';
import { beginText, promptIn, type TextCall } from '../text/exchange.js';
import { answerStream, answerWhole } from '../text/play.js';
import { type Answer, messageOf } from './answer.js';
import { type MessagesBody, readBody, type Version, VERSIONS } from './body.js';
import type { PromptCache } from './cache.js';
import { answer, checkForModel, countPrompt, type Surface } from './claude.js';
import { AnthropicError, invalid, noSuchModel, overloaded } from './errors.js';
import { eventsOf } from './events.js';
import { showFault } from './faults.js';
import { type ClaudeModel, findClaude } from './models.js';

const SURFACE: Surface = { name: 'anthropic', messagePrefix: 'msg_', toolPrefix: 'toolu_' };

export interface Claude {
  context: SandboxContext;
  cache: PromptCache;
  closing: AbortSignal;
}

interface Accepted {
  body: MessagesBody;
  made: Answer;
}

/** `POST /v1/messages` and `/v1/messages/count_tokens`; `?beta=true` changes neither. */
export function messageRoutes(claude: Claude) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.post('/messages', (request, reply) => create(claude, request, reply));
    app.post('/messages/count_tokens', async (request) => {
      const { body, model } = checkedBody(request, true);
      claude.context.recorder.count('anthropic', 'counts');
      return { input_tokens: countPrompt(body, model) };
    });
  };
}

async function create(claude: Claude, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { context, closing, cache } = claude;
  const sent = (request.body ?? {}) as { messages?: unknown };
  const call: TextCall = {
    context,
    provider: 'anthropic',
    request,
    reply,
    body: recordable(request),
    prompt: promptIn(sent.messages),
    closing,
  };
  const begun = await beginText<Accepted>(call, {
    id: `msg_${randomUUID()}`,
    showFault,
    badPrompt: (message) => invalid(message),
    serverError: () => new AnthropicError('api_error', 'Internal server error'),
    read: async (faults) => {
      const { body, model } = checkedBody(request, false);
      return { body, made: await answer(body, model, faults, { surface: SURFACE, cache }) };
    },
  });
  if (begun !== null) await send(call, begun.wanted, begun.faults);
  return reply;
}

async function send(call: TextCall, { body, made }: Accepted, faults: TaskFaults): Promise<void> {
  const headers = Object.fromEntries(
    Object.entries(call.reply.getHeaders()).map(([name, value]) => [name, String(value)]),
  );
  const envelope = (error: AnthropicError) => ({
    type: 'error',
    error: error.inner(),
    request_id: headers['request-id'] ?? null,
  });
  const internal = new AnthropicError('api_error', 'Internal server error');
  const errorBody = () => envelope(internal);
  if (body.stream !== true) {
    await answerWhole(call, { headers, body: messageOf(made, faults), errorBody, serverError: () => internal }, faults);
    return;
  }
  await answerStream(
    call,
    {
      headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
      frames: framesOf(made, faults),
      error: () => named(envelope(overloaded())),
      errorBody,
    },
    faults,
  );
}

/** Server-sent events carry their type twice: in `event:`, without which the SDKs skip them, and in the data. */
const named = (data: { type: string }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

function* framesOf(made: Answer, faults: TaskFaults) {
  for (const { data, isContent } of eventsOf(made, faults, true)) yield { bytes: named(data), isContent };
}

function checkedBody(request: FastifyRequest, counting: boolean): { body: MessagesBody; model: ClaudeModel } {
  const version = versionOf(request);
  const body = readBody(request.body, { version, betas: betasOf(request), counting });
  const model = findClaude(body.model);
  if (!model) throw noSuchModel(body.model);
  checkForModel(body, model, version);
  return { body, model };
}

/** `anthropic-version`; without one nothing is served. */
export function versionOf(request: FastifyRequest): Version {
  const given = request.headers['anthropic-version'];
  if (given === undefined) throw invalid('anthropic-version: header is required');
  const version = VERSIONS.find((known) => known === given);
  if (version === undefined)
    throw invalid(`anthropic-version: "${String(given)}" is not a valid version; use ${VERSIONS.join(' or ')}`);
  return version;
}

/** `anthropic-beta`, a list with commas; names that nobody knows are let through, as they may be newer than this sandbox. */
function betasOf({ headers }: FastifyRequest): string[] {
  const betas = [headers['anthropic-beta'] ?? []].flat().flatMap((header) => header.split(','));
  return betas.map((beta) => beta.trim()).filter((beta) => beta !== '');
}

/** The body, with the headers that shape the answer beside it. */
function recordable(request: FastifyRequest): unknown {
  return {
    ...(request.body as object | null),
    '(anthropic-version)': request.headers['anthropic-version'] ?? null,
    '(anthropic-beta)': betasOf(request),
  };
}

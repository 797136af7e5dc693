import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Answer, messageOf } from '../anthropic/answer.js';
import { answer, checkForModel, countPrompt, type Surface } from '../anthropic/claude.js';
import { eventsOf } from '../anthropic/events.js';
import type { Claude } from '../anthropic/messages.js';
import type { ClaudeModel } from '../anthropic/models.js';
import type { TaskFaults } from '../faults.js';
import { beginText, promptIn, type TextCall } from '../text/exchange.js';
import { answerStream, answerWhole, spoilt } from '../text/play.js';
import { readInvocation } from './body.js';
import { validation } from './errors.js';
import { chunkFrame, exceptionFrame } from './eventstream.js';
import { internal, showFault } from './faults.js';
import { findOnBedrock } from './models.js';

const SURFACE: Surface = { name: 'bedrock', messagePrefix: 'msg_bdrk_', toolPrefix: 'toolu_bdrk_' };

type Call = FastifyRequest<{ Params: { modelId: string } }>;

/** Bedrock Runtime's `InvokeModel`, `InvokeModelWithResponseStream` and `CountTokens`, of Claude alone. */
export function invokeRoutes(claude: Claude) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.post('/model/:modelId/invoke', (request: Call, reply) => invoke(claude, request, reply, false));
    app.post('/model/:modelId/invoke-with-response-stream', (request: Call, reply) =>
      invoke(claude, request, reply, true),
    );
    app.post('/model/:modelId/count-tokens', async (request: Call) => {
      const counted = count(request);
      claude.context.recorder.count('bedrock', 'counts');
      return counted;
    });
  };
}

/** The JSON of a raw body; what is none is refused as Bedrock does. */
function jsonOf(raw: unknown): unknown {
  try {
    return JSON.parse(String(raw)) as unknown;
  } catch {
    throw validation('Malformed input request, please reformat your input and try again.');
  }
}

async function invoke(claude: Claude, request: Call, reply: FastifyReply, streams: boolean): Promise<FastifyReply> {
  const { context, cache, closing } = claude;
  const { modelId } = request.params;
  const sent = jsonOf(request.body) as { messages?: unknown } | null;
  const call: TextCall = {
    context,
    provider: 'bedrock',
    request,
    reply,
    body: sent,
    prompt: promptIn(sent?.messages),
    closing,
  };
  const begun = await beginText<Answer>(call, {
    id: `msg_bdrk_${randomUUID()}`,
    showFault,
    badPrompt: (message) => validation(message),
    serverError: internal,
    read: async (faults) => {
      const model = findOnBedrock(modelId);
      const body = readInvocation(sent, model.id);
      checkForModel(body, model, '2023-06-01');
      return answer(body, model, faults, { surface: SURFACE, cache });
    },
  });
  if (begun !== null) await (streams ? sendStream : sendWhole)(call, begun.wanted, begun.faults);
  return reply;
}

/** Bills in headers; the cache's two are AWS's names with `cache-read` and `cache-write` in them. */
function billOf({ input, output }: Answer): Record<string, string> {
  return {
    'x-amzn-bedrock-invocation-latency': '1',
    'x-amzn-bedrock-input-token-count': String(input.input),
    'x-amzn-bedrock-output-token-count': String(output.tokens),
    'x-amzn-bedrock-cache-read-input-token-count': String(input.read),
    'x-amzn-bedrock-cache-write-input-token-count': String(input.written['5m'] + input.written['1h']),
  };
}

const errorBody = () => ({ message: internal().message });

async function sendWhole(call: TextCall, made: Answer, faults: TaskFaults): Promise<void> {
  const headers = { 'x-amzn-requestid': randomUUID(), ...('no-usage' in faults ? {} : billOf(made)) };
  await answerWhole(call, { headers, body: messageOf(made, faults), errorBody, serverError: internal }, faults);
}

async function sendStream(call: TextCall, made: Answer, faults: TaskFaults): Promise<void> {
  await answerStream(
    call,
    {
      headers: {
        'x-amzn-requestid': randomUUID(),
        'content-type': 'application/vnd.amazon.eventstream',
        'x-amzn-bedrock-content-type': 'application/json',
      },
      frames: framesOf(made, faults),
      error: () => exceptionFrame('serviceUnavailableException', 'Bedrock is unable to process your request.'),
      errorBody,
    },
    faults,
  );
}

/** The last event carries the bill. */
function* framesOf(made: Answer, faults: TaskFaults) {
  for (const { data, isContent } of eventsOf(made, faults, false)) {
    const isLast = data.type === 'message_stop' && !('no-usage' in faults);
    const json = JSON.stringify(isLast ? { ...data, ...metricsOf(made) } : data);
    yield { bytes: chunkFrame(spoilt(json)), isContent };
  }
}

const metricsOf = ({ input, output }: Answer) => ({
  'amazon-bedrock-invocationMetrics': {
    inputTokenCount: input.input,
    outputTokenCount: output.tokens,
    invocationLatency: 1,
    firstByteLatency: 1,
    cacheReadInputTokenCount: input.read,
    cacheWriteInputTokenCount: input.written['5m'] + input.written['1h'],
  },
});

function count(request: Call): { inputTokens: number } {
  const model: ClaudeModel = findOnBedrock(request.params.modelId);
  const { input, ...rest } = (jsonOf(request.body) ?? {}) as Record<string, unknown>;
  const encoded = (input as { invokeModel?: { body?: unknown } } | undefined)?.invokeModel?.body;
  if (Object.keys(rest).length > 0 || typeof encoded !== 'string')
    throw validation('input: one of invokeModel and converse must be given; this sandbox counts invokeModel only.');
  const body = readInvocation(jsonOf(Buffer.from(encoded, 'base64')), model.id);
  checkForModel(body, model, '2023-06-01');
  return { inputTokens: countPrompt(body, model) };
}

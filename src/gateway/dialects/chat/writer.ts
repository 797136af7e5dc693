import type { KilnError } from '../../../common/errors.js';
import type { JsonObject } from '../../../common/json.js';
import { NO_USAGE, type FinishReason, type StreamEvent, type TokenUsage } from '../conversation.js';
import type { Echo, StreamFailure, StreamWriter } from '../dialect.js';
import { sse } from '../sse.js';
import { answerId, speaksLegacy } from './answer.js';
import { writeFinish } from './finish.js';
import { writeUsage } from './usage.js';

/** Writes `chat.completion.chunk` lines as OpenAI does: the role first, usage before `[DONE]` where it was asked for. */
export function writer(echo: Echo): StreamWriter {
  const head = JSON.stringify({
    id: answerId(echo),
    object: 'chat.completion.chunk',
    created: echo.createdAt,
    model: echo.model,
  }).slice(0, -1);
  const { includeUsage } = echo.conversation;
  const legacy = speaksLegacy(echo);
  // OpenAI has the field in every chunk where usage was asked for.
  const tail = includeUsage ? ',"usage":null}' : '}';
  let begun = false;
  let finished = false;
  let called = false;
  let usage: TokenUsage | null = null;

  const chunk = (delta: JsonObject, reason: string | null): string => {
    const choice = `{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,"finish_reason":${JSON.stringify(reason)}}`;
    return sse('', `${head},"choices":[${choice}]${tail}`);
  };
  const begin = (): string => {
    if (begun) return '';
    begun = true;
    return chunk({ role: 'assistant', content: '' }, null);
  };
  const show = (delta: JsonObject): string => begin() + chunk(delta, null);
  const finish = (reason: FinishReason): string => {
    if (finished) return '';
    finished = true;
    const word = legacy && reason === 'tool_calls' ? 'function_call' : writeFinish(reason);
    return begin() + chunk({}, word);
  };

  function showCall(index: number, of: JsonObject, id?: string): string {
    if (legacy) return index === 0 ? show({ function_call: of }) : '';
    return show({ tool_calls: [{ index, ...(id !== undefined && { id, type: 'function' }), function: of }] });
  }

  return {
    write(event: StreamEvent): string {
      switch (event.type) {
        case 'start':
          return begin();
        case 'text':
          return event.text === '' ? '' : show({ content: event.text });
        case 'refusal':
          return event.text === '' ? '' : show({ refusal: event.text });
        case 'reasoning':
          return event.text === '' ? '' : show({ reasoning_content: event.text });
        case 'tool_call':
          called = true;
          return showCall(event.index, { name: event.name, arguments: '' }, event.id);
        case 'tool_arguments':
          return event.fragment === '' ? '' : showCall(event.index, { arguments: event.fragment });
        case 'finish':
          return finish(event.reason);
        case 'usage':
          usage = { ...(usage ?? NO_USAGE), ...event.usage };
          return '';
        case 'end': {
          const closing = finish(called ? 'tool_calls' : 'stop');
          const counted =
            includeUsage && usage !== null
              ? sse('', `${head},"choices":[],"usage":${JSON.stringify(writeUsage(usage))}}`)
              : '';
          return `${closing}${counted}data: [DONE]\n\n`;
        }
        case 'reasoning_signature':
        case 'reasoning_sealed':
        case 'part_end':
        case 'fault':
          return '';
      }
    },
    fail: (error, facts) => sse('', JSON.stringify(failure(error, facts))),
  };
}

const failure = (error: KilnError, facts: StreamFailure): JsonObject => ({
  error: {
    ...error.toBody().error,
    request_id: facts.requestId,
    ...(facts.usage !== null && { usage: writeUsage(facts.usage) }),
    charged_micro_usd: facts.chargedMicroUsd,
  },
});

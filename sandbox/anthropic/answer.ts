import type { TaskFaults } from '../faults.js';
import type { TextReply } from '../text/types.js';
import type { InputTokens } from './cache.js';
import { redactedOf, signatureOf } from './signature.js';

/** A block of an answer; `thinking` is empty when its display is omitted. */
export type AnswerBlock =
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'redacted_thinking'; data: string }
  | { type: 'text'; text: string; citations: null }
  | { type: 'tool_use'; id: string; name: string; input: object; caller: { type: 'direct' } };

/** What a model answers, in Anthropic's words. */
export interface Answer {
  id: string;
  model: string;
  content: AnswerBlock[];
  stopReason: 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use' | 'refusal';
  stopSequence: string | null;
  /** Why it refused. */
  explanation: string | null;
  input: InputTokens;
  output: { tokens: number; thinking: number };
}

export function answerOf(
  reply: TextReply,
  about: { id: string; model: string; input: InputTokens; shows: boolean; redacts: boolean; toolPrefix: string },
): Answer {
  const content: AnswerBlock[] = [];
  if (reply.reasoning !== null && about.redacts)
    content.push({ type: 'redacted_thinking', data: redactedOf(reply.reasoning) });
  else if (reply.reasoning !== null) {
    const thinking = about.shows ? reply.reasoning : '';
    content.push({ type: 'thinking', thinking, signature: signatureOf(thinking) });
  }
  if (reply.text !== '') content.push({ type: 'text', text: reply.text, citations: null });
  for (const { id, name, arguments: input } of reply.toolCalls)
    content.push({ type: 'tool_use', id: `${about.toolPrefix}${id}`, name, input, caller: { type: 'direct' } });
  const refuses = reply.refusal !== null || reply.stop === 'content_filter';
  return {
    id: about.id,
    model: about.model,
    content,
    stopReason: refuses ? 'refusal' : stopReasonOf(reply),
    stopSequence: reply.stopSequence,
    explanation: refuses ? (reply.refusal ?? 'The answer was stopped by a safety classifier.') : null,
    input: about.input,
    output: { tokens: reply.usage.output, thinking: reply.usage.reasoning },
  };
}

function stopReasonOf({ stop, stopSequence }: TextReply): Answer['stopReason'] {
  switch (stop) {
    case 'stop':
      return stopSequence === null ? 'end_turn' : 'stop_sequence';
    case 'length':
      return 'max_tokens';
    case 'tool_calls':
      return 'tool_use';
    case 'content_filter':
      return 'refusal';
  }
}

/** Input as `usage` tells it: `input_tokens` leaves the cache out. */
const inputUsage = ({ input, read, written }: InputTokens) => ({
  input_tokens: input,
  cache_creation_input_tokens: written['5m'] + written['1h'],
  cache_read_input_tokens: read,
});

/** `usage` of a message. */
function usageOf({ input, output }: Answer): object {
  return {
    ...inputUsage(input),
    cache_creation: { ephemeral_5m_input_tokens: input.written['5m'], ephemeral_1h_input_tokens: input.written['1h'] },
    output_tokens: output.tokens,
    output_tokens_details: { thinking_tokens: output.thinking },
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: 'not_available',
    speed: null,
  };
}

/** The end of a stream counts everything: not what came since the beginning, but all of it. */
function cumulativeUsageOf({ input, output }: Answer): object {
  return {
    ...inputUsage(input),
    output_tokens: output.tokens,
    output_tokens_details: { thinking_tokens: output.thinking },
    server_tool_use: null,
  };
}

const stopDetailsOf = ({ explanation }: Answer) =>
  explanation === null ? null : { type: 'refusal', category: null, explanation };

const withUsage = (usage: object, faults: TaskFaults): object => ('no-usage' in faults ? {} : { usage });

/** `Message` of `@anthropic-ai/sdk` 1.14. */
export function messageOf(answer: Answer, faults: TaskFaults): object {
  return {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: answer.content,
    stop_reason: answer.stopReason,
    stop_sequence: answer.stopSequence,
    stop_details: stopDetailsOf(answer),
    container: null,
    diagnostics: null,
    ...withUsage(usageOf(answer), faults),
  };
}

/** The message as a stream opens it: nothing said yet, the input counted already. */
export function openingOf(answer: Answer, faults: TaskFaults): object {
  const empty: Answer = {
    ...answer,
    content: [],
    stopSequence: null,
    explanation: null,
    output: { tokens: 1, thinking: 0 },
  };
  return { ...messageOf(empty, faults), stop_reason: null };
}

/** `message_delta`, the last but one event. */
export function closingOf(answer: Answer, faults: TaskFaults): object {
  return {
    type: 'message_delta',
    delta: {
      stop_reason: answer.stopReason,
      stop_sequence: answer.stopSequence,
      stop_details: stopDetailsOf(answer),
      container: null,
    },
    ...withUsage(cumulativeUsageOf(answer), faults),
  };
}

import type { JsonObject } from '../../../common/json.js';
import type { TokenUsage } from '../conversation.js';
import { countAt, objectAt } from '../upstream-json.js';

/** `input_tokens` excludes what came from or went to the cache: the whole input is the sum. */
export interface ReadUsage {
  input: number;
  read: number;
  written: number;
  written1h: number;
  output: number;
  thinking: number;
}
export const NOTHING_READ: ReadUsage = { input: 0, read: 0, written: 0, written1h: 0, output: 0, thinking: 0 };

/**
 * `Usage` or `MessageDeltaUsage` of `@anthropic-ai/sdk` 1.14 over what an earlier event said: counts are cumulative, and
 * those that are null or left out stay.
 */
export function mergeUsage(before: ReadUsage, usage: JsonObject): ReadUsage {
  const split = objectAt(usage, 'cache_creation');
  const written1h = countAt(split, 'ephemeral_1h_input_tokens') ?? before.written1h;
  const written = countAt(usage, 'cache_creation_input_tokens');
  return {
    input: countAt(usage, 'input_tokens') ?? before.input,
    read: countAt(usage, 'cache_read_input_tokens') ?? before.read,
    written: written ?? before.written,
    written1h: Math.min(written1h, written ?? before.written),
    output: countAt(usage, 'output_tokens') ?? before.output,
    thinking: countAt(objectAt(usage, 'output_tokens_details'), 'thinking_tokens') ?? before.thinking,
  };
}

export const tokensOf = (usage: ReadUsage): TokenUsage => ({
  inputTokens: usage.input + usage.read + usage.written,
  cacheReadTokens: usage.read,
  cacheWriteTokens: usage.written - usage.written1h,
  cacheWrite1hTokens: usage.written1h,
  inputAudioTokens: 0,
  outputTokens: usage.output,
  reasoningTokens: usage.thinking,
  outputAudioTokens: 0,
});

/** The counts that both a whole answer and the end of a stream have. */
export const writeUsage = (usage: TokenUsage): JsonObject => {
  const written = usage.cacheWriteTokens + usage.cacheWrite1hTokens;
  return {
    input_tokens: Math.max(0, usage.inputTokens - usage.cacheReadTokens - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: usage.cacheReadTokens,
    output_tokens: usage.outputTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
  };
};

/** With what only a message has. */
export const writeMessageUsage = (usage: TokenUsage): JsonObject => ({
  ...writeUsage(usage),
  cache_creation: {
    ephemeral_5m_input_tokens: usage.cacheWriteTokens,
    ephemeral_1h_input_tokens: usage.cacheWrite1hTokens,
  },
  service_tier: 'standard',
});

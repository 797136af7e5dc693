import type { JsonObject } from '../../../common/json.js';
import { NO_USAGE, type TokenUsage } from '../conversation.js';
import { isObject } from './fields.js';

/** `usage` of a response (`openai` 7: `ResponseUsage`). */
export const writeUsage = (usage: TokenUsage): JsonObject => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: {
    cached_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens + usage.cacheWrite1hTokens,
  },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.inputTokens + usage.outputTokens,
});

/** Null where there is none. `cost` is OpenRouter's, in USD. */
export function readUsage(value: unknown): TokenUsage | null {
  if (!isObject(value)) return null;
  const input = isObject(value.input_tokens_details) ? value.input_tokens_details : {};
  const output = isObject(value.output_tokens_details) ? value.output_tokens_details : {};
  return {
    ...NO_USAGE,
    inputTokens: count(value.input_tokens),
    cacheReadTokens: count(input.cached_tokens),
    cacheWriteTokens: count(input.cache_write_tokens),
    inputAudioTokens: count(input.audio_tokens),
    outputTokens: count(value.output_tokens),
    reasoningTokens: count(output.reasoning_tokens),
    outputAudioTokens: count(output.audio_tokens),
    ...(typeof value.cost === 'number' && value.cost >= 0 && { reportedCostMicroUsd: Math.round(value.cost * 1e6) }),
  };
}

const count = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;

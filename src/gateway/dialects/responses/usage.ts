import type { JsonObject } from '../../../common/json.js';
import { MICRO_USD } from '../../../common/money.js';
import type { TokenUsage } from '../conversation.js';
import { countAt, objectAt } from '../upstream-json.js';

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
export function readUsage(response: JsonObject): TokenUsage | null {
  const usage = objectAt(response, 'usage');
  if (usage === undefined) return null;
  const input = objectAt(usage, 'input_tokens_details');
  const output = objectAt(usage, 'output_tokens_details');
  const { cost } = usage;
  return {
    inputTokens: countAt(usage, 'input_tokens') ?? 0,
    cacheReadTokens: countAt(input, 'cached_tokens') ?? 0,
    cacheWriteTokens: countAt(input, 'cache_write_tokens') ?? 0,
    cacheWrite1hTokens: 0,
    inputAudioTokens: countAt(input, 'audio_tokens') ?? 0,
    outputTokens: countAt(usage, 'output_tokens') ?? 0,
    reasoningTokens: countAt(output, 'reasoning_tokens') ?? 0,
    outputAudioTokens: countAt(output, 'audio_tokens') ?? 0,
    ...(typeof cost === 'number' && cost >= 0 && { reportedCostMicroUsd: cost * MICRO_USD }),
  };
}

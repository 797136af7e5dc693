import { MICRO_USD } from '../../../common/money.js';
import type { JsonObject } from '../../../common/json.js';
import type { TokenUsage } from '../conversation.js';
import { countAt, objectAt } from '../upstream-json.js';

/**
 * `usage` as the compatible servers spell it. OpenAI: `CompletionUsage` of `openai` 7; DeepSeek: `prompt_cache_hit_tokens`;
 * Moonshot: `cached_tokens`; OpenRouter: `cost` in USD. Undefined where it says nothing.
 */
export function readUsage(usage: JsonObject | undefined): TokenUsage | undefined {
  const input = countAt(usage, 'prompt_tokens');
  const written = countAt(usage, 'completion_tokens');
  if (usage === undefined || (input === undefined && written === undefined)) return undefined;
  const of = objectAt(usage, 'prompt_tokens_details');
  const out = objectAt(usage, 'completion_tokens_details');
  const inputTokens = input ?? 0;
  // Google and xAI leave reasoning out of completion_tokens, but bill it and count it in the total.
  const outputTokens = Math.max(written ?? 0, (countAt(usage, 'total_tokens') ?? 0) - inputTokens);
  const cost = usage['cost'];
  return {
    inputTokens,
    cacheReadTokens:
      countAt(of, 'cached_tokens') ?? countAt(usage, 'prompt_cache_hit_tokens') ?? countAt(usage, 'cached_tokens') ?? 0,
    cacheWriteTokens: countAt(of, 'cache_write_tokens') ?? 0,
    cacheWrite1hTokens: 0,
    inputAudioTokens: countAt(of, 'audio_tokens') ?? 0,
    outputTokens,
    reasoningTokens: countAt(out, 'reasoning_tokens') ?? 0,
    outputAudioTokens: countAt(out, 'audio_tokens') ?? 0,
    ...(typeof cost === 'number' && cost >= 0 && { reportedCostMicroUsd: cost * MICRO_USD }),
  };
}

/** Where a server puts it: in the answer, in Groq's `x_groq`, or in the choice (Moonshot's streams). */
export const findUsage = (body: JsonObject, choice: JsonObject | undefined): JsonObject | undefined =>
  objectAt(body, 'usage') ?? objectAt(objectAt(body, 'x_groq'), 'usage') ?? objectAt(choice, 'usage');

export const writeUsage = (usage: TokenUsage): JsonObject => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: {
    cached_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens + usage.cacheWrite1hTokens,
    audio_tokens: usage.inputAudioTokens,
  },
  completion_tokens_details: {
    reasoning_tokens: usage.reasoningTokens,
    audio_tokens: usage.outputAudioTokens,
  },
});

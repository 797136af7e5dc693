import { NO_BOUND, type UsageBound } from '../../billing/usage-price.js';
import type { JsonObject } from '../../common/json.js';
import type { Conversation } from '../dialects/conversation.js';
import type { DialectId } from '../dialects/dialect.js';
import { DIALECTS } from '../dialects/index.js';
import type { Measure } from '../router/work.js';
import { isRelayed, spokenOf } from './spoken.js';
import { inputTokensAtMost } from './tokens.js';

/** Of the tokens that a prompt has at most, this part is what text usually has. */
const USUAL_PART = 0.5;

/** What a text request can use, by the tokens of each answer: what the client allows, and no more than the model writes. */
export function outputMeasure(conversation: Conversation, dialect: DialectId, { prediction }: JsonObject): Measure {
  const inputTokens = inputTokensAtMost(conversation);
  const limit = conversation.maxOutputTokens;
  // What was predicted wrongly is billed as output beside the answer (OpenAI docs, "Predicted Outputs").
  const predictedTokens = prediction ? Buffer.byteLength(JSON.stringify(prediction)) : 0;
  const fixed = {
    ...NO_BOUND,
    inputAudio: conversation.turns.some(({ parts }) => parts.some(({ type }) => type === 'audio')),
    cacheWrite1h: hasHourLongCache(conversation),
    outputAudio: conversation.modalities?.includes('audio') === true,
  };
  return {
    name: 'max_tokens',
    isOpen: limit === undefined,
    most: ({ traits }) => Math.min(limit ?? Infinity, traits.maxOutputTokens),
    room: ({ contextTokens }) => (contextTokens ?? Infinity) - Math.ceil(inputTokens * USUAL_PART),
    bound: (route, tokens): UsageBound => {
      const spoken = spokenOf(route, dialect);
      const atLeast = isRelayed(spoken, dialect, conversation) ? 0 : DIALECTS[spoken].leastOutputTokens;
      return {
        ...fixed,
        // What a model can't read it does not ask money for.
        inputTokens: Math.min(inputTokens, route.contextTokens ?? inputTokens),
        outputTokens: (conversation.n ?? 1) * Math.max(tokens, atLeast) + predictedTokens,
      };
    },
  };
}

function hasHourLongCache({ turns, tools, cache }: Conversation): boolean {
  const isHour = (mark: { ttl: string } | undefined): boolean => mark?.ttl === '1h';
  return (
    isHour(cache) ||
    tools.some((tool) => tool.kind === 'function' && isHour(tool.cache)) ||
    turns.some(
      (turn) =>
        (turn.role === 'tool' && isHour(turn.cache)) ||
        turn.parts.some((part) => 'cache' in part && isHour(part.cache)),
    )
  );
}

import type { JsonObject } from '../../../common/json.js';
import type { Conversation, Reasoning } from '../conversation.js';
import type { ModelTraits } from '../dialect.js';
import { asksToThink, isForced, nearestEffort } from '../traits.js';

/** Anthropic's least budget. */
const MIN_BUDGET_TOKENS = 1024;
/** Part of the output limit that an effort may think away, as OpenRouter's `reasoning.effort` has it for Anthropic. */
const SHARE: Record<string, number> = { low: 0.2, medium: 0.5, high: 0.8, xhigh: 0.95, max: 0.95 };

/** The `thinking` field; undefined where the model is not asked to think. */
export function thinkingOf(conversation: Conversation, traits: ModelTraits, maxTokens: number): JsonObject | undefined {
  const { reasoning } = conversation;
  if (reasoning === undefined || traits.thinking === 'none') return undefined;
  if (reasoning.mode === 'disabled') return { type: 'disabled' };
  if (!thinks(conversation, traits)) return undefined;
  const display: JsonObject = reasoning.display === undefined ? {} : { display: reasoning.display };
  if (traits.thinking === 'adaptive')
    return { type: reasoning.mode === 'between_tools' ? 'between_tools' : 'adaptive', ...display };
  const budget = Math.min(budgetOf(reasoning, maxTokens), maxTokens - 1);
  return budget < MIN_BUDGET_TOKENS ? undefined : { type: 'enabled', budget_tokens: budget, ...display };
}

/**
 * Whether thinking is asked for and possible. An effort is a hint: it yields to a forced tool, to the beginning of the
 * answer, and to a loop of calls whose signed thinking the client could not keep.
 */
export function thinks(conversation: Conversation, traits: ModelTraits): boolean {
  const { reasoning, turns } = conversation;
  if (traits.thinking === 'none' || !asksToThink(reasoning)) return false;
  if (reasoning?.mode !== undefined) return true;
  if (isForced(conversation) || turns.at(-1)?.role === 'assistant') return false;
  return traits.thinking === 'adaptive' || !lostThinking(conversation);
}

/** With a budget, the turn whose calls are being answered must begin with its thinking. */
function lostThinking({ turns }: Conversation): boolean {
  if (turns.at(-1)?.role !== 'tool') return false;
  const calling = turns.findLast((turn) => turn.role === 'assistant');
  return !calling?.parts.some(
    (part) => part.type === 'reasoning' && (part.signature !== undefined || part.sealed?.by === 'anthropic'),
  );
}

const budgetOf = ({ budgetTokens, effort }: Reasoning, maxTokens: number): number =>
  budgetTokens ?? Math.max(MIN_BUDGET_TOKENS, Math.floor(maxTokens * (SHARE[effort ?? 'high'] ?? 0.8)));

/** `output_config.effort`; the API has no `none` and no `minimal`. */
export const effortOf = ({ reasoning }: Conversation, traits: ModelTraits): string | undefined =>
  reasoning?.effort === undefined ? undefined : nearestEffort(reasoning.effort, traits.efforts);

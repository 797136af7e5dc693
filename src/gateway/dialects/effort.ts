import type { Reasoning } from './conversation.js';
import type { ModelTraits } from './dialect.js';
import { asksToThink, nearestEffort } from './traits.js';

/** Anthropic's budgets, in tokens, up to which an effort of OpenAI's spends about as much. */
const BUDGETS: readonly [number, string][] = [
  [4096, 'low'],
  [16_384, 'medium'],
];

/** The effort to ask of a model of OpenAI's, among those it knows; undefined where it is to do as it does by itself. */
export function openAiEffort(reasoning: Reasoning | undefined, { efforts }: ModelTraits): string | undefined {
  if (reasoning === undefined || efforts.length === 0) return undefined;
  if (reasoning.mode === 'disabled') return ['none', 'minimal', 'low'].find((effort) => efforts.includes(effort));
  if (reasoning.effort !== undefined) return nearestEffort(reasoning.effort, efforts);
  const { budgetTokens } = reasoning;
  if (!asksToThink(reasoning) || budgetTokens === undefined) return undefined;
  return nearestEffort(BUDGETS.find(([most]) => budgetTokens <= most)?.[1] ?? 'high', efforts);
}

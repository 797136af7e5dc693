import type { ModelTraits } from '../dialect.js';
import type { Reasoning } from '../conversation.js';

/** From none to most. */
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** Budgets of Anthropic's `thinking`, in tokens, up to which an effort is enough. */
const BUDGETS: [number, string][] = [
  [4096, 'low'],
  [16384, 'medium'],
];

/** The effort to ask for, among those the model knows; undefined where it is to do as it does by itself. */
export function effortFor(reasoning: Reasoning | undefined, traits: ModelTraits): string | undefined {
  const wanted = wantedEffort(reasoning);
  if (wanted === undefined || traits.efforts.length === 0) return undefined;
  const at = EFFORTS.indexOf(wanted);
  return traits.efforts
    .map((effort) => ({ effort, distance: Math.abs(EFFORTS.indexOf(effort) - at) }))
    .toSorted((a, b) => a.distance - b.distance)[0]?.effort;
}

function wantedEffort(reasoning: Reasoning | undefined): string | undefined {
  if (reasoning?.mode === 'disabled') return 'none';
  if (reasoning?.effort !== undefined) return reasoning.effort;
  const budget = reasoning?.budgetTokens;
  return budget === undefined ? undefined : (BUDGETS.find(([most]) => budget <= most)?.[1] ?? 'high');
}

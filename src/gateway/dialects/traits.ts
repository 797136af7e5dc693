import type { Conversation, Reasoning } from './conversation.js';
import type { DialectId, Feature, ModelTraits } from './dialect.js';
import { say, sayPart } from './words.js';

/** Strongest first; what a model lacks is asked for as the nearest below, else above. */
const EFFORTS = ['max', 'xhigh', 'high', 'medium', 'low', 'minimal', 'none'];

/** What the model's traits rule out, whatever the API: messages in the words of `asked`. */
export function unsupportedByModel(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const has = (feature: Feature) => traits.features.has(feature);
  const problems: string[] = [];
  const lacks = (condition: boolean, problem: () => string) => {
    if (condition) problems.push(problem());
  };

  const parts = conversation.turns.flatMap((turn) => [...turn.parts]);
  // A plain-text document can always be written as text.
  const kinds = new Set(
    parts.filter((part) => part.type !== 'document' || part.source.kind !== 'text').map((part) => part.type),
  );
  lacks(kinds.has('image') && !has('vision'), () => `${sayPart('image', asked)}, which this model can't see`);
  lacks(kinds.has('audio') && !has('audio'), () => `${sayPart('audio', asked)}, which this model can't hear`);
  lacks(kinds.has('video') && !has('video'), () => `${sayPart('video', asked)}, which this model can't see`);
  lacks(kinds.has('document') && !has('documents'), () => `${sayPart('document', asked)}, which this model can't read`);

  const withTools = conversation.tools.length > 0 || kinds.has('tool_call');
  lacks(withTools && !has('tools'), () => `${say('tools', asked)} are not supported by this model`);
  lacks(isForced(conversation) && has('tools') && !traits.forcedTools, () => {
    return `${say('toolChoice', asked)} can't force this model to use a tool: it allows auto and none`;
  });

  const format = conversation.format?.type;
  lacks(
    format === 'json_schema' && !has('json_schema'),
    () => `${say('format', asked)} can't be a JSON schema with this model`,
  );
  lacks(format === 'json_object' && !has('json_object') && !has('json_schema'), () => {
    return `${say('format', asked)} can't be JSON with this model`;
  });

  lacks((conversation.n ?? 1) > 1 && !has('n'), () => `${say('n', asked)} can only be 1 with this model`);
  lacks(
    conversation.logprobs !== undefined && !has('logprobs'),
    () => `${say('logprobs', asked)} can't be shown by this model`,
  );
  lacks(Object.keys(conversation.logitBias ?? {}).length > 0 && !has('logit_bias'), () => {
    return `${say('logitBias', asked)} is not supported by this model`;
  });
  for (const name of ['presencePenalty', 'frequencyPenalty'] as const)
    lacks(
      (conversation[name] ?? 0) !== 0 && !has('penalties'),
      () => `${say(name, asked)} can only be 0 with this model`,
    );

  problems.push(...refusedSampling(conversation, traits, asked));
  return problems;
}

/** Values that every model takes as its default are no wish: they never refuse. */
function refusedSampling(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const { temperature, topP, topK } = conversation;
  const refused: string[] = [];
  if (!traits.sampling && (temperature ?? 1) !== 1)
    refused.push(`${say('temperature', asked)} can only be 1 with this model`);
  if (!traits.sampling && (topP ?? 1) < 0.99) refused.push(`${say('topP', asked)} can only be 1 with this model`);
  if (topK !== undefined && (!traits.sampling || !traits.features.has('top_k')))
    refused.push(`${say('topK', asked)} is not supported by this model`);
  return refused;
}

export const isForced = ({ toolChoice }: Conversation): boolean =>
  toolChoice?.type === 'required' || toolChoice?.type === 'tool';

/** Whether the client asks for more thinking than none. */
export const asksToThink = (reasoning: Reasoning | undefined): boolean => {
  if (reasoning?.mode !== undefined) return reasoning.mode !== 'disabled';
  return reasoning?.effort !== undefined && reasoning.effort !== 'none' && reasoning.effort !== 'minimal';
};

/** The nearest effort that the model knows: weaker before stronger, so that nobody pays for more than was asked. */
export function nearestEffort(effort: string, known: readonly string[]): string | undefined {
  if (known.includes(effort)) return effort;
  const at = EFFORTS.indexOf(effort);
  if (at === -1) return undefined;
  const below = EFFORTS.slice(at + 1).find((candidate) => candidate !== 'none' && known.includes(candidate));
  return below ?? EFFORTS.slice(0, at).findLast((candidate) => known.includes(candidate));
}

import type { Conversation, Turn } from '../conversation.js';
import type { DialectId, ModelTraits } from '../dialect.js';
import { ownOfAsked } from '../own-fields.js';
import { asksToThink, unsupportedByModel } from '../traits.js';
import { API_NAMES, say, sayPart, type Word } from '../words.js';

/** What of the conversation this API can't ask of such a model. */
export function unsupported(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const { reasoning, turns } = conversation;
  const problems = [
    ...unsupportedByModel(forModel(conversation), traits, asked),
    ...unknownHere(conversation, asked),
    ...ownOfAsked(conversation, asked),
  ];
  if (asked === 'messages') {
    for (const type of ['image', 'document'] as const)
      if (turns.some((turn) => hasFile(turn, type)))
        problems.push(`${sayPart(type, asked)} with a file_id, which only ${API_NAMES[asked]} knows`);
    if (turns.at(-1)?.role === 'assistant' && !traits.prefill)
      problems.push(`${say('turns', asked)} can't end with the assistant's turn: this model does not continue one`);
  }
  if (traits.thinking === 'none' && traits.efforts.length === 0 && asksToThink(reasoning)) {
    const word = reasoning?.mode === undefined ? 'effort' : 'thinking';
    problems.push(`${say(word, asked)} is not supported: this model does not think`);
  }
  return problems;
}

/** Without what is judged here whatever the model can; a plain-text document is text here. */
function forModel(conversation: Conversation): Conversation {
  const { n: _n, logprobs: _logprobs, logitBias: _bias, topK: _topK, ...others } = conversation;
  const { presencePenalty: _presence, frequencyPenalty: _frequency, ...rest } = others;
  return { ...rest, turns: rest.turns.map(withoutTextDocuments) };
}

const withoutTextDocuments = (turn: Turn): Turn =>
  turn.role === 'user'
    ? { ...turn, parts: turn.parts.filter((part) => part.type !== 'document' || part.source.kind !== 'text') }
    : turn;

/** The API has no field for them; answers here hold no logprobs. */
function unknownHere(conversation: Conversation, asked: DialectId): string[] {
  const wished: [Word, boolean][] = [
    ['stop', (conversation.stop ?? []).length > 0],
    ['n', (conversation.n ?? 1) > 1],
    ['topK', conversation.topK !== undefined],
    ['presencePenalty', (conversation.presencePenalty ?? 0) !== 0],
    ['frequencyPenalty', (conversation.frequencyPenalty ?? 0) !== 0],
    ['logitBias', Object.keys(conversation.logitBias ?? {}).length > 0],
    ['logprobs', conversation.logprobs !== undefined],
  ];
  return wished.flatMap(([word, is]) => (is ? [`${say(word, asked)} is not supported by this model`] : []));
}

const hasFile = (turn: Turn, type: 'image' | 'document'): boolean =>
  turn.parts.some((part) => part.type === type && part.source.kind === 'file');

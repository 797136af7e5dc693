import type { Conversation } from '../conversation.js';
import type { DialectId, ModelTraits } from '../dialect.js';
import { ownOfAsked } from '../own-fields.js';
import { asksToThink, unsupportedByModel } from '../traits.js';
import { API_NAMES, say, sayPart } from '../words.js';
import { stopOf } from './write.js';

/** OpenAI's limit; the compatible servers follow it. */
const MAX_STOPS = 4;

/** What a chat completions upstream can't be asked for. */
export function unsupported(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const problems = unsupportedByModel(conversation, traits, asked);
  if (asked !== 'chat') {
    problems.push(...ownOfAsked(conversation, asked));
    const prefilled = conversation.turns.at(-1)?.role === 'assistant';
    if (prefilled && !traits.prefill)
      problems.push(`${say('turns', asked)} can't end with the assistant's turn: this model does not continue one`);
  }
  if (asked === 'messages' && hasFileId(conversation, 'document'))
    problems.push(`${sayPart('document', asked)} with a file_id, which only ${API_NAMES[asked]} knows`);
  if (hasFileId(conversation, 'image'))
    problems.push(`${sayPart('image', asked)} with a file_id, which this model's API can't read`);
  if (hasDocumentUrl(conversation))
    problems.push(`${sayPart('document', asked)} with a URL; this model takes only its data (base64)`);
  if ((stopOf(conversation)?.length ?? 0) > MAX_STOPS)
    problems.push(`${say('stop', asked)} can hold at most ${MAX_STOPS} strings with this model`);
  if (conversation.maxOutputTokens === 0)
    problems.push(`${say('maxOutputTokens', asked)} must be at least 1 with this model`);
  if (traits.thinking === 'none' && traits.efforts.length === 0 && asksToThink(conversation.reasoning)) {
    const word = conversation.reasoning?.mode === undefined ? 'effort' : 'thinking';
    problems.push(`${say(word, asked)} is not supported: this model does not think`);
  }
  return problems;
}

const hasFileId = ({ turns }: Conversation, type: 'image' | 'document'): boolean =>
  turns.some((turn) => turn.parts.some((part) => part.type === type && part.source.kind === 'file'));

const hasDocumentUrl = ({ turns }: Conversation): boolean =>
  turns.some((turn) => turn.parts.some((part) => part.type === 'document' && part.source.kind === 'url'));

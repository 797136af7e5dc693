import { ownOfAsked } from '../own-fields.js';
import type { Conversation, Source } from '../conversation.js';
import type { DialectId, Feature, ModelTraits } from '../dialect.js';
import { parseArguments } from '../tool-arguments.js';
import { asksToThink, unsupportedByModel } from '../traits.js';
import { API_NAMES, say, sayPart } from '../words.js';
import { thinks } from './thinking.js';

/** What the API itself has no field for, whatever a model can do. */
const NOT_HERE: ReadonlySet<Feature> = new Set(['audio', 'video', 'n', 'logprobs', 'logit_bias', 'penalties']);
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

/** What a messages upstream can't be asked for. */
export function unsupported(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const features = new Set<Feature>([...traits.features].filter((feature) => !NOT_HERE.has(feature)));
  // Written as an instruction.
  features.add('json_object');
  const problems = unsupportedByModel(conversation, { ...traits, features }, asked);
  if (asked !== 'messages') problems.push(...ownOfAsked(conversation, asked));
  problems.push(...refusedSampling(conversation, traits, asked), ...refusedMedia(conversation, asked));
  if (conversation.turns.at(-1)?.role === 'assistant' && !traits.prefill)
    problems.push(`${say('turns', asked)} can't end with the assistant's turn: this model does not continue one`);
  if (traits.thinking === 'none' && traits.efforts.length === 0 && asksToThink(conversation.reasoning)) {
    const word = conversation.reasoning?.mode === undefined ? 'effort' : 'thinking';
    problems.push(`${say(word, asked)} is not supported: this model does not think`);
  }
  const broken = conversation.turns
    .flatMap((turn) => (turn.role === 'assistant' ? turn.parts : []))
    .find((part) => part.type === 'tool_call' && parseArguments(part.arguments) === null);
  if (broken?.type === 'tool_call')
    problems.push(
      `${sayPart('toolCall', asked)} (${broken.id}) whose ${say('arguments', asked)} are no JSON object, as this model needs`,
    );
  return problems;
}

function refusedSampling(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const { temperature = 1, topP = 1, topK } = conversation;
  const problems: string[] = [];
  if (temperature > 1 && traits.sampling)
    problems.push(`${say('temperature', asked)} can be at most 1 with this model; got ${temperature}`);
  if (traits.sampling && thinks(conversation, traits)) {
    const fix = 'can not be set while this model thinks';
    if (temperature < 1) problems.push(`${say('temperature', asked)} ${fix}`);
    if (topP < 0.95) problems.push(`${say('topP', asked)} ${fix}`);
    if (topK !== undefined) problems.push(`${say('topK', asked)} ${fix}`);
  }
  return problems;
}

function refusedMedia({ turns }: Conversation, asked: DialectId): string[] {
  const problems = new Set<string>();
  const foreignFile = (source: Source) => source.kind === 'file' && asked !== 'messages';
  for (const part of turns.flatMap((turn) => [...turn.parts])) {
    if (part.type === 'image') {
      const { source } = part;
      if (foreignFile(source)) problems.add(`${sayPart('image', asked)} with a file id of ${API_NAMES[asked]}`);
      if (source.kind === 'base64' && !IMAGE_TYPES.includes(source.mediaType))
        problems.add(`${sayPart('image', asked)} of ${source.mediaType}; this model takes ${IMAGE_TYPES.join(', ')}`);
    } else if (part.type === 'document' && part.source.kind !== 'text') {
      const { source } = part;
      if (foreignFile(source)) problems.add(`${sayPart('document', asked)} with a file id of ${API_NAMES[asked]}`);
      if (source.kind === 'base64' && source.mediaType !== 'application/pdf' && !source.mediaType.startsWith('text/'))
        problems.add(`${sayPart('document', asked)} of ${source.mediaType}; this model takes application/pdf and text`);
    }
  }
  return [...problems];
}

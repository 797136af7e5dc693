import type { Conversation, ToolResultPart, UserPart } from '../conversation.js';
import type { DialectId, ModelTraits } from '../dialect.js';

/** Names of the same things in each API. */
const WORDS = {
  stop: { chat: 'stop', messages: 'stop_sequences', responses: 'stop' },
  format: { chat: 'response_format', messages: 'output_config.format', responses: 'text.format' },
  turns: { chat: 'messages', messages: 'messages', responses: 'input' },
} as const satisfies Record<string, Record<DialectId, string>>;

/** What of the conversation this API can't ask of such a model. */
export function unsupported(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const { toolChoice, turns } = conversation;
  const forced = toolChoice?.type === 'required' || toolChoice?.type === 'tool';
  const last = turns.at(-1);
  return [
    ...conversation.foreign.map(
      (field) => `'${field}' can't be asked of this model: only the API it came through has it.`,
    ),
    ...hosted(conversation),
    ...lacking(conversation, traits, asked),
    ...problems({
      [WORDS.stop[asked]]: (conversation.stop ?? []).length > 0,
      n: (conversation.n ?? 1) > 1,
      top_k: conversation.topK !== undefined,
      presence_penalty: (conversation.presencePenalty ?? 0) !== 0,
      frequency_penalty: (conversation.frequencyPenalty ?? 0) !== 0,
      logit_bias: Object.keys(conversation.logitBias ?? {}).length > 0,
      [asked === 'responses' ? 'top_logprobs' : 'logprobs']: conversation.logprobs !== undefined,
      temperature: !traits.sampling && (conversation.temperature ?? 1) !== 1,
      top_p: !traits.sampling && (conversation.topP ?? 1) !== 1,
      tool_choice: forced && !traits.forcedTools && conversation.tools.length > 0,
      [WORDS.format[asked]]:
        (conversation.format?.type === 'json_object' && !traits.features.has('json_object')) ||
        (conversation.format?.type === 'json_schema' && !traits.features.has('json_schema')),
    }),
    ...(asked === 'messages' && !traits.prefill && last?.role === 'assistant' && last.parts.at(-1)?.type === 'text'
      ? [
          `'${WORDS.turns[asked]}' can't end with the beginning of the answer: this model writes the whole of it itself.`,
        ]
      : []),
  ];
}

/** What such a model lacks whatever the API. */
export function lacking(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[] {
  const field = WORDS.turns[asked];
  const kinds = new Set(partsOf(conversation).map((part) => kindOf(part, asked)));
  const has = traits.features;
  return [
    ...problems({ tools: conversation.tools.length > 0 && !has.has('tools') }),
    ...(kinds.has('image') && !has.has('vision') ? [`'${field}' holds images, which this model can't see.`] : []),
    ...(kinds.has('audio') && !has.has('audio') ? [`'${field}' holds audio, which this model can't hear.`] : []),
    ...(kinds.has('document') && !has.has('documents')
      ? [`'${field}' holds documents, which this model can't read.`]
      : []),
    ...(kinds.has('video') ? [`'${field}' holds video, which this model can't see.`] : []),
    ...(kinds.has('file')
      ? [`'${field}' names a file of Anthropic's, which this model can't read: send its bytes.`]
      : []),
  ];
}

/** A plain-text document is text; ids of files mean something to OpenAI alone. */
function kindOf(part: UserPart | ToolResultPart, asked: DialectId): string {
  if (part.type !== 'image' && part.type !== 'document') return part.type;
  if (part.source.kind === 'file' && asked === 'messages') return 'file';
  return part.source.kind === 'text' ? 'text' : part.type;
}

const partsOf = ({ turns }: Conversation): (UserPart | ToolResultPart)[] =>
  turns.flatMap((turn) => (turn.role === 'user' || turn.role === 'tool' ? turn.parts : []));

const hosted = ({ tools }: Conversation): string[] =>
  tools.flatMap((tool, index) =>
    tool.kind === 'hosted'
      ? [`'tools[${index}]' of type '${tool.type}' can't be given to this model: only functions can.`]
      : [],
  );

const problems = (found: Record<string, boolean>): string[] =>
  Object.entries(found).flatMap(([field, is]) => (is ? [`'${field}' can't be asked of this model.`] : []));

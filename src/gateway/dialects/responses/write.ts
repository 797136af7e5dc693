import type { JsonObject, JsonValue } from '../../../common/json.js';
import type {
  AssistantPart,
  Conversation,
  DocumentPart,
  ImagePart,
  OutputFormat,
  ReasoningPart,
  Source,
  Tool,
  ToolChoice,
  Turn,
  UserPart,
} from '../conversation.js';
import type { ModelTraits } from '../dialect.js';
import { openAiEffort } from '../effort.js';
import { dataUrl } from '../media.js';
import { given } from '../shapes.js';
import { encryptedOf } from './sealed.js';

/** Least that OpenAI takes for `max_output_tokens`; a smaller limit is a probe that wants any answer. */
export const LEAST_OUTPUT_TOKENS = 16;
const SERVICE_TIERS = ['auto', 'default', 'flex', 'priority'];
const VERBOSITIES = ['low', 'medium', 'high'];

/** A body for an upstream's `POST /responses`, without `model`. Nothing is kept there. */
export function write(conversation: Conversation, traits: ModelTraits): JsonObject {
  const { tools, toolChoice, reasoning, serviceTier, metadata } = conversation;
  return defined({
    input: conversation.turns.flatMap((turn) => itemsOf(turn, traits)),
    tools: tools.length > 0 ? tools.flatMap(toolOf) : undefined,
    tool_choice: toolChoice && tools.length > 0 ? choiceOf(toolChoice) : undefined,
    parallel_tool_calls: tools.length > 0 ? conversation.parallelToolCalls : undefined,
    max_output_tokens:
      conversation.maxOutputTokens &&
      Math.max(LEAST_OUTPUT_TOKENS, Math.min(conversation.maxOutputTokens, traits.maxOutputTokens)),
    temperature: traits.sampling ? conversation.temperature : undefined,
    top_p: traits.sampling ? conversation.topP : undefined,
    text: orNothing({
      format: conversation.format && formatOf(conversation.format),
      verbosity: verbosityOf(conversation),
    }),
    reasoning: orNothing({ effort: openAiEffort(reasoning, traits), summary: summaryOf(conversation, traits) }),
    include: reasoning?.sealed && traits.efforts.length > 0 ? ['reasoning.encrypted_content'] : undefined,
    metadata: metadata && Object.values(metadata).every((value) => typeof value === 'string') ? metadata : undefined,
    user: conversation.user,
    service_tier: serviceTier !== undefined && SERVICE_TIERS.includes(serviceTier) ? serviceTier : undefined,
    prompt_cache_key: conversation.promptCacheKey,
    store: false,
    stream: conversation.stream,
  });
}

const verbosityOf = ({ verbosity }: Conversation): string | undefined =>
  verbosity !== undefined && VERBOSITIES.includes(verbosity) ? verbosity : undefined;

/** Who asks Anthropic's API for thinking sees a summary of it, unless it is to be left out. */
function summaryOf({ reasoning }: Conversation, traits: ModelTraits): string | undefined {
  if (!reasoning || traits.efforts.length === 0) return undefined;
  const thinks = reasoning.mode !== undefined && reasoning.mode !== 'disabled' && reasoning.display !== 'omitted';
  return reasoning.summary ?? (thinks ? 'auto' : undefined);
}

function itemsOf(turn: Turn, traits: ModelTraits): JsonObject[] {
  switch (turn.role) {
    case 'system':
      return [message(traits.systemRole, turn.parts.map(inputPart))];
    case 'user':
      return [message('user', turn.parts.map(inputPart))];
    case 'assistant':
      return assistantItems(turn.parts);
    case 'tool':
      return [{ type: 'function_call_output', call_id: turn.callId, output: outputOf(turn) }];
  }
}

const message = (role: string, content: JsonObject[]): JsonObject => ({ type: 'message', role, content });

/** The API has no flag for what failed: its text says so. */
function outputOf({ parts, isError }: Extract<Turn, { role: 'tool' }>): JsonValue {
  const [first, ...others] = parts;
  const said = first?.type === 'text' ? `${isError ? 'Error: ' : ''}${first.text}` : isError ? 'Error:' : null;
  const rest = first?.type === 'text' ? others : parts;
  if (rest.length === 0) return said ?? '';
  return [...(said === null ? [] : [{ type: 'input_text', text: said }]), ...rest.map(inputPart)];
}

/** Neighbouring texts and refusals are one message; ids are left out, as nothing is kept under them. */
function assistantItems(parts: AssistantPart[]): JsonObject[] {
  const items: JsonObject[] = [];
  let content: JsonObject[] | undefined;
  let summary: ReasoningPart[] = [];
  for (const part of parts) {
    if (part.type !== 'reasoning') summary = [];
    if (part.type === 'text' || part.type === 'refusal') {
      if (!content) items.push(message('assistant', (content = [])));
      content.push(
        part.type === 'text'
          ? { type: 'output_text', text: part.text, annotations: [] }
          : { type: 'refusal', refusal: part.text },
      );
      continue;
    }
    content = undefined;
    if (part.type === 'tool_call') {
      items.push({ type: 'function_call', call_id: part.id, name: part.name, arguments: part.arguments || '{}' });
      continue;
    }
    summary = summary.at(-1)?.id === part.id ? [...summary, part] : [part];
    if (part.sealed?.by === 'openai') items.push(reasoningItem(summary, part));
    if (part.sealed || part.signature !== undefined) summary = [];
  }
  return items;
}

/** Only what OpenAI sealed itself can be handed back to it: without its seal a reasoning item is looked up, and not found. */
function reasoningItem(pieces: ReasoningPart[], sealed: ReasoningPart): JsonObject {
  return defined({
    type: 'reasoning',
    id: sealed.id,
    summary: pieces.filter(({ text }) => text !== '').map(({ text }) => ({ type: 'summary_text', text })),
    encrypted_content: encryptedOf(sealed),
  });
}

function inputPart(part: UserPart): JsonObject {
  switch (part.type) {
    case 'text':
      return { type: 'input_text', text: part.text };
    case 'image':
      return imagePart(part);
    case 'document':
      return documentPart(part);
    case 'audio':
      return { type: 'input_audio', input_audio: { data: part.data, format: part.format } };
    case 'video':
      throw new TypeError('the responses API takes no video');
  }
}

const imagePart = ({ source, detail }: ImagePart): JsonObject =>
  defined({
    type: 'input_image',
    ...(source.kind === 'file' ? { file_id: source.fileId } : { image_url: urlOf(source) }),
    detail,
  });

function documentPart({ source, filename }: DocumentPart): JsonObject {
  switch (source.kind) {
    case 'text':
      return { type: 'input_text', text: source.text };
    case 'url':
      return defined({ type: 'input_file', file_url: source.url, filename });
    case 'file':
      return defined({ type: 'input_file', file_id: source.fileId, filename });
    case 'base64':
      return { type: 'input_file', filename: filename ?? 'document.pdf', file_data: urlOf(source) };
  }
}

const urlOf = (source: Exclude<Source, { kind: 'file' }>): string =>
  source.kind === 'url' ? source.url : dataUrl(source.mediaType, source.data);

/** Left out, `strict` would be true here, unlike in the other APIs. */
const toolOf = (tool: Tool): JsonObject[] =>
  tool.kind === 'hosted'
    ? []
    : [
        defined({
          type: 'function',
          name: tool.name,
          description: tool.description,
          parameters: tool.parameters,
          strict: tool.strict ?? false,
        }),
      ];

const choiceOf = (choice: ToolChoice): JsonValue =>
  choice.type === 'tool' ? { type: 'function', name: choice.name } : choice.type;

const formatOf = (format: OutputFormat): JsonObject =>
  format.type === 'json_schema'
    ? defined({
        type: 'json_schema',
        name: format.name,
        description: format.description,
        schema: format.schema,
        strict: format.strict,
      })
    : { type: format.type };

const defined = (fields: { [key: string]: JsonValue | undefined }): JsonObject => given<JsonObject>(fields);

function orNothing(fields: { [key: string]: JsonValue | undefined }): JsonObject | undefined {
  const left = defined(fields);
  return Object.keys(left).length > 0 ? left : undefined;
}

import type {
  AssistantPart,
  CacheMark,
  DocumentPart,
  ImagePart,
  TextPart,
  ToolResultPart,
  Turn,
  UserPart,
} from '../conversation.js';
import { dataSource, sourceOf } from '../media.js';
import { given, refuse } from '../shapes.js';
import type { AssistantPartIn, MessageIn, TextPartIn, ToolPartIn, UserPartIn } from './schema.js';

type CacheControl = { type: 'ephemeral'; ttl?: '5m' | '1h' | null } | null | undefined;

/** Anthropic's default is five minutes. */
export const cacheMark = (control: CacheControl): CacheMark | undefined =>
  control === null || control === undefined ? undefined : { ttl: control.ttl ?? '5m' };

/** Messages as turns, one each. `foreign` names what only OpenAI's own models have. */
export function readTurns(messages: MessageIn[]): { turns: Turn[]; foreign: string[] } {
  const foreign: string[] = [];
  /** Calls of the old API have no ids: the answer is to the latest call of that name. */
  const legacyIds = new Map<string, string>();
  const turns = messages.map((message, index): Turn => {
    const field = `messages[${index}]`;
    switch (message.role) {
      case 'system':
      case 'developer':
        return { role: 'system', parts: texts(message.content) };
      case 'user':
        return given<Extract<Turn, { role: 'user' }>>({
          role: 'user',
          parts: userParts(message.content, `${field}.content`),
          name: message.name,
        });
      case 'assistant':
        if (message.audio) foreign.push(`${field}.audio`);
        return given<Extract<Turn, { role: 'assistant' }>>({
          role: 'assistant',
          parts: assistantParts(message, field, foreign, legacyIds),
          name: message.name,
        });
      case 'tool':
        return given<Extract<Turn, { role: 'tool' }>>({
          role: 'tool',
          callId: message.tool_call_id,
          parts: toolParts(message.content, `${field}.content`),
          isError: false,
          cache: cacheMark(message.cache_control),
        });
      case 'function':
        return {
          role: 'tool',
          callId: legacyIds.get(message.name) ?? refuse(`${field}.name`, 'names a function that was not called before'),
          parts: texts(message.content ?? ''),
          isError: false,
        };
    }
  });
  return { turns, foreign };
}

const textPart = (part: TextPartIn): TextPart =>
  given<TextPart>({ type: 'text', text: part.text, cache: cacheMark(part.cache_control) });

const texts = (content: string | TextPartIn[]): TextPart[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content.map(textPart);

const userParts = (content: string | UserPartIn[], field: string): UserPart[] =>
  typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : content.map((part, index) => userPart(part, `${field}[${index}]`));

const toolParts = (content: string | ToolPartIn[], field: string): ToolResultPart[] =>
  typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : content.map((part, index) => (part.type === 'text' ? textPart(part) : imagePart(part, `${field}[${index}]`)));

function userPart(part: UserPartIn, field: string): UserPart {
  switch (part.type) {
    case 'text':
      return textPart(part);
    case 'image_url':
      return imagePart(part, field);
    case 'input_audio':
      return { type: 'audio', format: part.input_audio.format, data: part.input_audio.data };
    case 'video_url':
      return { type: 'video', source: sourceOf(part.video_url.url, `${field}.video_url.url`) };
    case 'file':
      return documentPart(part, field);
  }
}

const imagePart = (part: Extract<UserPartIn, { type: 'image_url' }>, field: string): ImagePart =>
  given<ImagePart>({
    type: 'image',
    source: sourceOf(part.image_url.url, `${field}.image_url.url`),
    detail: part.image_url.detail,
    cache: cacheMark(part.cache_control),
  });

/** `file_data` is a data URL, or base64 alone, which is a PDF. */
function documentPart(part: Extract<UserPartIn, { type: 'file' }>, field: string): DocumentPart {
  const { file_data: data, file_id: fileId, filename } = part.file;
  const source = (): DocumentPart['source'] => {
    if (data !== null && data !== undefined && data !== '')
      return data.startsWith('data:')
        ? dataSource(data, `${field}.file.file_data`)
        : { kind: 'base64', mediaType: 'application/pdf', data };
    if (fileId) return { kind: 'file', fileId };
    return refuse(`${field}.file`, 'needs file_data or file_id');
  };
  return given<DocumentPart>({ type: 'document', source: source(), filename, cache: cacheMark(part.cache_control) });
}

/** In the order in which models make them: reasoning, text, calls. */
function assistantParts(
  message: Extract<MessageIn, { role: 'assistant' }>,
  field: string,
  foreign: string[],
  legacyIds: Map<string, string>,
): AssistantPart[] {
  const parts: AssistantPart[] = [];
  const reasoning = message.reasoning_content ?? message.reasoning;
  if (reasoning) parts.push({ type: 'reasoning', text: reasoning });
  const content = message.content ?? [];
  if (typeof content === 'string') parts.push({ type: 'text', text: content });
  else parts.push(...content.map(assistantPart));
  if (message.refusal) parts.push({ type: 'refusal', text: message.refusal });
  for (const [index, call] of (message.tool_calls ?? []).entries()) {
    if (call.type === 'custom') foreign.push(`${field}.tool_calls[${index}]`);
    else parts.push({ type: 'tool_call', id: call.id, name: call.function.name, arguments: call.function.arguments });
  }
  if (message.function_call) {
    const { name, arguments: text } = message.function_call;
    const id = `call_${field.replaceAll(/\D/g, '')}`;
    legacyIds.set(name, id);
    parts.push({ type: 'tool_call', id, name, arguments: text });
  }
  return parts;
}

const assistantPart = (part: AssistantPartIn): AssistantPart =>
  part.type === 'text' ? textPart(part) : { type: 'refusal', text: part.refusal };

import type {
  AssistantPart,
  CacheMark,
  DocumentPart,
  ImagePart,
  Source,
  TextPart,
  ToolResultPart,
  Turn,
  UserPart,
} from '../conversation.js';
import { given } from '../shapes.js';
import { sourceOf } from '../media.js';
import type {
  AssistantBlockIn,
  DocumentBlockIn,
  ImageBlockIn,
  MessageIn,
  ResultBlockIn,
  TextBlockIn,
  ToolResultIn,
  UserBlockIn,
} from './schema.js';

type CacheControl = { type: 'ephemeral'; ttl?: '5m' | '1h' | null } | null | undefined;

/** Five minutes where the client names no time. */
export const cacheMark = (control: CacheControl): CacheMark | undefined =>
  control === null || control === undefined ? undefined : { ttl: control.ttl ?? '5m' };

/** Messages as turns: each tool result is one of its own. `foreign` names what only Anthropic's models have. */
export function readTurns(
  system: string | TextBlockIn[] | null | undefined,
  messages: MessageIn[],
): { turns: Turn[]; foreign: string[] } {
  const foreign: string[] = [];
  const turns: Turn[] = [];
  if (system !== null && system !== undefined && system.length > 0)
    turns.push({ role: 'system', parts: typeof system === 'string' ? [textOf(system)] : system.map(textPart) });
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}].content`;
    if (message.role === 'system') turns.push({ role: 'system', parts: systemParts(message.content, field, foreign) });
    else if (message.role === 'assistant')
      turns.push({ role: 'assistant', parts: assistantParts(message.content, field, foreign) });
    else turns.push(...userTurns(message.content, field, foreign));
  }
  return { turns, foreign };
}

const textOf = (text: string): TextPart => ({ type: 'text', text });

const textPart = (block: TextBlockIn): TextPart =>
  given<TextPart>({ type: 'text', text: block.text, cache: cacheMark(block.cache_control) });

function systemParts(
  content: Extract<MessageIn, { role: 'system' }>['content'],
  field: string,
  foreign: string[],
): TextPart[] {
  if (typeof content === 'string') return [textOf(content)];
  return content.flatMap((block, index): TextPart[] => {
    if (block.type === 'text') return [textPart(block)];
    foreign.push(`${field}[${index}]`);
    return [];
  });
}

/** The results first, as the API demands it; then what the user says. */
function userTurns(content: string | UserBlockIn[], field: string, foreign: string[]): Turn[] {
  if (typeof content === 'string') return [{ role: 'user', parts: [textOf(content)] }];
  const results: Turn[] = [];
  const parts: UserPart[] = [];
  for (const [index, block] of content.entries()) {
    const at = `${field}[${index}]`;
    if (block.type === 'tool_result') results.push(toolTurn(block, at, foreign));
    else parts.push(...mediaParts(block, at, foreign));
  }
  return parts.length === 0 && results.length > 0 ? results : [...results, { role: 'user', parts }];
}

function toolTurn(block: ToolResultIn, field: string, foreign: string[]): Turn {
  const content = block.content ?? [];
  return given<Extract<Turn, { role: 'tool' }>>({
    role: 'tool',
    callId: block.tool_use_id,
    parts:
      typeof content === 'string'
        ? [textOf(content)]
        : content.flatMap((part, index) => mediaParts(part, `${field}.content[${index}]`, foreign)),
    isError: block.is_error ?? false,
    cache: cacheMark(block.cache_control),
  });
}

function mediaParts(block: ResultBlockIn, field: string, foreign: string[]): ToolResultPart[] {
  switch (block.type) {
    case 'text':
      return [textPart(block)];
    case 'image':
      return [imagePart(block, field)];
    case 'document':
      return documentParts(block, field, foreign);
    case 'own':
      foreign.push(field);
      return [];
  }
}

const imagePart = (block: ImageBlockIn, field: string): ImagePart =>
  given<ImagePart>({
    type: 'image',
    source: mediaSource(block.source, field),
    cache: cacheMark(block.cache_control),
  });

function mediaSource(source: ImageBlockIn['source'], field: string): Source {
  switch (source.type) {
    case 'base64':
      return { kind: 'base64', mediaType: source.media_type, data: source.data };
    case 'url':
      return sourceOf(source.url, `${field}.source.url`);
    case 'file':
      return { kind: 'file', fileId: source.file_id };
  }
}

/** Citations and context of a document have no counterpart elsewhere, nor has a document made of blocks. */
function documentParts(block: DocumentBlockIn, field: string, foreign: string[]): DocumentPart[] {
  if (block.citations?.enabled) foreign.push(`${field}.citations`);
  if (block.context) foreign.push(`${field}.context`);
  const { source } = block;
  if (source.type === 'content' && typeof source.content !== 'string') {
    foreign.push(`${field}.source.content`);
    return [];
  }
  return [
    given<DocumentPart>({
      type: 'document',
      source: documentSource(source, field),
      filename: block.title,
      cache: cacheMark(block.cache_control),
    }),
  ];
}

function documentSource(source: DocumentBlockIn['source'], field: string): DocumentPart['source'] {
  if (source.type === 'text') return { kind: 'text', text: source.data };
  if (source.type === 'content')
    return { kind: 'text', text: typeof source.content === 'string' ? source.content : '' };
  return mediaSource(source, field);
}

function assistantParts(content: string | AssistantBlockIn[], field: string, foreign: string[]): AssistantPart[] {
  if (typeof content === 'string') return [textOf(content)];
  return content.flatMap((block, index): AssistantPart[] => {
    switch (block.type) {
      case 'text':
        return [textPart(block)];
      case 'tool_use':
        return [
          given<Extract<AssistantPart, { type: 'tool_call' }>>({
            type: 'tool_call',
            id: block.id,
            name: block.name,
            arguments: JSON.stringify(block.input),
            cache: cacheMark(block.cache_control),
          }),
        ];
      case 'thinking':
        return [
          given<Extract<AssistantPart, { type: 'reasoning' }>>({
            type: 'reasoning',
            text: block.thinking,
            // Thinking of other models is shown without one.
            signature: block.signature === '' ? null : block.signature,
          }),
        ];
      case 'redacted_thinking':
        return [{ type: 'reasoning', text: '', sealed: { by: 'anthropic', data: block.data } }];
      case 'own':
        foreign.push(`${field}[${index}]`);
        return [];
    }
  });
}

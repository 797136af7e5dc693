import type { JsonObject, JsonValue } from '../../../common/json.js';
import type {
  AssistantPart,
  CacheMark,
  DocumentPart,
  Source,
  TextPart,
  ToolResultPart,
  Turn,
  UserPart,
} from '../conversation.js';
import { parseArguments } from '../tool-arguments.js';

/** Anthropic wants a user's turn first; OpenAI's conversations may begin with the assistant's greeting, or have none. */
const BEGINNING: JsonObject = { type: 'text', text: '…' };

/** All system turns, wherever they stood, as blocks of the top-level field. */
export const writeSystem = (turns: Turn[]): JsonObject[] =>
  turns.flatMap((turn) => (turn.role === 'system' ? turn.parts.flatMap(textBlocks) : []));

/**
 * The other turns, those of one side merged: an assistant's turn, then one user's turn with the results of all its calls
 * first. Text without a visible character is left out: the API refuses it.
 */
export function writeMessages(turns: Turn[]): JsonObject[] {
  const messages: { role: 'user' | 'assistant'; first: JsonObject[]; rest: JsonObject[] }[] = [];
  const side = (role: 'user' | 'assistant') => {
    const last = messages.at(-1);
    if (last?.role === role) return last;
    const begun = { role, first: [], rest: [] };
    messages.push(begun);
    return begun;
  };
  for (const turn of turns) {
    if (turn.role === 'tool') side('user').first.push(toolResult(turn));
    else if (turn.role === 'user') pushAll('user', turn.parts.flatMap(userBlocks));
    else if (turn.role === 'assistant') pushAll('assistant', turn.parts.flatMap(assistantBlocks));
  }
  function pushAll(role: 'user' | 'assistant', blocks: JsonObject[]): void {
    if (blocks.length > 0) side(role).rest.push(...blocks);
  }
  if (messages[0]?.role !== 'user') messages.unshift({ role: 'user', first: [], rest: [BEGINNING] });
  const written = messages.map(({ role, first, rest }) => ({ role, content: [...first, ...rest] }));
  const last = written.at(-1);
  return last?.role === 'assistant'
    ? [...written.slice(0, -1), { role: 'assistant', content: prefill(last.content) }]
    : written;
}

/** The beginning of an answer may not end in white space. */
function prefill(blocks: JsonObject[]): JsonObject[] {
  const last = blocks.at(-1);
  if (last?.['type'] !== 'text' || typeof last['text'] !== 'string') return blocks;
  return [...blocks.slice(0, -1), { ...last, text: last['text'].trimEnd() }];
}

export const cacheControl = (cache: CacheMark | undefined): JsonObject => {
  if (cache === undefined) return {};
  return { cache_control: cache.ttl === '5m' ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: cache.ttl } };
};

const textBlocks = (part: TextPart): JsonObject[] =>
  part.text.trim() === '' ? [] : [{ type: 'text', text: part.text, ...cacheControl(part.cache) }];

function userBlocks(part: UserPart): JsonObject[] {
  switch (part.type) {
    case 'text':
      return textBlocks(part);
    case 'image':
      return [{ type: 'image', source: mediaSource(part.source), ...cacheControl(part.cache) }];
    case 'document':
      return [documentBlock(part)];
    case 'audio':
    case 'video':
      // `unsupported` lets none through.
      return [];
  }
}

function mediaSource(source: Source): JsonObject {
  switch (source.kind) {
    case 'url':
      return { type: 'url', url: source.url };
    case 'base64':
      return { type: 'base64', media_type: source.mediaType, data: source.data };
    case 'file':
      return { type: 'file', file_id: source.fileId };
  }
}

function documentBlock({ source, filename, cache }: DocumentPart): JsonObject {
  return {
    type: 'document',
    source: documentSource(source),
    ...(filename !== undefined && { title: filename }),
    ...cacheControl(cache),
  };
}

/** Text that came encoded is written as what it is: base64 is for PDF only. */
function documentSource(source: DocumentPart['source']): JsonObject {
  if (source.kind === 'text') return { type: 'text', media_type: 'text/plain', data: source.text };
  if (source.kind === 'base64' && source.mediaType.startsWith('text/'))
    return { type: 'text', media_type: 'text/plain', data: Buffer.from(source.data, 'base64').toString('utf8') };
  return mediaSource(source);
}

const CALL_ID = /[^a-zA-Z0-9_-]/g;
/** Moonshot's ids (`functions.name:0`) have characters that Anthropic refuses. */
const callId = (id: string): string => id.replaceAll(CALL_ID, '_');

function toolResult(turn: Extract<Turn, { role: 'tool' }>): JsonObject {
  const content = resultContent(turn.parts);
  return {
    type: 'tool_result',
    tool_use_id: callId(turn.callId),
    ...(content !== null && { content }),
    ...(turn.isError && { is_error: true }),
    ...cacheControl(turn.cache),
  };
}

function resultContent(parts: ToolResultPart[]): JsonValue {
  const [only] = parts;
  if (parts.length === 1 && only?.type === 'text' && only.cache === undefined)
    return only.text === '' ? null : only.text;
  const blocks = parts.flatMap(userBlocks);
  return blocks.length === 0 ? null : blocks;
}

function assistantBlocks(part: AssistantPart): JsonObject[] {
  switch (part.type) {
    case 'text':
      return textBlocks(part);
    case 'refusal':
      return textBlocks({ type: 'text', text: part.text });
    case 'tool_call':
      return [
        {
          type: 'tool_use',
          id: callId(part.id),
          name: part.name,
          input: parseArguments(part.arguments) ?? {},
          ...cacheControl(part.cache),
        },
      ];
    case 'reasoning':
      if (part.sealed?.by === 'anthropic') return [{ type: 'redacted_thinking', data: part.sealed.data }];
      // Without its signature it is another model's, and refused.
      return part.signature === undefined ? [] : [{ type: 'thinking', thinking: part.text, signature: part.signature }];
  }
}

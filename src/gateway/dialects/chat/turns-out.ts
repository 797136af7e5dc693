import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { AssistantPart, CacheMark, DocumentPart, ImagePart, TextPart, Turn, UserPart } from '../conversation.js';
import type { ModelTraits } from '../dialect.js';
import { dataUrl } from '../media.js';

/**
 * Turns as messages. Text alone is written as one string, not as parts: many compatible servers take nothing else. Only
 * where marks of the cache are known do the parts stay apart.
 */
export function writeTurns(turns: Turn[], traits: ModelTraits): JsonObject[] {
  const messages: JsonObject[] = [];
  /** What tool messages can't hold, until the last answer to the calls is written: the user shows it then. */
  let shown: UserPart[] = [];
  for (const turn of resultsFirst(turns)) {
    if (turn.role === 'tool') {
      messages.push(toolMessage(turn, traits));
      shown.push(...shownParts(turn));
      continue;
    }
    if (shown.length > 0) {
      if (turn.role !== 'user') messages.push({ role: 'user', content: userContent(shown, traits) });
      else if (turn.parts.length > 0) {
        messages.push({ ...named(turn.name), role: 'user', content: userContent([...shown, ...turn.parts], traits) });
        shown = [];
        continue;
      }
      shown = [];
    }
    if (turn.role === 'assistant') messages.push(assistantMessage(turn, traits));
    else if (turn.role === 'user')
      messages.push({ ...named(turn.name), role: 'user', content: userContent(turn.parts, traits) });
    else messages.push({ role: traits.systemRole, content: textContent(turn.parts, traits, '\n') });
  }
  if (shown.length > 0) messages.push({ role: 'user', content: userContent(shown, traits) });
  return messages;
}

const named = (name: string | undefined): JsonObject => (name === undefined ? {} : { name });

/** Results stand directly behind the turn that called, before anything the user says. */
function resultsFirst(turns: Turn[]): Turn[] {
  const ordered: Turn[] = [];
  let waiting: Turn[] = [];
  for (const turn of turns) {
    if (turn.role === 'tool') ordered.push(turn);
    else if (turn.role === 'assistant') {
      ordered.push(...waiting, turn);
      waiting = [];
    } else waiting.push(turn);
  }
  return [...ordered, ...waiting];
}

const cacheControl = (cache: CacheMark | undefined, traits: ModelTraits): JsonObject =>
  cache === undefined || traits.cacheMarks !== true
    ? {}
    : { cache_control: cache.ttl === '5m' ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: cache.ttl } };

const textObject = (part: TextPart, traits: ModelTraits): JsonObject => ({
  type: 'text',
  text: part.text,
  ...cacheControl(part.cache, traits),
});

const keepsMarks = (parts: { cache?: CacheMark }[], traits: ModelTraits): boolean =>
  traits.cacheMarks === true && parts.some((part) => part.cache !== undefined);

const textContent = (parts: TextPart[], traits: ModelTraits, separator: string): JsonValue =>
  keepsMarks(parts, traits)
    ? parts.map((part) => textObject(part, traits))
    : parts.map((part) => part.text).join(separator);

/** A plain-text document is text with its title before it. */
function asText<P extends UserPart>(part: P): P | TextPart {
  if (part.type !== 'document' || part.source.kind !== 'text') return part;
  const { source, filename, cache } = part;
  const text = filename === undefined ? source.text : `${filename}\n\n${source.text}`;
  return { type: 'text', text, ...(cache !== undefined && { cache }) };
}

function userContent(given: UserPart[], traits: ModelTraits): JsonValue {
  const parts = given.map(asText);
  const texts = parts.filter((part) => part.type === 'text');
  if (texts.length === parts.length) return textContent(texts, traits, '\n');
  return parts.map((part) => userPart(part, traits));
}

function userPart(part: UserPart, traits: ModelTraits): JsonObject {
  switch (part.type) {
    case 'text':
      return textObject(part, traits);
    case 'image':
      return imageObject(part, traits);
    case 'audio':
      return { type: 'input_audio', input_audio: { data: part.data, format: part.format } };
    case 'video':
      return { type: 'video_url', video_url: { url: urlOf(part.source) } };
    case 'document':
      return documentObject(part, traits);
  }
}

/** `unsupported` lets no file id of another API through. */
const urlOf = (source: DocumentPart['source']): string =>
  source.kind === 'url' ? source.url : source.kind === 'base64' ? dataUrl(source.mediaType, source.data) : '';

const imageObject = (part: ImagePart, traits: ModelTraits): JsonObject => ({
  type: 'image_url',
  image_url: { url: urlOf(part.source), ...(part.detail !== undefined && { detail: part.detail }) },
  ...cacheControl(part.cache, traits),
});

function documentObject({ source, filename, cache }: DocumentPart, traits: ModelTraits): JsonObject {
  const file: JsonObject =
    source.kind === 'file'
      ? { file_id: source.fileId, ...(filename !== undefined && { filename }) }
      : { filename: filename ?? 'document.pdf', file_data: urlOf(source) };
  return { type: 'file', file, ...cacheControl(cache, traits) };
}

type ToolTurn = Extract<Turn, { role: 'tool' }>;

function toolMessage(turn: ToolTurn, traits: ModelTraits): JsonObject {
  const texts = turn.parts.map(asText).filter((part) => part.type === 'text');
  const moved = texts.length < turn.parts.length;
  const text = texts.map((part) => part.text).join('\n');
  // The API has no field for it: the model reads that the call failed.
  const said = turn.isError ? `Error: ${text}` : text;
  const content = said === '' && moved ? 'The result is in the next message.' : said;
  const marks = turn.cache === undefined ? {} : cacheControl(turn.cache, traits);
  if (!turn.isError && !moved && keepsMarks(texts, traits))
    return { role: 'tool', tool_call_id: turn.callId, content: textContent(texts, traits, '\n'), ...marks };
  return { role: 'tool', tool_call_id: turn.callId, content, ...marks };
}

/** Pictures and documents of a tool's result, with the call they belong to. */
function shownParts(turn: ToolTurn): UserPart[] {
  const parts = turn.parts.map(asText).filter((part) => part.type !== 'text');
  return parts.length === 0 ? [] : [{ type: 'text', text: `Result of tool call ${turn.callId}:` }, ...parts];
}

function assistantMessage(turn: Extract<Turn, { role: 'assistant' }>, traits: ModelTraits): JsonObject {
  const texts = turn.parts.filter((part) => part.type === 'text');
  const refusal = textOf(turn.parts, 'refusal');
  const calls = turn.parts.filter((part) => part.type === 'tool_call');
  const reasoning = turn.parts
    .filter((part) => part.type === 'reasoning')
    // Signed reasoning is another provider's: only its own model may read it again.
    .filter((part) => part.signature === undefined && part.sealed === undefined)
    .map((part) => part.text)
    .join('');
  const content = textContent(texts, traits, '');
  return {
    role: 'assistant',
    ...named(turn.name),
    content: content === '' && (calls.length > 0 || refusal !== '') ? null : content,
    ...(refusal !== '' && { refusal }),
    ...(reasoning !== '' && traits.reasoningField !== undefined && { [traits.reasoningField]: reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => ({
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: call.arguments === '' ? '{}' : call.arguments },
      })),
    }),
  };
}

const textOf = (parts: AssistantPart[], type: 'refusal'): string =>
  parts
    .filter((part) => part.type === type)
    .map((part) => part.text)
    .join('');

import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { CacheMark, DocumentPart, Source, TextPart, ToolResultPart, UserPart } from '../conversation.js';
import { dataSource, sourceOf } from '../media.js';
import { given } from '../shapes.js';
import { child, isGiven, list, name, object, optional, required, text, wrong } from './fields.js';

/** Parts of messages and tool results, from the wire. Shapes: `openai` 7, `ResponseInputContent`, `ResponseInputAudio`. */

/** Of a user's message: a string or a list of text, images, files, audio. */
export function userParts(value: JsonValue, field: string): UserPart[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  return partsOf(value, field).map(([part, at]) => {
    if (part.type === 'input_audio') return audioPart(part, at);
    return inputPart(part, at) ?? failType(part, at, "'input_text', 'input_image', 'input_file' or 'input_audio'");
  });
}

/** Of `function_call_output.output`: a string or a list of text, images, files. */
export function resultParts(value: JsonValue, field: string): ToolResultPart[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  return partsOf(value, field).map(
    ([part, at]) => inputPart(part, at) ?? failType(part, at, "'input_text', 'input_image' or 'input_file'"),
  );
}

/** Of a system or developer message. */
export function systemParts(value: JsonValue, field: string): TextPart[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  return partsOf(value, field).map(([part, at]) =>
    part.type === 'input_text' ? textPart(part, at) : failType(part, at, "'input_text'"),
  );
}

/** Of an assistant's message. `input_text` is what some clients write for their own earlier answers. */
export function answerParts(value: JsonValue, field: string): (TextPart | { type: 'refusal'; text: string })[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  return partsOf(value, field).map(([part, at]) => {
    if (part.type === 'output_text' || part.type === 'input_text') return textPart(part, at);
    if (part.type !== 'refusal') return failType(part, at, "'output_text' or 'refusal'");
    return { type: 'refusal', text: required(part, 'refusal', at, text, 'the text of the refusal') };
  });
}

function inputPart(part: JsonObject, at: string): ToolResultPart | undefined {
  if (part.type === 'input_text') return textPart(part, at);
  if (part.type === 'input_image') {
    return given({
      type: 'image' as const,
      source: imageSource(part, at),
      detail: optional(part, 'detail', at, name),
      cache: cacheOf(part),
    });
  }
  return part.type === 'input_file' ? documentPart(part, at) : undefined;
}

const textPart = (part: JsonObject, at: string): TextPart =>
  given({ type: 'text' as const, text: required(part, 'text', at, text, 'the text'), cache: cacheOf(part) });

function audioPart(part: JsonObject, at: string): UserPart {
  const audio = required(part, 'input_audio', at, object, 'an object with data and format');
  const inside = child(at, 'input_audio');
  return {
    type: 'audio',
    format: required(audio, 'format', inside, name, "'wav' or 'mp3'"),
    data: required(audio, 'data', inside, name, 'base64'),
  };
}

function imageSource(part: JsonObject, at: string): Source {
  const fileId = optional(part, 'file_id', at, name);
  const url = optional(part, 'image_url', at, text);
  if ((fileId === undefined) === (url === undefined)) {
    throw wrong(child(at, 'image_url'), 'either an http(s) URL, a data URL, or file_id in its place', part.image_url);
  }
  if (fileId !== undefined) return { kind: 'file', fileId };
  return sourceOf(url ?? '', child(at, 'image_url'));
}

function documentPart(part: JsonObject, at: string): DocumentPart {
  const ways = ['file_data', 'file_url', 'file_id'].filter((key) => isGiven(part[key]));
  if (ways.length !== 1) {
    const came = ways.length === 0 ? 'none of them' : ways.join(', ');
    throw wrong(at, 'exactly one of file_data, file_url and file_id', came);
  }
  const filename = optional(part, 'filename', at, name);
  const data = optional(part, 'file_data', at, name);
  const url = optional(part, 'file_url', at, name);
  let source: Source = { kind: 'file', fileId: optional(part, 'file_id', at, name) ?? '' };
  if (url !== undefined) source = sourceOf(url, child(at, 'file_url'));
  if (data !== undefined) source = fileSource(data, filename, child(at, 'file_data'));
  return given({ type: 'document' as const, source, filename, cache: cacheOf(part) });
}

/** A data URL, as OpenAI documents it, or base64 alone, as it also takes. */
function fileSource(data: string, filename: string | undefined, field: string): Source {
  if (data.startsWith('data:')) return dataSource(data, field);
  return { kind: 'base64', mediaType: filename?.endsWith('.txt') ? 'text/plain' : 'application/pdf', data };
}

/** OpenAI's explicit breakpoints live 30 minutes or longer; five minutes is the mark every cache has. */
const cacheOf = (part: JsonObject): CacheMark | undefined =>
  isGiven(part.prompt_cache_breakpoint) ? { ttl: '5m' } : undefined;

const partsOf = (value: JsonValue, field: string): [JsonObject, string][] => {
  if (!Array.isArray(value)) throw wrong(field, 'a string or a list of content parts', value);
  return list(value, field).map((part, index) => [object(part, `${field}[${index}]`), `${field}[${index}]`]);
};

function failType(part: JsonObject, at: string, allowed: string): never {
  throw wrong(child(at, 'type'), allowed, part.type);
}

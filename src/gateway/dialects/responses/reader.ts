import type { JsonObject } from '../../../common/json.js';
import type { StreamEvent } from '../conversation.js';
import type { SseFrame, StreamReader } from '../dialect.js';
import { finishOf } from './answer.js';
import { isObject } from '../shapes.js';
import { sealOf } from './sealed.js';
import { readUsage } from './usage.js';

type Shown = 'text' | 'refusal' | 'reasoning';

/** Reads an upstream's stream of named events. Items of hosted tools give nothing. */
export class ResponsesReader implements StreamReader {
  /** `output_index` → the call's index from 0, and whether any of its arguments came. */
  readonly #calls = new Map<number, { index: number; written: boolean }>();
  /** Places whose text came in deltas; what only comes whole, at the end, is read there. */
  readonly #written = new Set<string>();
  /** Kind and place of what came last: another place of the same kind is another part. */
  #kind: Shown | null = null;
  #place = '';

  read(frame: SseFrame): StreamEvent[] {
    if (frame.data === '' || frame.data === '[DONE]') return [];
    const data: unknown = JSON.parse(frame.data);
    if (!isObject(data)) throw new TypeError('an event that is no object');
    const type = typeof data.type === 'string' ? data.type : frame.event;
    switch (type) {
      case 'response.created':
        return [startOf(data)];
      case 'response.output_item.added':
        return this.#itemAdded(data);
      case 'response.output_text.delta':
        return this.#shown('text', `${at(data)}/${count(data.content_index)}`, data.delta);
      case 'response.refusal.delta':
        return this.#shown('refusal', `${at(data)}/${count(data.content_index)}`, data.delta);
      case 'response.reasoning_summary_text.delta':
        return this.#shown('reasoning', `${at(data)}/${count(data.summary_index)}`, data.delta);
      case 'response.reasoning_text.delta':
        return this.#shown('reasoning', `${at(data)}/content/${count(data.content_index)}`, data.delta);
      case 'response.function_call_arguments.delta':
        return this.#arguments(at(data), data.delta, false);
      case 'response.function_call_arguments.done':
        return this.#arguments(at(data), data.arguments, true);
      case 'response.output_item.done':
        return this.#itemDone(data);
      case 'response.completed':
      case 'response.incomplete':
        return this.#end(isObject(data.response) ? data.response : {}, type);
      case 'response.failed':
        return failed(isObject(data.response) ? data.response : {});
      case 'error':
        return [faultOf(isObject(data.error) ? data.error : data)];
      default:
        return [];
    }
  }

  #itemAdded(data: JsonObject): StreamEvent[] {
    const item = data.item;
    if (!isObject(item) || item.type !== 'function_call') return [];
    const { call_id: id, name } = item;
    if (typeof id !== 'string' || typeof name !== 'string') throw new TypeError('a function call without id or name');
    const index = this.#calls.size;
    this.#calls.set(at(data), { index, written: false });
    this.#kind = null;
    return [{ type: 'tool_call', index, id, name }, ...this.#arguments(at(data), item.arguments, false)];
  }

  /** `whole`: all of it at once, to be read only where none came before. */
  #arguments(place: number, fragment: unknown, whole: boolean): StreamEvent[] {
    const call = this.#calls.get(place);
    if (!call || typeof fragment !== 'string' || fragment === '' || (whole && call.written)) return [];
    call.written = true;
    return [{ type: 'tool_arguments', index: call.index, fragment }];
  }

  #shown(kind: Shown, place: string, text: unknown): StreamEvent[] {
    if (typeof text !== 'string' || text === '') return [];
    this.#written.add(place);
    return [...this.#partEnd(kind, place), { type: kind, text }];
  }

  #partEnd(kind: Shown, place: string): StreamEvent[] {
    const another = this.#kind === kind && this.#place !== place;
    this.#kind = kind;
    this.#place = place;
    return another ? [{ type: 'part_end' }] : [];
  }

  #itemDone(data: JsonObject): StreamEvent[] {
    const item = data.item;
    if (!isObject(item)) return [];
    if (item.type === 'function_call') return this.#arguments(at(data), item.arguments, true);
    if (item.type === 'message') return this.#pieces(item.content, `${at(data)}/`);
    if (item.type !== 'reasoning') return [];
    const events = this.#pieces(item.summary, `${at(data)}/`);
    if (!Array.isArray(item.summary) || item.summary.length === 0) {
      events.push(...this.#pieces(item.content, `${at(data)}/content/`));
    }
    if (typeof item.encrypted_content === 'string' && item.encrypted_content !== '') {
      events.push(...this.#seal(item.encrypted_content, at(data)));
    }
    return events;
  }

  /** Text of a finished item that did not come in deltas. */
  #pieces(pieces: unknown, prefix: string): StreamEvent[] {
    if (!Array.isArray(pieces)) return [];
    return pieces.flatMap((piece: unknown, index) => {
      const place = `${prefix}${index}`;
      if (!isObject(piece) || this.#written.has(place)) return [];
      if (piece.type === 'refusal') return this.#shown('refusal', place, piece.refusal);
      return this.#shown(piece.type === 'output_text' ? 'text' : 'reasoning', place, piece.text);
    });
  }

  /** Belongs to what was shown of the same item, if anything was. */
  #seal(encrypted: string, item: number): StreamEvent[] {
    const same = this.#kind === 'reasoning' && this.#place.startsWith(`${item}/`);
    const ended = same ? [] : this.#partEnd('reasoning', `${item}/seal`);
    const { signature, sealed } = sealOf(encrypted);
    return [
      ...ended,
      sealed ? { type: 'reasoning_sealed', ...sealed } : { type: 'reasoning_signature', signature: signature ?? '' },
    ];
  }

  #end(response: JsonObject, type: string): StreamEvent[] {
    const status = type.slice('response.'.length);
    return [
      { type: 'finish', reason: finishOf({ ...response, status }, this.#calls.size > 0), stopSequence: null },
      ...usageOf(response),
      { type: 'end' },
    ];
  }
}

/** Servers that leave an index out have one item, with one part. */
const count = (index: unknown): number => (typeof index === 'number' ? index : 0);
const at = (data: JsonObject): number => count(data.output_index);

function startOf(data: JsonObject): StreamEvent {
  const response = isObject(data.response) ? data.response : {};
  const { id, model } = response;
  return { type: 'start', id: typeof id === 'string' ? id : null, model: typeof model === 'string' ? model : null };
}

function usageOf(response: JsonObject): StreamEvent[] {
  const usage = readUsage(response);
  return usage ? [{ type: 'usage', usage }] : [];
}

const failed = (response: JsonObject): StreamEvent[] => [
  ...usageOf(response),
  faultOf(isObject(response.error) ? response.error : {}),
];

const faultOf = ({ code, type, message }: JsonObject): StreamEvent => ({
  type: 'fault',
  fault: {
    message: typeof message === 'string' ? message : 'the response failed',
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : typeof type === 'string' ? type : null,
  },
});

import type { JsonObject, JsonValue } from '../../../common/json.js';
import { encryptedOf, type Seal } from './sealed.js';

/** Is told each event with its fields, without `type` and `sequence_number`. */
export type Emit = (type: string, fields: { [key: string]: JsonValue }) => void;

export type ItemStatus = 'completed' | 'incomplete';

interface OpenItem {
  /** `output_index`. */
  at: number;
  id: string;
}
interface OpenMessage extends OpenItem {
  content: JsonObject[];
  /** The part that is being written. */
  part: { type: 'output_text' | 'refusal'; text: string } | null;
}
interface OpenReasoning extends OpenItem {
  summary: JsonObject[];
  /** The piece of the summary that is being written. */
  piece: string | null;
  seal: Seal | null;
}
interface OpenCall extends OpenItem {
  callId: string;
  name: string;
  arguments: string;
}

/**
 * Builds the items of a response and says every event on the way, in OpenAI's order: an item is added, its parts are added,
 * grow and are done, the item is done. A message or reasoning ends where anything else begins; calls stay open to the end of
 * the answer, as their fragments may come mixed. Ids are made from `suffix` (at most 48 characters of it are used, so that
 * ids stay within 64) and the place of the item.
 */
export class Output {
  /** Finished items, at their `output_index`. */
  readonly #done: JsonObject[] = [];
  readonly #calls = new Map<number, OpenCall>();
  #message: OpenMessage | null = null;
  #reasoning: OpenReasoning | null = null;
  #count = 0;

  constructor(
    private readonly suffix: string,
    private readonly emit: Emit,
  ) {}

  /** Finished items in order. */
  get items(): JsonObject[] {
    return this.#done.filter((item) => item !== undefined);
  }

  text(text: string): void {
    this.#grow('output_text', text, 'response.output_text.delta');
  }

  refusal(text: string): void {
    this.#grow('refusal', text, 'response.refusal.delta');
  }

  reasoning(text: string): void {
    if (text === '') return;
    const item = this.#openReasoning();
    const where = { item_id: item.id, output_index: item.at, summary_index: item.summary.length };
    if (item.piece === null) {
      item.piece = '';
      this.emit('response.reasoning_summary_part.added', { ...where, part: { type: 'summary_text', text: '' } });
    }
    item.piece += text;
    this.emit('response.reasoning_summary_text.delta', { ...where, delta: text });
  }

  /** A seal belongs to the text before it, but for Anthropic's redacted thinking, which is a block of its own. */
  seal(seal: Seal): void {
    const ended = this.#reasoning?.piece === null && this.#reasoning.summary.length > 0;
    if (ended || seal.sealed?.by === 'anthropic') this.#closeReasoning();
    this.#openReasoning().seal = seal;
  }

  /** A part ends and another of its kind follows. */
  partEnd(): void {
    if (this.#message) this.#closePart(this.#message);
    if (this.#reasoning?.seal) this.#closeReasoning();
    else if (this.#reasoning) this.#closePiece(this.#reasoning);
  }

  call(index: number, callId: string, name: string): void {
    this.#closeMessage('completed');
    this.#closeReasoning();
    const call = { ...this.#open('fc'), callId, name, arguments: '' };
    this.#calls.set(index, call);
    this.emit('response.output_item.added', { output_index: call.at, item: callItem(call, 'in_progress') });
  }

  callArguments(index: number, fragment: string): void {
    const call = this.#calls.get(index);
    if (!call || fragment === '') return;
    call.arguments += fragment;
    this.emit('response.function_call_arguments.delta', { item_id: call.id, output_index: call.at, delta: fragment });
  }

  /** Ends all that is open. `incomplete`: it was cut off. */
  close(status: ItemStatus): void {
    this.#closeReasoning();
    this.#closeMessage(status);
    for (const call of this.#calls.values()) this.#closeCall(call, status);
    this.#calls.clear();
  }

  /** Ends the open reasoning item: what follows is another, though no seal says so. */
  endReasoning(): void {
    this.#closeReasoning();
  }

  #open(prefix: 'msg' | 'rs' | 'fc'): OpenItem {
    const at = this.#count;
    this.#count += 1;
    return { at, id: `${prefix}_${this.suffix.slice(0, 48)}_${at}` };
  }

  #grow(type: 'output_text' | 'refusal', text: string, event: string): void {
    if (text === '') return;
    this.#closeReasoning();
    const message = (this.#message ??= this.#addMessage());
    if (message.part && message.part.type !== type) this.#closePart(message);
    const where = { item_id: message.id, output_index: message.at, content_index: message.content.length };
    if (!message.part) {
      message.part = { type, text: '' };
      this.emit('response.content_part.added', { ...where, part: contentPart(message.part) });
    }
    message.part.text += text;
    this.emit(event, { ...where, delta: text, ...(type === 'output_text' && { logprobs: [] }) });
  }

  #addMessage(): OpenMessage {
    const message: OpenMessage = { ...this.#open('msg'), content: [], part: null };
    this.emit('response.output_item.added', { output_index: message.at, item: messageItem(message, 'in_progress') });
    return message;
  }

  #closePart(message: OpenMessage): void {
    const { part } = message;
    if (!part) return;
    const where = { item_id: message.id, output_index: message.at, content_index: message.content.length };
    if (part.type === 'output_text')
      this.emit('response.output_text.done', { ...where, text: part.text, logprobs: [] });
    else this.emit('response.refusal.done', { ...where, refusal: part.text });
    this.emit('response.content_part.done', { ...where, part: contentPart(part) });
    message.content.push(contentPart(part));
    message.part = null;
  }

  #closeMessage(status: ItemStatus): void {
    const message = this.#message;
    if (!message) return;
    this.#closePart(message);
    this.#message = null;
    this.#finish(message.at, messageItem(message, status));
  }

  /** A sealed item is whole: reasoning that follows is another. */
  #openReasoning(): OpenReasoning {
    this.#closeMessage('completed');
    if (this.#reasoning?.seal) this.#closeReasoning();
    this.#reasoning ??= this.#addReasoning();
    return this.#reasoning;
  }

  #addReasoning(): OpenReasoning {
    const item: OpenReasoning = { ...this.#open('rs'), summary: [], piece: null, seal: null };
    this.emit('response.output_item.added', { output_index: item.at, item: reasoningItem(item) });
    return item;
  }

  #closePiece(item: OpenReasoning): void {
    if (item.piece === null) return;
    const where = { item_id: item.id, output_index: item.at, summary_index: item.summary.length };
    const part = { type: 'summary_text', text: item.piece };
    this.emit('response.reasoning_summary_text.done', { ...where, text: item.piece });
    this.emit('response.reasoning_summary_part.done', { ...where, part });
    item.summary.push(part);
    item.piece = null;
  }

  #closeReasoning(): void {
    const item = this.#reasoning;
    if (!item) return;
    this.#closePiece(item);
    this.#reasoning = null;
    this.#finish(item.at, reasoningItem(item));
  }

  #closeCall(call: OpenCall, status: ItemStatus): void {
    if (status === 'completed') call.arguments ||= '{}';
    this.emit('response.function_call_arguments.done', {
      item_id: call.id,
      output_index: call.at,
      name: call.name,
      arguments: call.arguments,
    });
    this.#finish(call.at, callItem(call, status));
  }

  #finish(at: number, item: JsonObject): void {
    this.#done[at] = item;
    this.emit('response.output_item.done', { output_index: at, item });
  }
}

const messageItem = ({ id, content }: OpenMessage, status: ItemStatus | 'in_progress'): JsonObject => ({
  id,
  type: 'message',
  status,
  role: 'assistant',
  content: [...content],
});

const contentPart = ({ type, text }: { type: 'output_text' | 'refusal'; text: string }): JsonObject =>
  type === 'output_text' ? { type, text, annotations: [], logprobs: [] } : { type, refusal: text };

function reasoningItem({ id, summary, seal }: OpenReasoning): JsonObject {
  const encrypted = seal && encryptedOf(seal);
  return { id, type: 'reasoning', summary: [...summary], ...(encrypted && { encrypted_content: encrypted }) };
}

const callItem = (call: OpenCall, status: ItemStatus | 'in_progress'): JsonObject => ({
  id: call.id,
  type: 'function_call',
  status,
  call_id: call.callId,
  name: call.name,
  arguments: call.arguments,
});

import type { KilnError } from '../../../common/errors.js';
import type { JsonObject, JsonValue } from '../../../common/json.js';
import { type FinishReason, NO_USAGE, type StreamEvent, type TokenUsage } from '../conversation.js';
import type { Echo, StreamFailure, StreamWriter } from '../dialect.js';
import { sse } from '../sse.js';
import { keepableItems, type KeptItem, keepsItems } from './items.js';
import { Output } from './output.js';
import { endOf, responseObject, type Standing } from './response.js';
import { writeUsage } from './usage.js';

/** Writes a client's stream of named events, each numbered. */
export class ResponsesWriter implements StreamWriter {
  readonly #output: Output;
  #frames = '';
  #sequence = 0;
  #started = false;
  #finish: FinishReason | null = null;
  #usage: TokenUsage | null = null;

  constructor(private readonly echo: Echo) {
    this.#output = new Output(echo.suffix, (type, fields) => this.#emit(type, fields));
  }

  write(event: StreamEvent): string {
    this.#start();
    this.#take(event);
    return this.#flush();
  }

  /** Finished items that a later request of the key may refer to; none where the client wants none kept. */
  items(): KeptItem[] {
    return keepsItems(this.echo.body) ? keepableItems({ output: this.#output.items }) : [];
  }

  /**
   * `error`, at which OpenAI's client throws, then `response.failed`. Items that are open stay open: a call that is said to be
   * done would be run with half its arguments. Not begun, there is no response to fail: only the error. OpenAI documents the
   * error's fields at the top and sends them nested, which is where its clients look: both.
   */
  fail(error: KilnError, { requestId, usage, chargedMicroUsd }: StreamFailure): string {
    const { code, message, param } = error;
    const billed = { charged_micro_usd: chargedMicroUsd, usage: usage && writeUsage(usage) };
    const nested = { type: error.type, code, message, param, request_id: requestId, ...billed };
    this.#emit('error', { code, message, param, error: nested });
    if (this.#started) {
      this.#emit('response.failed', {
        response: this.#response({ status: 'failed', usage, error: { code, message } }),
      });
    }
    return this.#flush();
  }

  /** An upstream's stream may begin with anything. */
  #start(): void {
    if (this.#started) return;
    this.#started = true;
    const response = this.#response({ status: 'in_progress', usage: null });
    this.#emit('response.created', { response });
    this.#emit('response.in_progress', { response });
  }

  #take(event: StreamEvent): void {
    const output = this.#output;
    switch (event.type) {
      case 'text':
        return output.text(event.text);
      case 'refusal':
        return output.refusal(event.text);
      case 'reasoning':
        return output.reasoning(event.text);
      case 'reasoning_signature':
        return output.seal({ signature: event.signature });
      case 'reasoning_sealed':
        return output.seal({ sealed: { by: event.by, data: event.data } });
      case 'part_end':
        return output.partEnd();
      case 'tool_call':
        return output.call(event.index, event.id, event.name);
      case 'tool_arguments':
        return output.callArguments(event.index, event.fragment);
      case 'finish':
        this.#finish = event.reason;
        return output.close(event.reason === 'length' ? 'incomplete' : 'completed');
      case 'usage':
        this.#usage = { ...NO_USAGE, ...this.#usage, ...event.usage };
        return;
      case 'end':
        return this.#end();
      case 'start':
      case 'fault':
        return;
    }
  }

  #end(): void {
    this.#output.close('completed');
    const end = endOf(this.#finish);
    this.#emit(`response.${end.status}`, { response: this.#response({ ...end, usage: this.#usage }) });
  }

  #response(standing: Omit<Standing, 'output'>): JsonObject {
    return responseObject(this.echo, { ...standing, output: this.#output.items });
  }

  #emit(type: string, fields: { [key: string]: JsonValue }): void {
    this.#frames += sse(type, JSON.stringify({ type, sequence_number: this.#sequence, ...fields }));
    this.#sequence += 1;
  }

  #flush(): string {
    const frames = this.#frames;
    this.#frames = '';
    return frames;
  }
}

import { chunksOf, fragmentsOf } from '../chunks.js';
import type { Frame } from '../play.js';
import {
  type CallItem,
  type MessageItem,
  outputOf,
  type ReasoningItem,
  type ResponseAnswer,
  responseOf,
  statusOf,
} from './answer.js';

interface Event {
  type: string;
  [field: string]: unknown;
}

/** The named events of a response in the order and with the fields of openai-node's `ResponseStreamEvent`. */
export class ResponseEvents {
  private sequence = 0;

  constructor(private readonly answer: ResponseAnswer) {}

  *frames(): Generator<Frame> {
    const { answer } = this;
    yield this.frame({ type: 'response.created', response: responseOf(answer, 'in_progress') });
    yield this.frame({ type: 'response.in_progress', response: responseOf(answer, 'in_progress') });
    for (const [index, item] of outputOf(answer).entries()) {
      const events =
        item.type === 'reasoning'
          ? reasoningEvents(item)
          : item.type === 'message'
            ? messageEvents(item)
            : callEvents(item);
      for (const event of events) yield this.frame({ output_index: index, ...event });
    }
    const status = statusOf(answer.reply);
    yield this.frame({ type: `response.${status}`, response: responseOf(answer, status) });
  }

  /** What comes instead of the rest when the server fails: the error, and the response as failed. */
  error(message: string): string {
    const failed = responseOf(this.answer, 'failed', { code: 'server_error', message });
    return (
      this.written({ type: 'error', code: 'server_error', message, param: null }) +
      this.written({ type: 'response.failed', response: failed })
    );
  }

  /** Numbered when it is sent. */
  private frame(event: Event): Frame {
    const write = (): string => this.written(event);
    return {
      get bytes() {
        return write();
      },
      isContent: event.type.endsWith('.delta'),
    };
  }

  private written({ type, ...fields }: Event): string {
    const data = JSON.stringify({ type, sequence_number: this.sequence, ...fields });
    this.sequence += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  }
}

function* reasoningEvents(item: ReasoningItem): Generator<Event> {
  yield { type: 'response.output_item.added', item: { ...item, summary: [] } };
  for (const [index, part] of item.summary.entries()) {
    const at = { item_id: item.id, summary_index: index };
    yield { type: 'response.reasoning_summary_part.added', ...at, part: { ...part, text: '' } };
    for (const delta of chunksOf(part.text)) yield { type: 'response.reasoning_summary_text.delta', ...at, delta };
    yield { type: 'response.reasoning_summary_text.done', ...at, text: part.text };
    yield { type: 'response.reasoning_summary_part.done', ...at, part };
  }
  yield { type: 'response.output_item.done', item };
}

function* messageEvents(item: MessageItem): Generator<Event> {
  yield { type: 'response.output_item.added', item: { ...item, status: 'in_progress', content: [] } };
  for (const [index, part] of item.content.entries()) {
    const at = { item_id: item.id, content_index: index };
    if (part.type === 'refusal') {
      yield { type: 'response.content_part.added', ...at, part: { ...part, refusal: '' } };
      for (const delta of chunksOf(part.refusal)) yield { type: 'response.refusal.delta', ...at, delta };
      yield { type: 'response.refusal.done', ...at, refusal: part.refusal };
    } else {
      yield { type: 'response.content_part.added', ...at, part: { ...part, text: '' } };
      for (const delta of chunksOf(part.text)) yield { type: 'response.output_text.delta', ...at, delta, logprobs: [] };
      yield { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] };
    }
    yield { type: 'response.content_part.done', ...at, part };
  }
  yield { type: 'response.output_item.done', item };
}

function* callEvents(item: CallItem): Generator<Event> {
  const at = { item_id: item.id };
  yield { type: 'response.output_item.added', item: { ...item, status: 'in_progress', arguments: '' } };
  for (const delta of fragmentsOf(item.arguments))
    yield { type: 'response.function_call_arguments.delta', ...at, delta };
  yield { type: 'response.function_call_arguments.done', ...at, arguments: item.arguments };
  yield { type: 'response.output_item.done', item };
}

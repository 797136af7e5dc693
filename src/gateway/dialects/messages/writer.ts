import type { KilnError } from '../../../common/errors.js';
import type { JsonObject } from '../../../common/json.js';
import { NO_USAGE, type FinishReason, type StreamEvent, type TokenUsage } from '../conversation.js';
import type { Echo, StreamFailure, StreamWriter } from '../dialect.js';
import { anthropicErrorType } from '../../../http/anthropic-errors.js';
import { sse } from '../sse.js';
import { answerId } from './answer.js';
import { writeStop } from './finish.js';
import { writeMessageUsage, writeUsage } from './usage.js';

/** A block to be written once the open one is closed. Fragments of its deltas are joined. */
interface Part {
  kind: 'text' | 'thinking' | 'redacted_thinking' | 'tool_use';
  /** Of a tool's block: the call. */
  call: number;
  start: JsonObject;
  text: string;
  signature: string;
  ended: boolean;
}

/**
 * Writes Anthropic's events: one block is open at a time. OpenAI's servers may write several calls at once, so the first
 * call streams and whatever comes beside it waits until it is known to be whole.
 */
export function writer(echo: Echo): StreamWriter {
  let begun = false;
  let ended = false;
  /** Blocks written so far. */
  let written = 0;
  let open: Part | null = null;
  let waiting: Part[] = [];
  let called = false;
  let finish: { reason: FinishReason; stopSequence: string | null } | null = null;
  let refusal = '';
  let usage: TokenUsage = NO_USAGE;

  const emit = (type: string, fields: JsonObject): string => sse(type, JSON.stringify({ type, ...fields }));
  const delta = (fields: JsonObject): string => emit('content_block_delta', { index: written, delta: fields });

  function begin(): string {
    if (begun) return '';
    begun = true;
    return emit('message_start', {
      message: {
        id: answerId(echo),
        type: 'message',
        role: 'assistant',
        model: echo.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        stop_details: null,
        container: null,
        // The upstream may tell only at the end.
        usage: writeMessageUsage(NO_USAGE),
      },
    });
  }

  const startOf = (part: Part): string => emit('content_block_start', { index: written, content_block: part.start });
  function textOf(part: Part, text: string): string {
    if (text === '') return '';
    if (part.kind === 'tool_use') return delta({ type: 'input_json_delta', partial_json: text });
    return part.kind === 'text'
      ? delta({ type: 'text_delta', text })
      : delta({ type: 'thinking_delta', thinking: text });
  }
  const signatureOf = (signature: string): string =>
    signature === '' ? '' : delta({ type: 'signature_delta', signature });

  function close(): string {
    if (open === null) return '';
    open = null;
    const stop = emit('content_block_stop', { index: written });
    written += 1;
    return stop;
  }

  function flush(): string {
    const closed = close();
    const parts = waiting;
    waiting = [];
    return (
      closed +
      parts
        .map((part) => {
          open = part;
          return startOf(part) + textOf(part, part.text) + signatureOf(part.signature) + close();
        })
        .join('')
    );
  }

  /** The part that such a fragment belongs to, begun where there is none; with the text that this takes. */
  function partFor(kind: Part['kind'], call: number, start: JsonObject): { part: Part; text: string } {
    const last = waiting.at(-1) ?? open;
    if (last !== null && last.kind === kind && kind !== 'tool_use' && !last.ended) return { part: last, text: '' };
    const part: Part = { kind, call, start, text: '', signature: '', ended: false };
    if (open?.kind === 'tool_use') {
      waiting.push(part);
      return { part, text: '' };
    }
    const before = begin() + close();
    open = part;
    return { part, text: before + startOf(part) };
  }

  function append(part: Part, text: string): string {
    if (part === open) return textOf(part, text);
    part.text += text;
    return '';
  }

  function show(kind: 'text' | 'thinking', text: string): string {
    if (text === '') return '';
    const { part, text: before } = partFor(kind, -1, kind === 'text' ? TEXT : THINKING);
    return before + append(part, text);
  }

  function sign(signature: string): string {
    const { part, text: before } = partFor('thinking', -1, THINKING);
    // Nothing may follow its signature in a block.
    part.ended = true;
    if (part === open) return before + signatureOf(signature);
    part.signature += signature;
    return before;
  }

  function callTool(index: number, id: string, name: string): string {
    called = true;
    return partFor('tool_use', index, { type: 'tool_use', id, name, input: {} }).text;
  }

  function fillTool(index: number, fragment: string): string {
    if (fragment === '') return '';
    const part = [open, ...waiting].find((one) => one?.kind === 'tool_use' && one.call === index);
    return part === undefined || part === null ? '' : append(part, fragment);
  }

  function endPart(): string {
    const last = waiting.at(-1) ?? open;
    if (last === null || last.kind === 'tool_use') return '';
    last.ended = true;
    return last === open ? close() : '';
  }

  function end(): string {
    if (ended) return '';
    ended = true;
    const { reason, stopSequence } = finish ?? { reason: called ? 'tool_calls' : 'stop', stopSequence: null };
    return (
      begin() +
      flush() +
      emit('message_delta', {
        delta: { ...writeStop(reason, stopSequence, refusal), container: null },
        usage: writeUsage(usage),
      }) +
      emit('message_stop', {})
    );
  }

  return {
    write(event: StreamEvent): string {
      switch (event.type) {
        case 'start':
          return begin();
        case 'text':
          return show('text', event.text);
        case 'reasoning':
          return show('thinking', event.text);
        case 'reasoning_signature':
          return sign(event.signature);
        case 'reasoning_sealed': {
          if (event.by !== 'anthropic') return '';
          const sealed = partFor('redacted_thinking', -1, { type: 'redacted_thinking', data: event.data });
          sealed.part.ended = true;
          return sealed.text;
        }
        case 'part_end':
          return endPart();
        case 'tool_call':
          return callTool(event.index, event.id, event.name);
        case 'tool_arguments':
          return fillTool(event.index, event.fragment);
        case 'refusal':
          refusal += event.text;
          return begin();
        case 'finish':
          finish = event;
          return begin() + flush();
        case 'usage':
          usage = { ...usage, ...event.usage };
          return '';
        case 'end':
          return end();
        case 'fault':
          return '';
      }
    },
    fail: (error, facts) => sse('error', JSON.stringify(failure(error, facts))),
  };
}

const TEXT: JsonObject = { type: 'text', text: '', citations: null };
const THINKING: JsonObject = { type: 'thinking', thinking: '', signature: '' };

const failure = (error: KilnError, facts: StreamFailure): JsonObject => ({
  type: 'error',
  error: { type: anthropicErrorType(error.status), message: error.message },
  request_id: facts.requestId,
  ...(facts.usage !== null && { usage: writeUsage(facts.usage) }),
  charged_micro_usd: facts.chargedMicroUsd,
});

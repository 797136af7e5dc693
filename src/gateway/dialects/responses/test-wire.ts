import { createParser } from 'eventsource-parser';
import * as fc from 'fast-check';
import type { JsonObject } from '../../../common/json.js';
import type { Conversation, StreamEvent } from '../conversation.js';
import type { Echo, ModelTraits, SseFrame } from '../dialect.js';
import { responses } from './index.js';

/** A model that can do all there is. */
export const TRAITS: ModelTraits = {
  features: new Set(['tools', 'vision', 'audio', 'documents', 'json_object', 'json_schema', 'parallel_tools']),
  maxOutputTokens: 1_000_000,
  sampling: true,
  thinking: 'adaptive',
  efforts: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  forcedTools: true,
  prefill: true,
  maxTokensField: 'max_completion_tokens',
  systemRole: 'developer',
  streamUsage: true,
};

export const SUFFIX = '01h455vb4pex5vsknk084sn02q';

export const echoOf = (body: JsonObject, conversation?: Conversation): Echo => ({
  suffix: SUFFIX,
  model: 'gpt-5-mini',
  createdAt: 1_790_000_000,
  conversation: conversation ?? responses.parse({ input: 'hi', ...body }),
  body,
});

export function framesOf(text: string): SseFrame[] {
  const frames: SseFrame[] = [];
  createParser({ onEvent: ({ event, data }) => frames.push({ event: event ?? '', data }) }).feed(text);
  return frames;
}

export const dataOf = (text: string): JsonObject[] => framesOf(text).map(({ data }) => JSON.parse(data) as JsonObject);

/** The stream that the writer makes of the events. */
export function written(events: readonly StreamEvent[], body: JsonObject = {}): string {
  const writer = responses.writer(echoOf(body));
  return events.map((event) => writer.write(event)).join('');
}

export function readBack(text: string): StreamEvent[] {
  const reader = responses.reader();
  return framesOf(text).flatMap((frame) => reader.read(frame));
}

interface Shown {
  type: 'text' | 'refusal' | 'reasoning' | 'call';
  text: string;
  seal?: unknown;
  call?: { id: string; name: string };
}

/** What a stream comes to, however it was cut into events. */
export function folded(events: readonly StreamEvent[]): { parts: Shown[]; rest: StreamEvent[] } {
  const parts: Shown[] = [];
  const rest: StreamEvent[] = [];
  const calls: Shown[] = [];
  let open: Shown | null = null;
  const place = (type: Shown['type']): Shown => {
    if (open?.type === type && open.seal === undefined) return open;
    parts.push((open = { type, text: '' }));
    return open;
  };
  for (const event of events) {
    if (event.type === 'text' || event.type === 'refusal' || event.type === 'reasoning') {
      if (event.text !== '') place(event.type).text += event.text;
    } else if (event.type === 'reasoning_signature') place('reasoning').seal = { signature: event.signature };
    else if (event.type === 'reasoning_sealed') {
      if (event.by === 'anthropic') open = null;
      place('reasoning').seal = { by: event.by, data: event.data };
    } else if (event.type === 'part_end') open = null;
    else if (event.type === 'tool_call') {
      const call: Shown = { type: 'call', text: '', call: { id: event.id, name: event.name } };
      calls[event.index] = call;
      parts.push((open = call));
    } else if (event.type === 'tool_arguments') {
      const call = calls[event.index];
      if (call) call.text += event.fragment;
    } else if (event.type !== 'start') rest.push(event);
  }
  for (const call of calls) call.text ||= '{}';
  return { parts, rest };
}

const fragments = fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 3 });
const seal = fc.oneof(
  fc.record({ type: fc.constant('reasoning_signature' as const), signature: fc.string({ minLength: 1 }) }),
  fc.record({
    type: fc.constant('reasoning_sealed' as const),
    by: fc.constantFrom('anthropic' as const, 'openai' as const),
    data: fc.base64String({ minLength: 4 }),
  }),
);
const shown = fc.oneof(
  fc.record({ type: fc.constantFrom('text' as const, 'refusal' as const), fragments }),
  fc.record({
    type: fc.constant('reasoning' as const),
    fragments: fc.oneof(fragments, fc.constant([])),
    seal: fc.option(seal),
  }),
  fc.record({
    type: fc.constant('calls' as const),
    arguments: fc.array(fc.array(fc.string()), { minLength: 1, maxLength: 3 }),
  }),
);

/** Streams as any upstream may send them: parts of any kind in any order, fragments of parallel calls mixed. */
export const streams: fc.Arbitrary<StreamEvent[]> = fc
  .record({
    parts: fc.array(shown, { maxLength: 6 }),
    cut: fc.constantFrom('stop' as const, 'length' as const, 'refusal' as const),
    usage: fc.record({
      inputTokens: fc.nat(),
      outputTokens: fc.nat(),
      reasoningTokens: fc.nat(),
      cacheReadTokens: fc.nat(),
    }),
  })
  .map(({ parts, cut, usage }) => {
    const events: StreamEvent[] = [{ type: 'start', id: 'up_1', model: 'upstream' }];
    let calls = 0;
    let last = '';
    for (const part of parts) {
      if (part.type === 'calls') {
        const first = calls;
        for (const _ of part.arguments) {
          events.push({ type: 'tool_call', index: calls, id: `call_${calls}`, name: 'lookup' });
          calls += 1;
        }
        for (let round = 0; round < 10; round += 1) {
          for (const [index, pieces] of part.arguments.entries()) {
            const fragment = pieces[round];
            if (fragment !== undefined) events.push({ type: 'tool_arguments', index: first + index, fragment });
          }
        }
      } else {
        if (last === part.type) events.push({ type: 'part_end' });
        for (const text of part.fragments) events.push({ type: part.type, text });
        if (part.type === 'reasoning' && part.seal) events.push(part.seal);
      }
      last = part.type;
    }
    const reason = cut === 'stop' && calls > 0 ? ('tool_calls' as const) : cut;
    events.push({ type: 'finish', reason, stopSequence: null }, { type: 'usage', usage }, { type: 'end' });
    return events;
  });

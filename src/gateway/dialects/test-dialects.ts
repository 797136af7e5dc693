import { createParser } from 'eventsource-parser';
import * as fc from 'fast-check';
import type { JsonObject } from '../../common/json.js';
import {
  NO_USAGE,
  type AssistantPart,
  type Conversation,
  type ReasoningPart,
  type StreamEvent,
  type TokenUsage,
} from './conversation.js';
import type { Echo, Feature, ModelTraits, SseFrame, StreamReader } from './dialect.js';

const FEATURES: Feature[] = [
  'tools',
  'vision',
  'audio',
  'video',
  'documents',
  'json_object',
  'json_schema',
  'parallel_tools',
  'logprobs',
  'logit_bias',
  'penalties',
  'seed',
  'n',
  'top_k',
];

/** A model that can everything. */
export const ABLE: ModelTraits = {
  features: new Set(FEATURES),
  maxOutputTokens: 100_000,
  sampling: true,
  thinking: 'adaptive',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  forcedTools: true,
  prefill: true,
  maxTokensField: 'max_completion_tokens',
  systemRole: 'system',
  streamUsage: true,
  cacheMarks: true,
  reasoningField: 'reasoning_content',
};
export const without = (...missing: Feature[]): ModelTraits => ({
  ...ABLE,
  features: new Set(FEATURES.filter((feature) => !missing.includes(feature))),
});

export const ASKED: Conversation = {
  turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
  tools: [],
  stream: false,
  includeUsage: false,
  foreign: [],
};
export const asked = (over: Partial<Conversation>): Conversation => ({ ...ASKED, ...over });

export const echoOf = (conversation: Partial<Conversation> = {}, body: JsonObject = {}): Echo => ({
  suffix: '01kaz5nq6ne8ztxvt7vr5h0d9f',
  model: 'claude-sonnet',
  createdAt: 1_795_000_000,
  conversation: asked(conversation),
  body,
});

/** What stands in a stream, whichever way it was cut and interleaved. */
export interface Collected {
  parts: AssistantPart[];
  finish: string | null;
  stopSequence: string | null;
  usage: TokenUsage | null;
  ended: boolean;
}

export function collect(events: StreamEvent[]): Collected {
  const all: Collected = { parts: [], finish: null, stopSequence: null, usage: null, ended: false };
  const calls = new Map<number, Extract<AssistantPart, { type: 'tool_call' }>>();
  let refusal = '';
  let closed = false;
  const begin = <T extends AssistantPart>(part: T): T => {
    all.parts.push(part);
    closed = false;
    return part;
  };
  const lastOf = <T extends AssistantPart['type']>(type: T) => {
    const last = all.parts.at(-1);
    return last?.type === type && !closed ? (last as Extract<AssistantPart, { type: T }>) : undefined;
  };
  for (const event of events) {
    if (event.type === 'text') (lastOf('text') ?? begin({ type: 'text', text: '' })).text += event.text;
    else if (event.type === 'reasoning')
      (lastOf('reasoning') ?? begin<ReasoningPart>({ type: 'reasoning', text: '' })).text += event.text;
    else if (event.type === 'reasoning_signature') {
      (lastOf('reasoning') ?? begin<ReasoningPart>({ type: 'reasoning', text: '' })).signature = event.signature;
      closed = true;
    } else if (event.type === 'reasoning_sealed') {
      begin<ReasoningPart>({ type: 'reasoning', text: '', sealed: { by: event.by, data: event.data } });
      closed = true;
    } else if (event.type === 'part_end') closed = true;
    else if (event.type === 'refusal') refusal += event.text;
    else if (event.type === 'tool_call')
      calls.set(event.index, begin({ type: 'tool_call', id: event.id, name: event.name, arguments: '' }));
    else if (event.type === 'tool_arguments') {
      const call = calls.get(event.index);
      if (call === undefined) throw new Error(`arguments of call ${event.index}, which did not begin`);
      call.arguments += event.fragment;
    } else if (event.type === 'usage') all.usage = { ...(all.usage ?? NO_USAGE), ...event.usage };
    else if (event.type === 'finish') {
      all.finish = event.reason;
      all.stopSequence = event.stopSequence;
    } else if (event.type === 'end') all.ended = true;
  }
  if (refusal !== '') all.parts.push({ type: 'refusal', text: refusal });
  return all;
}

/** SSE bytes, cut anywhere, as frames. */
export function framesOf(text: string, cuts: number[] = []): SseFrame[] {
  const bytes = new TextEncoder().encode(text);
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  const frames: SseFrame[] = [];
  const parser = createParser({ onEvent: ({ event, data }) => void frames.push({ event: event ?? '', data }) });
  const decoder = new TextDecoder();
  let from = 0;
  for (const to of [...at, bytes.length]) {
    parser.feed(decoder.decode(bytes.subarray(from, to), { stream: true }));
    from = to;
  }
  return frames;
}

export const readAll = (reader: StreamReader, frames: SseFrame[]): StreamEvent[] =>
  frames.flatMap((frame) => reader.read(frame));

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
  fc.constantFrom('"model":"x"', 'data: [DONE]\n\n', '}{\\', '\u2028é🎉', ',"usage":null'),
);

type Step =
  | { do: 'text' | 'reasoning' | 'refusal'; text: string }
  | { do: 'end_part' | 'sign' }
  | { do: 'seal'; by: 'anthropic' | 'openai' }
  | { do: 'call'; name: string; pieces: string[] }
  | { do: 'fill'; which: number };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ do: fc.constantFrom('text', 'reasoning', 'refusal'), text }),
    fc.record({ do: fc.constantFrom('end_part', 'sign') }),
    fc.record({ do: fc.constant('seal'), by: fc.constantFrom('anthropic', 'openai') }),
    fc.record({
      do: fc.constant('call'),
      name: word,
      pieces: fc
        .tuple(fc.dictionary(word, fc.oneof(text, fc.integer())), fc.array(fc.nat(40), { maxLength: 3 }))
        .map(cutJson),
    }),
    fc.record({ do: fc.constant('fill'), which: fc.nat(5) }),
  ),
  { maxLength: 24 },
);

function cutJson([value, cuts]: [Record<string, unknown>, number[]]): string[] {
  const json = JSON.stringify(value);
  const at = [...new Set(cuts.map((cut) => cut % json.length))].toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => json.slice(from, at[index] ?? json.length)).filter((piece) => piece !== '');
}

const usage = fc.record({
  inputTokens: fc.integer({ min: 3000, max: 9000 }),
  cacheReadTokens: fc.nat(1000),
  cacheWriteTokens: fc.nat(1000),
  outputTokens: fc.integer({ min: 500, max: 9000 }),
  reasoningTokens: fc.nat(500),
});

/** Any legal stream of an upstream: parts in any order, calls side by side, usage before or after the end of the text. */
export const streams: fc.Arbitrary<StreamEvent[]> = fc
  .tuple(steps, usage, fc.constantFrom('stop', 'length', 'refusal'), fc.boolean())
  .map(([taken, counts, reason, early]) => eventsOf(taken, counts, reason, early));

function eventsOf(
  taken: Step[],
  counts: Partial<TokenUsage>,
  reason: 'stop' | 'length' | 'refusal',
  early: boolean,
): StreamEvent[] {
  const events: StreamEvent[] = [{ type: 'start', id: 'up-1', model: 'upstream' }];
  const open: { index: number; pieces: string[] }[] = [];
  let calls = 0;
  let refused = false;
  let last = '';
  for (const step of taken) {
    if (step.do === 'text' || step.do === 'reasoning') {
      events.push({ type: step.do, text: step.text });
      last = step.do;
    } else if (step.do === 'refusal') {
      events.push({ type: 'refusal', text: step.text });
      refused = true;
    } else if (step.do === 'end_part' && (last === 'text' || last === 'reasoning')) {
      const again = last;
      events.push({ type: 'part_end' }, { type: again, text: 'again' });
    } else if (step.do === 'sign' && last === 'reasoning') {
      events.push({ type: 'reasoning_signature', signature: 'c2ln' });
      last = '';
    } else if (step.do === 'seal') {
      events.push({ type: 'reasoning_sealed', by: step.by, data: 'c2VhbA' });
      last = '';
    } else if (step.do === 'call') {
      events.push({ type: 'tool_call', index: calls, id: `call_${calls}`, name: step.name });
      open.push({ index: calls, pieces: [...step.pieces] });
      calls += 1;
      last = '';
    } else if (step.do === 'fill' && open.length > 0) {
      const call = open[step.which % open.length];
      const fragment = call?.pieces.shift();
      if (call !== undefined && fragment !== undefined)
        events.push({ type: 'tool_arguments', index: call.index, fragment });
    }
  }
  for (const { index, pieces } of open)
    for (const fragment of pieces) events.push({ type: 'tool_arguments', index, fragment });
  if (early) events.push({ type: 'usage', usage: { ...counts, outputTokens: 1, reasoningTokens: 0 } });
  // A refusal in words is an end by refusal in Anthropic's API.
  const finish = refused ? 'refusal' : calls > 0 && reason === 'stop' ? 'tool_calls' : reason;
  events.push(
    { type: 'finish', reason: finish, stopSequence: null },
    { type: 'usage', usage: counts },
    { type: 'end' },
  );
  return events;
}

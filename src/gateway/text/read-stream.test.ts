import { array, assert, boolean, constantFrom, property, record, string, tuple } from 'fast-check';
import type { StreamEvent } from '../dialects/conversation.js';
import type { Dialect, SseFrame } from '../dialects/dialect.js';
import { DIALECTS } from '../dialects/index.js';
import { echoOf } from '../dialects/test-dialects.js';
import { sseOf } from '../dialects/sse.js';
import { showsOf } from './mould.js';
import { FrameReader } from './read-stream.js';

/** What the frames mean and how they are shown, from the wire in pieces of `size`; and how many were not parsed. */
function fromWire(frames: readonly SseFrame[], dialect: Dialect, size: number) {
  const reader = new FrameReader(dialect);
  const show = (frame: SseFrame): string => dialect.relay.frame(frame, echoOf());
  const wire = frames.map(sseOf).join('');
  const result = { read: [] as StreamEvent[], shown: '', fits: 0 };
  for (let at = 0; at < wire.length; at += size)
    for (const { frame, run, events } of reader.feed(wire.slice(at, at + size))) {
      result.fits += run?.texts.length ?? 0;
      result.read.push(...(run ? run.texts.map((text) => ({ type: 'text' as const, text })) : events));
      result.shown += run ? showsOf(run.mould, show)(run) : show(frame);
    }
  return result;
}

function oneByOne(frames: readonly SseFrame[], dialect: Dialect): { read: StreamEvent[]; shown: string } {
  const reader = dialect.reader();
  return {
    read: frames.flatMap((frame) => reader.read(frame)),
    shown: frames.map((frame) => dialect.relay.frame(frame, echoOf())).join(''),
  };
}

/** Words, and what must not be taken for words. */
const text = constantFrom('a', ' paper', 'é😀', '', '"', '\\', 'a"content":"b', '\n', '\u2028', '{', '"}}', 'null');
const shapes = record({
  also: constantFrom<object>(
    {},
    { role: 'assistant' },
    { refusal: null },
    { reasoning_content: 'so' },
    { content_: 'x' },
  ),
  finish: constantFrom(null, null, null, 'stop'),
  usage: constantFrom<unknown>(undefined, null, null, { prompt_tokens: 1, completion_tokens: 2 }),
  isPadded: boolean(),
  isTextLast: boolean(),
  note: constantFrom(undefined, 'x', '"content":"y"'),
});
/** Chunks of one shape after the other, with several texts each. */
const chatFrames = array(tuple(shapes, array(tuple(text, constantFrom('', 'x', 'aB3')), { maxLength: 5 })), {
  maxLength: 4,
}).map((runs) =>
  runs.flatMap(([{ also, finish, usage, isPadded, isTextLast, note }, texts]) =>
    texts.map(([content, padding]): SseFrame => {
      const delta = isTextLast ? { ...also, content } : { content, ...also };
      const choices = [{ index: 0, delta, finish_reason: finish }];
      const head = { id: 'c-1', model: 'up-model', note };
      const last = { usage, obfuscation: isPadded ? padding : undefined };
      const chunk = isTextLast ? { ...head, choices, ...last } : { choices, ...head, ...last };
      return { event: '', data: JSON.stringify(chunk, null, note === 'x' ? 1 : undefined) };
    }),
  ),
);

const messagesFrame = tuple(
  text,
  constantFrom('content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_stop'),
  boolean(),
).map(([content, type, isNamed]): SseFrame => {
  const more = {
    content_block_start: { content_block: { type: 'text', text: content } },
    content_block_delta: { delta: { type: 'text_delta', text: content } },
    content_block_stop: {},
  }[type];
  return { event: isNamed ? type : '', data: JSON.stringify({ type, index: 0, ...more }) };
});

const sizes = constantFrom(7, 300, 2000, 1_000_000);

it('means and shows the same as chat chunks that are parsed one by one', () => {
  let fits = 0;
  assert(
    property(chatFrames, sizes, (frames, size) => {
      const { fits: some, ...result } = fromWire(frames, DIALECTS.chat, size);
      fits += some;
      expect(result).toEqual(oneByOne(frames, DIALECTS.chat));
    }),
  );
  expect(fits).toBeGreaterThan(0);
});

it('means and shows the same as events of messages that are parsed one by one', () => {
  let fits = 0;
  assert(
    property(array(messagesFrame, { maxLength: 12 }), sizes, (frames, size) => {
      const { fits: some, ...result } = fromWire(frames, DIALECTS.messages, size);
      fits += some;
      expect(result).toEqual(oneByOne(frames, DIALECTS.messages));
    }),
  );
  expect(fits).toBeGreaterThan(0);
});

it('takes any text that comes in a known mould for that text', () => {
  const frameOf = (content: string): SseFrame => ({
    event: '',
    data: JSON.stringify({ id: 'c-1', choices: [{ index: 0, delta: { content } }] }),
  });
  assert(
    property(array(string({ unit: 'grapheme' }), { maxLength: 12 }), sizes, (texts, size) => {
      const frames = ['start', 'first', ...texts].map(frameOf);
      const { fits: _fits, ...result } = fromWire(frames, DIALECTS.chat, size);
      expect(result).toEqual(oneByOne(frames, DIALECTS.chat));
    }),
  );
});

it('reads lines that end otherwise, and events that are long, as the parser does', () => {
  const long = JSON.stringify({ id: 'c-1', choices: [{ index: 0, delta: { content: 'x'.repeat(200_000) } }] });
  const wire = `data: ${long}\n\n: ping\n\ndata: ${long}\r\n\r\ndata: [DONE]\r\n\r\n`;
  const reader = new FrameReader(DIALECTS.chat);
  const events: StreamEvent[] = [];
  for (let at = 0; at < wire.length; at += 50_000)
    for (const read of reader.feed(wire.slice(at, at + 50_000))) events.push(...read.events);
  expect(events.map(({ type }) => type)).toEqual(['start', 'text', 'text', 'end']);
});

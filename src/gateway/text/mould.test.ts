import { array, assert, boolean, constantFrom, property, record, string, tuple } from 'fast-check';
import type { StreamEvent } from '../dialects/conversation.js';
import type { Dialect, SseFrame } from '../dialects/dialect.js';
import { DIALECTS } from '../dialects/index.js';
import { echoOf } from '../dialects/test-dialects.js';
import { castIn, type Mould, mouldOf, shownMould } from './mould.js';

/** What each frame means and how it is shown, with moulds; and whether any frame fitted one. */
function throughMoulds(
  frames: readonly SseFrame[],
  dialect: Dialect,
): { read: StreamEvent[][]; shown: string[]; fits: number } {
  const reader = dialect.reader();
  const show = (frame: SseFrame): string => dialect.relay.frame(frame, echoOf());
  const result = { read: [] as StreamEvent[][], shown: [] as string[], fits: 0 };
  let mould: Mould | null = null;
  for (const frame of frames) {
    const cast = mould && castIn(mould, frame);
    const parts = cast && shownMould(cast.mould, show);
    if (cast && parts) {
      result.fits += 1;
      result.read.push([{ type: 'text', text: cast.text }]);
      result.shown.push(parts[0] + cast.text + parts[1] + cast.padding + parts[2]);
      continue;
    }
    const events = reader.read(frame);
    mould = mouldOf(frame, events, dialect);
    result.read.push(events);
    result.shown.push(show(frame));
  }
  return result;
}

function throughReader(frames: readonly SseFrame[], dialect: Dialect): { read: StreamEvent[][]; shown: string[] } {
  const reader = dialect.reader();
  return {
    read: frames.map((frame) => reader.read(frame)),
    shown: frames.map((frame) => dialect.relay.frame(frame, echoOf())),
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

it('means and shows the same as chat chunks that are parsed one by one', () => {
  let fits = 0;
  assert(
    property(chatFrames, (frames) => {
      const { fits: some, ...result } = throughMoulds(frames, DIALECTS.chat);
      fits += some;
      expect(result).toEqual(throughReader(frames, DIALECTS.chat));
    }),
  );
  expect(fits).toBeGreaterThan(0);
});

it('means and shows the same as events of messages that are parsed one by one', () => {
  let fits = 0;
  assert(
    property(array(messagesFrame, { maxLength: 12 }), (frames) => {
      const { fits: some, ...result } = throughMoulds(frames, DIALECTS.messages);
      fits += some;
      expect(result).toEqual(throughReader(frames, DIALECTS.messages));
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
    property(array(string(), { maxLength: 12 }), (texts) => {
      const frames = ['start', 'first', ...texts].map(frameOf);
      const { fits: _fits, ...result } = throughMoulds(frames, DIALECTS.chat);
      expect(result).toEqual(throughReader(frames, DIALECTS.chat));
    }),
  );
});

import type { StreamEvent } from '../dialects/conversation.js';
import type { Dialect, SseFrame } from '../dialects/dialect.js';

/**
 * What the frames of a text have in common: everything but the text, and the padding that OpenAI adds against guessing
 * tokens by their length. Only text without quotes, escapes and control characters fits, so a frame that does is the same
 * JSON with another string in it, and is understood without parsing.
 */
export interface Mould {
  event: string;
  before: string;
  /** Between the text and the padding, or all that follows the text. */
  after: string;
  /** What follows the padding; '' where there is none. */
  end: string;
}

/** A frame as its mould and what was poured into it. */
export interface Cast {
  mould: Mould;
  text: string;
  padding: string;
}

/** Text that stands in JSON as it is. */
const PLAIN = /^[^"\\\p{Cc}]*$/u;
const PADDED = /^(.*"obfuscation"\s*:\s*")[^"\\]*("\s*\})$/s;

/**
 * The mould of a frame whose only meaning is text; null where it is more, or another shape. The text's field must be the
 * only one of its name, so that the event can have come from nowhere else.
 */
export function mouldOf({ event, data }: SseFrame, events: readonly StreamEvent[], dialect: Dialect): Mould | null {
  const { textDelta } = dialect;
  const [only] = events;
  if (textDelta === null || events.length !== 1 || only?.type !== 'text' || !PLAIN.test(only.text)) return null;
  if (data.includes('\\') || !data.includes(textDelta.mark)) return null;
  const [field, another] = data.matchAll(textDelta.field);
  if (field === undefined || another !== undefined) return null;
  const at = field.index + field[0].length;
  if (!data.startsWith(`${only.text}"`, at)) return null;
  const rest = data.slice(at + only.text.length);
  const [, after, end] = PADDED.exec(rest) ?? [];
  return { event, before: data.slice(0, at), after: after ?? rest, end: end ?? '' };
}

/** Null: the frame is to be read. An empty text is no event, and so does not fit. */
export function castIn(mould: Mould, { event, data }: SseFrame): Cast | null {
  const { before, after, end } = mould;
  if (event !== mould.event || !data.startsWith(before) || !data.endsWith(end)) return null;
  const at = end === '' ? data.length - after.length : data.lastIndexOf(after);
  if (at <= before.length || !data.startsWith(after, at)) return null;
  const text = data.slice(before.length, at);
  const padding = end === '' ? '' : data.slice(at + after.length, data.length - end.length);
  return PLAIN.test(text) && PLAIN.test(padding) ? { mould, text, padding } : null;
}

const TEXT_HERE = '\uE000';
const PADDING_HERE = '\uE001';

/** How a relay shows the frames of a mould: what stands before the text, after it, and after the padding. */
export function shownMould(
  { event, before, after, end }: Mould,
  show: (frame: SseFrame) => string,
): [string, string, string] | null {
  const padding = end === '' ? '' : PADDING_HERE;
  const parts = show({ event, data: before + TEXT_HERE + after + padding + end }).split(TEXT_HERE);
  const [first, rest = ''] = parts;
  const [middle = '', last = '', more] = padding === '' ? [rest] : rest.split(padding);
  const isWhole = parts.length === 2 && more === undefined && (padding === '' || rest.includes(padding));
  return isWhole && first !== undefined ? [first, middle, last] : null;
}

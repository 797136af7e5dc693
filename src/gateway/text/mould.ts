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
  /** From the text's closing quote to the end, or to the padding. */
  after: string;
  /** From the padding's closing quote to the end; '' where there is none. */
  end: string;
}

/** Frames of one mould that came one after the other. */
export interface Run {
  mould: Mould;
  texts: string[];
  /** One for each text where the mould has an end, else none. */
  paddings: string[];
}

/** Text that stands in JSON as it is. */
const PLAIN = /^[^"\\\p{Cc}]+$/u;
const PADDED = /^(.*"obfuscation"\s*:\s*")[^"\\]*("\s*\})$/s;

/**
 * The mould of a frame whose only meaning is text; null where it is more, or another shape. The text's field must be the
 * only one of its name, so that the event can have come from nowhere else.
 */
export function mouldOf({ event, data }: SseFrame, events: readonly StreamEvent[], dialect: Dialect): Mould | null {
  const { textDelta } = dialect;
  const [only] = events;
  if (textDelta === null || events.length !== 1 || only?.type !== 'text' || !PLAIN.test(only.text)) return null;
  if (/[\\\n]/.test(data) || !data.includes(textDelta.mark)) return null;
  const [field, another] = data.matchAll(textDelta.field);
  if (field === undefined || another !== undefined) return null;
  const at = field.index + field[0].length;
  if (!data.startsWith(`${only.text}"`, at)) return null;
  const rest = data.slice(at + only.text.length);
  const [, after, end] = PADDED.exec(rest) ?? [];
  return { event, before: data.slice(0, at), after: after ?? rest, end: end ?? '' };
}

/** Reads frames of a mould off the wire, as long as they come in the plainest form of an event. */
export function runsOf(mould: Mould): (wire: string, from: number) => { run: Run; end: number } | null {
  const head = `${mould.event === '' ? '' : `event: ${mould.event}\n`}data: ${mould.before}`;
  const isPadded = mould.end !== '';
  const after = isPadded ? mould.after : `${mould.after}\n\n`;
  const last = `${mould.end}\n\n`;
  return (wire, from) => {
    const run: Run = { mould, texts: [], paddings: [] };
    let end = from;
    while (wire.startsWith(head, end)) {
      const at = end + head.length;
      const quote = wire.indexOf('"', at);
      if (quote === -1 || !wire.startsWith(after, quote)) break;
      let next = quote + after.length;
      if (isPadded) {
        const paddingAt = next;
        const close = wire.indexOf('"', paddingAt);
        if (close === -1 || !wire.startsWith(last, close)) break;
        const padding = wire.slice(paddingAt, close);
        if (padding !== '' && !PLAIN.test(padding)) break;
        next = close + last.length;
        if (!PLAIN.test(wire.slice(at, quote))) break;
        run.paddings.push(padding);
      } else if (!PLAIN.test(wire.slice(at, quote))) break;
      run.texts.push(wire.slice(at, quote));
      end = next;
    }
    return end === from ? null : { run, end };
  };
}

/** Shows runs of a mould as a relay would show their frames one by one. */
export function showsOf(mould: Mould, show: (frame: SseFrame) => string): (run: Run) => string {
  const { event, before, after, end } = mould;
  const [TEXT, PADDING] = ['\uE000', '\uE001'];
  const [first, rest, ...more] = show({ event, data: before + TEXT + after + (end === '' ? '' : PADDING + end) }).split(
    TEXT,
  );
  const [middle, last, ...others] = (rest ?? '').split(PADDING);
  const isWhole =
    rest !== undefined && more.length === 0 && others.length === 0 && (last === undefined) === (end === '');
  if (!isWhole || first === undefined || middle === undefined)
    return ({ texts, paddings }) =>
      texts.map((text, n) => show({ event, data: before + text + after + (paddings[n] ?? '') + end })).join('');
  if (last === undefined) return ({ texts }) => first + texts.join(middle + first) + middle;
  return ({ texts, paddings }) => texts.map((text, n) => [first, text, middle, paddings[n], last].join('')).join('');
}

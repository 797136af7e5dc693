/** A transcript as whisper writes it: words and segments with times, which the text is spread over. */

export interface Word {
  /** With the punctuation around it, as it stands in the text. */
  token: string;
  /** Without. */
  word: string;
  start: number;
  end: number;
}

export interface Segment {
  id: number;
  start: number;
  end: number;
  /** As it stands in the text, punctuation included, trimmed. */
  text: string;
  words: Word[];
}

const MAX_SEGMENT_WORDS = 12;

const inHundredths = (seconds: number): number => Math.round(seconds * 100) / 100;

/** Sentences, and pieces of those that are too long for a subtitle. */
function piecesOf(text: string): string[][] {
  const pieces: string[][] = [];
  let piece: string[] = [];
  for (const token of text.split(/\s+/).filter((one) => one !== '')) {
    piece.push(token);
    if (/[.!?…。]["'”’)]*$/.test(token) || piece.length >= MAX_SEGMENT_WORDS) {
      pieces.push(piece);
      piece = [];
    }
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}

const bare = (token: string): string => token.replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '') || token;

/** Spreads a text over a recording's length, every word by its letters. Times are seconds, to the hundredth. */
export function layOut(text: string, seconds: number): Segment[] {
  const pieces = piecesOf(text);
  const letters = pieces.flat().reduce((sum, token) => sum + token.length, 0);
  let spoken = 0;
  const timeNow = () => (letters === 0 ? 0 : inHundredths((spoken / letters) * seconds));
  return pieces.map((tokens, id) => {
    const start = timeNow();
    const words = tokens.map((token) => {
      const begun = timeNow();
      spoken += token.length;
      return { token, word: bare(token), start: begun, end: timeNow() };
    });
    return { id, start, end: timeNow(), text: tokens.join(' '), words };
  });
}

/** `HH:MM:SS,mmm`; WebVTT has a point before the milliseconds. */
function stamp(seconds: number, separator: ',' | '.'): string {
  const ms = Math.round(seconds * 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const clock = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map(two).join(':');
  return `${clock}${separator}${String(ms % 1000).padStart(3, '0')}`;
}

export function toSrt(segments: readonly Segment[]): string {
  return segments
    .map(({ id, start, end, text }) => `${id + 1}\n${stamp(start, ',')} --> ${stamp(end, ',')}\n${text}\n\n`)
    .join('');
}

export function toVtt(segments: readonly Segment[]): string {
  const cues = segments.map(({ start, end, text }) => `${stamp(start, '.')} --> ${stamp(end, '.')}\n${text}\n\n`);
  return `WEBVTT\n\n${cues.join('')}`;
}

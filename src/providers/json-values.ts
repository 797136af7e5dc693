import { PassThrough, Readable } from 'node:stream';
import { ProviderError } from './contract.js';

/** Longest JSON kept besides the values. */
const TEXT_MAX_BYTES = 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const LETTER_U = 0x75;
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

export interface ScanEvents {
  /** Bytes outside the values. */
  text(chunk: Buffer): unknown;
  begin(index: number): void;
  /** Part of the `index`-th value, unescaped. */
  value(index: number, part: Buffer): void;
  end(index: number): void;
}

/**
 * Reads a JSON document in chunks and takes the string values of one key out of it as they pass, in constant
 * memory. Chunks may end anywhere.
 */
export class ValueScanner {
  private state: 'outside' | 'string' | 'value' = 'outside';
  /** Characters of an escape that has begun: `\`, `\u00`… */
  private escape = '';
  /** Last whole string seen, while only space has followed it. */
  private candidate: string | null = null;
  private collected = '';
  private keySeen = false;
  private index = 0;

  constructor(
    private readonly key: string,
    private readonly events: ScanEvents,
  ) {}

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.state === 'value' ? this.inValue(chunk, at) : this.inText(chunk, at);
  }

  /** Throws when the document ended inside a string. */
  finish(): void {
    if (this.state !== 'outside')
      throw new ProviderError('internal', 'unknown', 'the answer ended in the middle of a value');
  }

  private inText(chunk: Buffer, from: number): number {
    let at = from;
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (this.state === 'string') this.stringByte(byte);
      else if (byte === QUOTE && this.keySeen) {
        this.state = 'value';
        this.keySeen = false;
        this.events.text(chunk.subarray(from, at + 1));
        this.events.begin(this.index);
        return at + 1;
      } else this.outsideByte(byte);
    }
    this.events.text(chunk.subarray(from, at));
    return at;
  }

  private stringByte(byte: number): void {
    if (this.escape) this.escape = '';
    else if (byte === BACKSLASH) this.escape = '\\';
    else if (byte === QUOTE) {
      this.candidate = this.collected;
      this.state = 'outside';
    } else if (this.collected.length <= this.key.length) this.collected += String.fromCharCode(byte);
  }

  private outsideByte(byte: number): void {
    if (isSpace(byte)) return;
    if (byte === QUOTE) {
      this.state = 'string';
      this.collected = '';
    }
    this.keySeen = byte === COLON && this.candidate === this.key;
    this.candidate = null;
  }

  private inValue(chunk: Buffer, from: number): number {
    if (this.escape) return this.escapeByte(chunk, from);
    const quote = chunk.indexOf(QUOTE, from);
    const backslash = chunk.indexOf(BACKSLASH, from);
    const stop = Math.min(quote < 0 ? chunk.length : quote, backslash < 0 ? chunk.length : backslash);
    if (stop > from) this.events.value(this.index, chunk.subarray(from, stop));
    if (stop === quote) {
      this.events.end(this.index);
      this.index += 1;
      this.state = 'outside';
      // The closing quote belongs to the text that is kept.
      this.events.text(chunk.subarray(stop, stop + 1));
    } else if (stop === backslash) this.escape = '\\';
    return stop + 1;
  }

  /** Writers may escape `/` as `\/` and `=` as `\u003d`. */
  private escapeByte(chunk: Buffer, at: number): number {
    const byte = chunk[at] ?? 0;
    this.escape += String.fromCharCode(byte);
    if (this.escape.length === 2 && byte !== LETTER_U) {
      if (byte === 0x2f) this.events.value(this.index, Buffer.from('/'));
      this.escape = '';
    } else if (this.escape.length === 6) {
      this.events.value(this.index, Buffer.from(String.fromCharCode(Number.parseInt(this.escape.slice(2), 16))));
      this.escape = '';
    }
    return at + 1;
  }
}

/**
 * Reads a document up to the first value of `key`, and no further: a result of hundreds of megabytes that stands in a status
 * answer is not downloaded to learn that it is there. Without such a value, `text` is the whole document.
 */
export async function readToValue(
  body: Readable,
  key: string,
): Promise<{ reached: true } | { reached: false; text: string }> {
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let reached = false;
  const scanner = new ValueScanner(key, {
    text: (chunk) => {
      keptBytes += chunk.length;
      if (keptBytes > TEXT_MAX_BYTES) throw new ProviderError('internal', 'unknown', 'the answer is too long');
      kept.push(Buffer.from(chunk));
    },
    begin: () => {
      reached = true;
    },
    value: () => undefined,
    end: () => undefined,
  });
  for await (const chunk of body) {
    scanner.push(chunk as Buffer);
    // Leaving the loop closes the body.
    if (reached) return { reached };
  }
  scanner.finish();
  return { reached: false, text: Buffer.concat(kept).toString('utf8') };
}

/**
 * A document with the string values of `key` left empty, as it passes: for what nobody reads and may be as long as a
 * result.
 */
export const withoutValues = (body: Readable, key: string): Readable =>
  Readable.from(emptied(body, key), { objectMode: false });

async function* emptied(body: Readable, key: string): AsyncGenerator<Buffer> {
  let kept: Buffer[] = [];
  const scanner = new ValueScanner(key, {
    text: (chunk) => kept.push(chunk),
    begin: () => undefined,
    value: () => undefined,
    end: () => undefined,
  });
  for await (const chunk of body) {
    scanner.push(chunk as Buffer);
    yield* kept;
    kept = [];
  }
  scanner.finish();
}

async function* decode(body: Readable, key: string, ordinal: number): AsyncGenerator<Buffer> {
  let carry = '';
  let ready: Buffer[] = [];
  let found = false;
  const scanner = new ValueScanner(key, {
    text: () => undefined,
    begin: () => undefined,
    value: (index, part) => {
      if (index !== ordinal) return;
      const text = carry + part.toString('latin1');
      const whole = text.length - (text.length % 4);
      carry = text.slice(whole);
      if (whole > 0) ready.push(Buffer.from(text.slice(0, whole), 'base64'));
    },
    end: (index) => {
      if (index !== ordinal) return;
      found = true;
      if (carry) ready.push(Buffer.from(carry, 'base64'));
    },
  });
  for await (const chunk of body) {
    scanner.push(chunk as Buffer);
    yield* ready;
    ready = [];
    if (found) return;
  }
  scanner.finish();
  throw new ProviderError('not_found', 'unknown', 'the answer holds the result no more');
}

/**
 * Takes every base64 value of `key` out of a document as it arrives, each decoded into `take` as a stream. Answers the
 * document with empty values in their places, and what `take` made of each, in order. A document that ends early throws.
 */
export async function takeValues<T>(
  body: Readable,
  key: string,
  take: (value: Readable, index: number) => Promise<T>,
): Promise<{ text: string; values: T[] }> {
  const kept: Buffer[] = [];
  let keptBytes = 0;
  const values: Promise<T>[] = [];
  let sink: PassThrough | null = null;
  let carry = '';
  const scanner = new ValueScanner(key, {
    text: (chunk) => {
      keptBytes += chunk.length;
      if (keptBytes > TEXT_MAX_BYTES) throw new ProviderError('internal', 'unknown', 'the answer is too long');
      kept.push(Buffer.from(chunk));
    },
    begin: (index) => {
      sink = new PassThrough();
      carry = '';
      const taken = take(sink, index);
      // A taker that fails first is heard when all are awaited.
      taken.catch(() => undefined);
      values.push(taken);
    },
    value: (_index, part) => {
      const text = carry + part.toString('latin1');
      const whole = text.length - (text.length % 4);
      carry = text.slice(whole);
      if (whole > 0) sink?.write(Buffer.from(text.slice(0, whole), 'base64'));
    },
    end: () => {
      sink?.end(Buffer.from(carry, 'base64'));
      sink = null;
    },
  });
  try {
    for await (const chunk of body) {
      scanner.push(chunk as Buffer);
      await drained(sink);
    }
    scanner.finish();
  } catch (error) {
    // The assignment in `begin` is out of the compiler's sight.
    (sink as PassThrough | null)?.destroy(error as Error);
    await Promise.allSettled(values);
    throw error;
  }
  return { text: Buffer.concat(kept).toString('utf8'), values: await Promise.all(values) };
}

/** A reader slower than the answer holds it back. One that gave up does not: its error is heard later. */
async function drained(sink: PassThrough | null): Promise<void> {
  if (!sink?.writableNeedDrain || sink.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      sink.off('drain', done).off('close', done);
      resolve();
    };
    sink.once('drain', done).once('close', done);
  });
}

/** The `ordinal`-th value of `key`, decoded from base64 as it arrives. */
export const decodeValue = (body: Readable, key: string, ordinal: number): Readable =>
  Readable.from(decode(body, key, ordinal), { objectMode: false });

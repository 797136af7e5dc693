import type { Readable } from 'node:stream';
import { createParser } from 'eventsource-parser';
import { messageOf } from '../../common/errors.js';
import { ProviderError } from '../../providers/contract.js';
import type { StreamEvent } from '../dialects/conversation.js';
import type { Dialect, SseFrame } from '../dialects/dialect.js';
import { mouldOf, type Run, runsOf } from './mould.js';
import { FRAME_MAX_CHARS } from './sse.js';

/** One frame as it came and as it was read, or a run of frames that bring text alone, read as all of it. */
export type Read =
  | { frame: SseFrame; run: null; events: StreamEvent[] }
  | { frame: null; run: Run; events: [{ type: 'text'; text: string }] };

/** A beginning of an event that is longer goes to the parser, and so does all that follows. */
const REST_MAX_CHARS = 64 * 1024;

/**
 * An upstream's server-sent events, as many at a time as came together. Bytes that are no UTF-8 become U+FFFD; half an event
 * at the end is none.
 */
export async function* readStream(body: Readable, dialect: Dialect): AsyncGenerator<Read[], void> {
  const reader = new FrameReader(dialect);
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    const reads = reader.feed(decoder.decode(chunk as Buffer, { stream: true }));
    if (reads.length > 0) yield reads;
  }
}

/** Parses what has to be: of a text's frames the first, and those that are more than the next piece of it. */
export class FrameReader {
  private reads: Read[] = [];
  /** Text after the last whole event; the parser has not seen it. */
  private rest = '';
  private pendingChars = 0;
  /** False once events are too long, or their lines end otherwise, to be told apart here. */
  private isPlain = true;
  private runs: ReturnType<typeof runsOf> | null = null;
  private readonly reader;
  private readonly parser = createParser({
    onEvent: ({ event = '', data }) => {
      this.pendingChars = 0;
      this.read({ event, data });
    },
  });

  constructor(private readonly dialect: Dialect) {
    this.reader = dialect.reader();
  }

  /** Throws ProviderError for an event without end. */
  feed(text: string): Read[] {
    this.reads = [];
    const wire = this.rest + text;
    this.rest = '';
    if (this.isPlain && text.includes('\r')) this.isPlain = false;
    const from = this.isPlain ? this.readPlain(wire) : 0;
    const left = from === 0 ? wire : wire.slice(from);
    if (this.isPlain && left.length <= REST_MAX_CHARS) this.rest = left;
    else {
      this.isPlain = false;
      this.pendingChars += left.length;
      this.parser.feed(left);
      if (this.reads.length === 0 && this.pendingChars > FRAME_MAX_CHARS)
        throw new ProviderError('internal', 'rejected', `an event of more than ${FRAME_MAX_CHARS} characters`);
    }
    return this.reads;
  }

  /** Whole events; where the rest begins. */
  private readPlain(wire: string): number {
    for (let at = 0; ;) {
      const found = this.runs?.(wire, at);
      if (found) {
        const { run, end } = found;
        this.reads.push({ frame: null, run, events: [{ type: 'text', text: run.texts.join('') }] });
        at = end;
      }
      const end = wire.indexOf('\n\n', at);
      if (end === -1) return at;
      this.parser.feed(wire.slice(at, end + 2));
      at = end + 2;
    }
  }

  private read(frame: SseFrame): void {
    try {
      const events = this.reader.read(frame);
      const mould = mouldOf(frame, events, this.dialect);
      if (mould !== null) this.runs = runsOf(mould);
      // A piece of text with a quote in it fits no mould, and changes none.
      else if (events.length !== 1 || events[0]?.type !== 'text') this.runs = null;
      this.reads.push({ frame, run: null, events });
    } catch (error) {
      // What came before it is good.
      this.runs = null;
      this.reads.push({
        frame,
        run: null,
        events: [{ type: 'fault', fault: { message: messageOf(error), code: null } }],
      });
    }
  }
}

import type { Readable } from 'node:stream';
import { createParser } from 'eventsource-parser';
import { ProviderError } from '../../providers/contract.js';
import type { SseFrame } from '../dialects/dialect.js';

/** One event is text of at most this: a picture inlined by a server that means well. */
export const FRAME_MAX_CHARS = 32 * 1024 * 1024;

/**
 * An upstream's server-sent events, as many at a time as came together. Bytes that are no UTF-8 become U+FFFD; half an event
 * at the end is none.
 */
export async function* framesOf(body: Readable): AsyncGenerator<SseFrame[], void> {
  let batch: SseFrame[] = [];
  let pendingChars = 0;
  const parser = createParser({
    onEvent: ({ event = '', data }) => {
      pendingChars = 0;
      batch.push({ event, data });
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    const text = decoder.decode(chunk as Buffer, { stream: true });
    pendingChars += text.length;
    parser.feed(text);
    if (batch.length > 0) {
      yield batch;
      batch = [];
    } else if (pendingChars > FRAME_MAX_CHARS) {
      throw new ProviderError('internal', 'rejected', `an event of more than ${FRAME_MAX_CHARS} characters`);
    }
  }
}

/** A frame as it goes to a client. */
export const frameText = ({ event, data }: SseFrame): string =>
  `${event === '' ? '' : `event: ${event}\n`}data: ${data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data}\n\n`;

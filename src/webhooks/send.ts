import type { Readable } from 'node:stream';
import { type Egress, EgressError, type EgressResponse } from '../egress/egress.js';
import { parseRetryAfterMs } from './backoff.js';

/** For the whole exchange: connecting, the answer's headers and what is kept of its body. */
const TIMEOUT_MS = 15_000;
const RESPONSE_BYTES = 1024;
const GONE = 410;
/** Names and values, of what is kept of an answer's headers. */
const HEADERS_CHARS = 4096;
/** Of the answer: they are for the sender, not for whoever reads the log. */
const UNSHOWN_HEADER = /cookie|auth|token|secret/;

export interface Sent {
  delivered: boolean;
  /** 410, or a receiver that is no more: nothing further is wanted there. */
  gone: boolean;
  /** Until the answer was read, or given up. */
  durationMs: number;
  /** As they were sent; empty where the message never left. */
  requestHeaders: Record<string, string>;
  responseStatus: number | null;
  responseHeaders: Record<string, string>;
  responseBody: string | null;
  error: string | null;
  retryAfterMs: number | null;
  /** The message did not leave, for a reason that the receiver is not to blame for. */
  isOurFault: boolean;
}

export const notSent = (error: string, { isOurFault = false } = {}): Sent => ({
  delivered: false,
  gone: false,
  isOurFault,
  durationMs: 0,
  requestHeaders: {},
  responseStatus: null,
  responseHeaders: {},
  responseBody: null,
  error,
  retryAfterMs: null,
});

/** One POST to a receiver. Only 2xx is delivered; a redirect is a failure, since its target was never agreed to. Never throws. */
export async function send(
  egress: Egress,
  url: string,
  headers: Record<string, string>,
  body: string,
  now: () => Date,
): Promise<Sent> {
  const begun = performance.now();
  const tookMs = (): number => Math.round(performance.now() - begun);
  try {
    const response = await egress.foreign(url, {
      method: 'POST',
      headers,
      body,
      timeoutMs: TIMEOUT_MS,
      maxRedirects: 0,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { ...(await toSent(response, now())), requestHeaders: headers, durationMs: tookMs() };
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    // The signal and the egress' own timer stand for the same limit.
    const why = error.reason === 'aborted' ? `no answer within ${TIMEOUT_MS} ms` : error.message;
    return { ...notSent(why), requestHeaders: headers, durationMs: tookMs() };
  }
}

async function toSent(response: EgressResponse, now: Date): Promise<Omit<Sent, 'requestHeaders' | 'durationMs'>> {
  const { status } = response;
  const delivered = status >= 200 && status < 300;
  const redirected = status >= 300 && status < 400;
  return {
    delivered,
    gone: status === GONE,
    isOurFault: false,
    responseStatus: status,
    responseHeaders: shownHeaders(response.headers),
    responseBody: await beginningOf(response.body),
    error: delivered ? null : `the receiver answered ${status}${redirected ? '; redirects are not followed' : ''}`,
    retryAfterMs: delivered ? null : parseRetryAfterMs(response.headers.get('retry-after'), now),
  };
}

/** At most RESPONSE_BYTES of text. The status has decided already, so a body that breaks off is cut there. */
async function beginningOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > RESPONSE_BYTES) break;
    }
  } catch {
    // What came before it broke is kept.
  }
  return storableText(Buffer.concat(chunks));
}

/** Headers for the log, as many as HEADERS_CHARS hold. */
export function shownHeaders(headers: Headers): Record<string, string> {
  const shown: [string, string][] = [];
  let chars = 0;
  for (const [name, value] of headers) {
    if (UNSHOWN_HEADER.test(name)) continue;
    chars += name.length + value.length;
    if (chars > HEADERS_CHARS) break;
    shown.push([name, value]);
  }
  return Object.fromEntries(shown);
}

/** PostgreSQL's text holds no NUL; bytes that are not UTF-8 grow when replaced, hence the second cut. */
export function storableText(bytes: Uint8Array): string {
  const cut = (input: Uint8Array): string =>
    new TextDecoder().decode(input.subarray(0, RESPONSE_BYTES), { stream: input.length > RESPONSE_BYTES });
  return cut(new TextEncoder().encode(cut(bytes).replaceAll('\0', '')));
}

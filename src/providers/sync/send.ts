import type { EgressOptions } from '../../egress/egress.js';
import { ProviderError } from '../contract.js';
import { fromTransport } from '../http-errors.js';
import type { SyncCall, SyncContext, SyncCredential, SyncResponse } from './contract.js';
import { syncError } from './error.js';

/** Longest body of an answer that is not streamed: pictures and vectors in JSON. */
const ANSWER_MAX_BYTES = 256 * 1024 * 1024;
/** An hour of speech as WAV is no more. */
const STREAM_MAX_BYTES = 4 * 1024 ** 3;

/** The key of a credential that is one. */
export function keyOf(credential: SyncCredential | null): string | null {
  if (credential === null) return null;
  if (credential.kind === 'api_key') return credential.key;
  if (credential.kind === 'bearer') return credential.token;
  throw new ProviderError('auth', 'rejected', 'the provider takes a key');
}

/** One POST whose answer is still to be read. */
export async function post(
  url: string,
  options: Pick<EgressOptions, 'headers' | 'body'>,
  call: Pick<SyncCall, 'stream' | 'kind' | 'timeoutMs' | 'idleTimeoutMs'>,
  ctx: SyncContext,
): Promise<SyncResponse> {
  const streams = call.stream || call.kind === 'speech';
  let answer;
  try {
    answer = await ctx.fetch(url, {
      method: 'POST',
      signal: ctx.signal,
      timeoutMs: call.timeoutMs,
      idleTimeoutMs: call.idleTimeoutMs,
      maxBytes: streams ? STREAM_MAX_BYTES : ANSWER_MAX_BYTES,
      ...options,
    });
    if (answer.status >= 200 && answer.status < 300)
      return { contentType: answer.headers.get('content-type'), headers: answer.headers, body: answer.body };
    throw syncError({ status: answer.status, headers: answer.headers, text: await answer.text() }, ctx.now());
  } catch (error) {
    throw fromTransport(error, 'buys');
  }
}

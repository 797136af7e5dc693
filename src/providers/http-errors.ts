import { messageOf } from '../common/errors.js';
import { EgressError, type EgressReason } from '../egress/egress.js';
import { ProviderError, type ProviderErrorKind } from './contract.js';

/**
 * What a call does, which decides what its failure means for money: `prepares` buys nothing (an upload), `buys` starts a
 * generation, `reads` asks about one that was started.
 */
export type Effect = 'prepares' | 'buys' | 'reads';

/** Longest part of a provider's body kept for ops. */
export const RAW_MAX_CHARS = 4096;

/** Outcome of a call that failed after the peer may have seen it. */
export const outcomeAfterSending = (effect: Effect): 'rejected' | 'unknown' =>
  effect === 'prepares' ? 'rejected' : 'unknown';

const NEVER_SENT: ReadonlySet<EgressReason> = new Set(['blocked', 'dns', 'connect', 'tls']);

function kindOfReason(reason: EgressReason): ProviderErrorKind {
  switch (reason) {
    case 'timeout':
    case 'aborted':
      return 'timeout';
    case 'too_large':
      return 'internal';
    case 'blocked':
    case 'dns':
    case 'connect':
    case 'reset':
    case 'redirect':
    case 'tls':
      return 'unavailable';
  }
}

/** A call that got no answer. */
export function fromTransport(error: unknown, effect: Effect): ProviderError {
  if (error instanceof ProviderError) return error;
  if (!(error instanceof EgressError))
    return new ProviderError('internal', outcomeAfterSending(effect), messageOf(error), { cause: error });
  const unsent = !error.sent || NEVER_SENT.has(error.reason);
  const outcome = unsent && effect !== 'reads' ? 'rejected' : outcomeAfterSending(effect);
  return new ProviderError(kindOfReason(error.reason), outcome, error.message, { cause: error });
}

/** `Retry-After` in seconds or as a date, in milliseconds from `nowMs`. */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Math.round(Number(value) * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Meaning of a status where the provider's own body says no more. */
export function kindOfStatus(status: number): ProviderErrorKind {
  if (status === 400 || status === 413 || status === 415 || status === 422) return 'invalid_input';
  if (status === 401 || status === 403) return 'auth';
  if (status === 402) return 'quota';
  if (status === 404 || status === 410) return 'not_found';
  if (status === 408 || status === 504) return 'timeout';
  if (status === 429) return 'rate_limited';
  return status >= 502 ? 'unavailable' : 'internal';
}

/** Whether this status proves that nothing was started: the server looked and refused. */
const isRefusal = (status: number): boolean => status < 500 && status !== 408;

export interface HttpAnswer {
  status: number;
  headers: Headers;
  text: string;
}

export function fromStatus(answer: HttpAnswer, effect: Effect, nowMs: number, message?: string): ProviderError {
  const refused = isRefusal(answer.status) && effect !== 'reads';
  return new ProviderError(
    kindOfStatus(answer.status),
    refused ? 'rejected' : outcomeAfterSending(effect),
    message ?? `HTTP ${answer.status}`,
    {
      upstreamStatus: answer.status,
      retryAfterMs: retryAfterMs(answer.headers, nowMs),
      raw: answer.text.slice(0, RAW_MAX_CHARS),
    },
  );
}

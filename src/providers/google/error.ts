import type { EgressResponse } from '../../egress/egress.js';
import { ProviderError, type ProviderErrorKind } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import { fromStatus, kindOfStatus, RAW_MAX_CHARS, retryAfterMs, type Effect, type HttpAnswer } from '../http-errors.js';
import { errorBody } from './wire.js';

/** A refused prompt comes as INVALID_ARGUMENT; only its text tells it from a wrong field. */
const POLICY_TEXT = /usage guidelines|responsible ai|safety|content polic|prohibited|violat|sensitive words/i;
/** Limits that a minute does not lift. */
const EXHAUSTED_TEXT = /per.?day|daily|spend|billing|tier|prepay|credit/i;

/** `30s` or `1.5s`, as google.protobuf.Duration is written. */
function durationMs(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)s$/.exec(text ?? '');
  return match ? Math.round(Number(match[1]) * 1000) : undefined;
}

function kindOf(httpStatus: number, status: string, message: string, reasons: string[]): ProviderErrorKind {
  switch (status) {
    case 'INVALID_ARGUMENT':
      if (reasons.includes('API_KEY_INVALID') || /api key not valid/i.test(message)) return 'auth';
      return POLICY_TEXT.test(message) ? 'content_policy' : 'invalid_input';
    case 'FAILED_PRECONDITION':
      return 'quota';
    case 'RESOURCE_EXHAUSTED':
      return EXHAUSTED_TEXT.test(message) ? 'quota' : 'rate_limited';
    case 'NOT_FOUND':
      return 'not_found';
    case 'UNAVAILABLE':
      return 'unavailable';
    case 'DEADLINE_EXCEEDED':
      return 'timeout';
    default:
      return kindOfStatus(httpStatus);
  }
}

/** A refusal whose body may be lost as well. */
export const answerOf = async (response: EgressResponse): Promise<HttpAnswer> => ({
  status: response.status,
  headers: response.headers,
  text: await response.text().catch(() => ''),
});

/**
 * An HTTP error of any wire. There is no idempotency key, so on a submit a 5xx leaves open whether work was started;
 * only Google's own UNAVAILABLE envelope says that the call was turned away, which a proxy's bare 503 does not.
 */
export function toError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const body = parseMaybe(errorBody, answer.text);
  if (body === null) return fromStatus(answer, effect, nowMs);
  const { status = '', message = `HTTP ${answer.status}`, details = [] } = body.error;
  const turnedAway = answer.status < 500 || (answer.status === 503 && status === 'UNAVAILABLE');
  const reasons = details.flatMap((detail) => (detail.reason ? [detail.reason] : []));
  const retryDelay = details.map((detail) => durationMs(detail.retryDelay)).find((ms) => ms !== undefined);
  return new ProviderError(
    kindOf(answer.status, status, message, reasons),
    turnedAway && effect !== 'reads' ? 'rejected' : 'unknown',
    message,
    {
      upstreamStatus: answer.status,
      retryAfterMs: retryDelay ?? retryAfterMs(answer.headers, nowMs),
      raw: answer.text.slice(0, RAW_MAX_CHARS),
    },
  );
}

const BY_RPC_CODE: Readonly<Record<number, ProviderErrorKind>> = {
  3: 'invalid_input',
  4: 'timeout',
  5: 'not_found',
  7: 'auth',
  8: 'rate_limited',
  9: 'quota',
  14: 'unavailable',
  16: 'auth',
};

/** The `error` of a finished operation (numeric google.rpc code). A failed operation is not billed. */
export function operationError(error: { code?: number; message?: string }): ProviderError {
  const message = error.message ?? `operation failed with code ${error.code ?? 'none'}`;
  const kind = BY_RPC_CODE[error.code ?? 0] ?? 'internal';
  return new ProviderError(
    kind === 'invalid_input' && POLICY_TEXT.test(message) ? 'content_policy' : kind,
    'rejected',
    message,
  );
}

/** Everything was filtered: `done` without an error and without a video. Not billed. */
export function filteredError(reasons: string[]): ProviderError {
  const why = reasons.length > 0 ? `: ${reasons.join('; ').slice(0, 500)}` : '';
  return new ProviderError('content_policy', 'rejected', `the provider's content filter withheld the video${why}`);
}

import { ProviderError, type ProviderErrorKind } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import { fromStatus, kindOfStatus, RAW_MAX_CHARS, retryAfterMs, type Effect, type HttpAnswer } from '../http-errors.js';
import { errorBody } from './wire.js';

/**
 * Codes are dotted and grow by suffixes ("InvalidParameter.TaskTypeConstraint"), so the first pattern that fits counts. The
 * wording of messages differs by model and is never read.
 */
const KINDS: readonly (readonly [RegExp, ProviderErrorKind])[] = [
  // InputTextSensitiveContentDetected, OutputVideoSensitiveContentDetected.PolicyViolation, …
  [/SensitiveContentDetected|RiskDetection|PolicyViolation/, 'content_policy'],
  [/^(AccountOverdue|SetLimitExceeded|QuotaExceeded|InsufficientBalance|AccountInsufficient)/, 'quota'],
  [/RateLimitExceeded|^RequestBurstTooFast|^InflightBatchsizeExceeded|^TooManyRequests/, 'rate_limited'],
  [/^(ServerOverloaded|ModelLoadingError|ServiceUnavailable)/, 'unavailable'],
  // Not activated for this account, or not there: another route may have the model.
  [/^(ModelNotOpen|ModelNotFound|InvalidEndpoint)/, 'not_found'],
  [/^(Authentication|AccessDenied|Unauthorized|InvalidApiKey|InvalidAccessKey)/, 'auth'],
  [/^(InvalidParameter|MissingParameter|InvalidArgument|Invalid\w*URL)/, 'invalid_input'],
  [/^Internal/, 'internal'],
];

const kindOfCode = (code: string): ProviderErrorKind | null =>
  KINDS.find(([pattern]) => pattern.test(code))?.[1] ?? null;

/** An HTTP error. There is no idempotency key, so on a create a 5xx leaves open whether a task was made. */
export function toError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const body = parseMaybe(errorBody, answer.text);
  const code = body?.error?.code ?? body?.code ?? '';
  const message = body?.error?.message ?? body?.message ?? undefined;
  if (!code) return fromStatus(answer, effect, nowMs, message ?? undefined);
  const refused = answer.status < 500 && answer.status !== 408 && effect !== 'reads';
  return new ProviderError(
    kindOfCode(code) ?? kindOfStatus(answer.status),
    refused || effect === 'prepares' ? 'rejected' : 'unknown',
    message ? `${code}: ${message}` : code,
    {
      upstreamStatus: answer.status,
      retryAfterMs: retryAfterMs(answer.headers, nowMs),
      raw: answer.text.slice(0, RAW_MAX_CHARS),
    },
  );
}

/** `error` of a task that failed, told under HTTP 200. Only tasks that succeed are billed. */
export function taskError(error: { code?: string | null; message?: string | null } | null | undefined): ProviderError {
  const code = error?.code ?? '';
  const text = [code, error?.message].filter(Boolean).join(': ') || 'the task failed without a reason';
  return new ProviderError(kindOfCode(code) ?? 'internal', 'rejected', text.slice(0, 500));
}

/** Statuses that end a task without a result and without a bill. */
export const expiredError = (): ProviderError =>
  new ProviderError('timeout', 'rejected', 'the task expired before it was done');
export const cancelledError = (): ProviderError =>
  new ProviderError('internal', 'rejected', 'the task was cancelled at the provider');

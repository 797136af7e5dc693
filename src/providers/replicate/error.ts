import { ProviderError, type ProviderErrorKind } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import {
  fromStatus,
  kindOfStatus,
  outcomeAfterSending,
  RAW_MAX_CHARS,
  retryAfterMs,
  type Effect,
  type HttpAnswer,
} from '../http-errors.js';
import { errorBody } from './wire.js';

/**
 * Refusals of content have no code of Replicate's own: the models' filters write prose ("All generated images contained NSFW
 * content", "flagged as sensitive … (E005)").
 */
const POLICY_TEXT =
  /\bnsfw\b|flagged|\bE005\b|content polic|content moderation|sensitive (?:content|words)|usage guidelines/i;
const THROTTLED_TEXT = /resets in ~?(\d+(?:\.\d+)?)\s*s/i;

function kindOfFailure(text: string): ProviderErrorKind {
  if (POLICY_TEXT.test(text)) return 'content_policy';
  // Replicate could not read a file of the input, or the model refused a value.
  if (/^\s*input validation error/i.test(text)) return 'invalid_input';
  if (/out of memory|\bE1001\b/i.test(text)) return 'internal';
  if (/timed? ?out|deadline|\bE6716\b/i.test(text)) return 'timeout';
  if (/interrupted|please retry|unavailable/i.test(text)) return 'unavailable';
  return 'internal';
}

/** The `error` of a failed prediction: prose, or JSON. Only a block is known not to be billed. */
export function failure(error: unknown): ProviderError {
  const text =
    typeof error === 'string' && error.trim() !== '' ? error : JSON.stringify(error ?? 'the prediction failed');
  const kind = kindOfFailure(text);
  return new ProviderError(kind, kind === 'content_policy' ? 'rejected' : 'unknown', text.slice(0, 500));
}

/** `Retry-After`, or the seconds that the message names. */
function throttledMs(answer: HttpAnswer, detail: string, nowMs: number): number | undefined {
  const named = THROTTLED_TEXT.exec(detail)?.[1];
  return retryAfterMs(answer.headers, nowMs) ?? (named === undefined ? undefined : Math.round(Number(named) * 1000));
}

function kindOf(status: number, title: string, detail: string, hasFields: boolean): ProviderErrorKind {
  if (status === 400 || status === 422) {
    if (POLICY_TEXT.test(`${title} ${detail}`)) return 'content_policy';
    // A version that does not exist is the catalog's mistake, not the client's.
    if (!hasFields && /\bversion\b/i.test(title)) return 'not_found';
  }
  return kindOfStatus(status);
}

/** An HTTP error. There is no idempotency key, so on a create a 5xx leaves open whether a prediction was made. */
export function toError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const body = parseMaybe(errorBody, answer.text);
  if (body === null) return fromStatus(answer, effect, nowMs);
  const { title, detail, invalid_fields: fields } = body;
  const refused = answer.status < 500 && answer.status !== 408 && effect !== 'reads';
  const message = detail?.trim() || title?.trim() || `HTTP ${answer.status}`;
  return new ProviderError(
    kindOf(answer.status, title ?? '', detail ?? '', (fields ?? []).length > 0),
    refused ? 'rejected' : outcomeAfterSending(effect),
    message,
    {
      upstreamStatus: answer.status,
      retryAfterMs: throttledMs(answer, detail ?? '', nowMs),
      raw: answer.text.slice(0, RAW_MAX_CHARS),
    },
  );
}

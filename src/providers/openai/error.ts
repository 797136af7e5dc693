import { ProviderError, type ProviderErrorKind } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import { kindOfStatus, RAW_MAX_CHARS, retryAfterMs, type Effect, type HttpAnswer } from '../http-errors.js';
import { errorBody, type Failure } from './wire.js';

/**
 * Kinds by `error.code`, else by `error.type`. `moderation_blocked` stands in OpenAI's documentation; the others are what
 * its API and gateways have been seen to say.
 */
const BY_WORD: Readonly<Record<string, ProviderErrorKind>> = {
  moderation_blocked: 'content_policy',
  content_policy_violation: 'content_policy',
  content_filter: 'content_policy',
  safety_violation: 'content_policy',
  insufficient_quota: 'quota',
  billing_hard_limit_reached: 'quota',
  billing_not_active: 'quota',
  rate_limit_exceeded: 'rate_limited',
  model_not_found: 'not_found',
  invalid_api_key: 'auth',
};

/** Refusals for content that carry no code. */
const POLICY_TEXT = /safety system|content polic|moderation|guardrail/i;
/** What a 503 says where the request was turned away at the door; a proxy's bare 503 proves nothing. */
const OVERLOADED_TEXT = /overloaded|slow down/i;

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `6m0s`, `1.5s` or `20ms`, as `x-ratelimit-reset-*` are written. */
function durationMs(text: string | null): number | undefined {
  const whole = text?.trim() ?? '';
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(whole)) return undefined;
  const parts = [...whole.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  return Math.round(parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNITS_MS[unit] ?? 0), 0));
}

/** When to come back: `retry-after-ms`, else `retry-after`, else when the limit that is used up is filled again. */
function waitMs(headers: Headers, nowMs: number): number | undefined {
  const exact = headers.get('retry-after-ms')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(exact)) return Math.round(Number(exact));
  const said = retryAfterMs(headers, nowMs);
  if (said !== undefined) return said;
  const resets = ['requests', 'tokens']
    .filter((limit) => headers.get(`x-ratelimit-remaining-${limit}`)?.trim() === '0')
    .map((limit) => durationMs(headers.get(`x-ratelimit-reset-${limit}`)) ?? 0);
  return resets.length > 0 ? Math.max(...resets) : undefined;
}

function wordOf({ code, type }: Failure): ProviderErrorKind | undefined {
  return [code, type].flatMap((word) => (typeof word === 'string' ? (BY_WORD[word] ?? []) : []))[0];
}

function kindOf({ status, headers }: HttpAnswer, said: Failure): ProviderErrorKind {
  const known = wordOf(said);
  if (known) return known;
  if (status === 400 && POLICY_TEXT.test(said.message ?? '')) return 'content_policy';
  // Waiting does not lift this one: OpenAI tells an exhausted account from a full minute by this header alone.
  if (status === 429 && headers.get('x-should-retry') === 'false') return 'quota';
  return status === 409 ? 'unavailable' : kindOfStatus(status);
}

/**
 * An error answer of either wire. No call has an idempotency key, so on a submit a 5xx leaves open whether something was
 * bought; only a 503 that says it is overloaded was turned away.
 */
export function toError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const said = parseMaybe(errorBody, answer.text)?.error ?? {};
  const kind = kindOf(answer, said);
  const refused =
    (answer.status >= 400 && answer.status < 500 && answer.status !== 408) ||
    (answer.status === 503 && OVERLOADED_TEXT.test(said.message ?? '')) ||
    kind === 'content_policy';
  return new ProviderError(
    kind,
    refused && effect !== 'reads' ? 'rejected' : 'unknown',
    said.message ?? `HTTP ${answer.status}`,
    {
      upstreamStatus: answer.status,
      retryAfterMs: waitMs(answer.headers, nowMs),
      ...fieldOf(said),
      raw: answer.text.slice(0, RAW_MAX_CHARS),
    },
  );
}

/** Fields of this wire by their names in a request; clients are told no other. */
const FIELDS: Readonly<Record<string, string>> = {
  prompt: 'prompt',
  seconds: 'duration_seconds',
  input_reference: 'image',
  image: 'images',
  'image[]': 'images',
  mask: 'mask',
  n: 'n',
  quality: 'quality',
  background: 'background',
  output_format: 'output_format',
};

const fieldOf = ({ param }: Failure): { param?: string } => {
  const field = FIELDS[param ?? ''];
  return field === undefined ? {} : { param: field };
};

/** Headers that came inside of JSON: only what can be one. */
function headersOf(record: Record<string, string> | null | undefined): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(record ?? {}))
    if (/^[\w-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value)) headers.set(name, value);
  return headers;
}

/** The `error` of a video that failed. Whether a failed run is billed is not documented; one that was blocked is not. */
export function taskError(said: Failure | null | undefined, nowMs: number): ProviderError {
  const failed = said ?? {};
  const message = failed.message ?? 'the video failed without a reason';
  const byText = POLICY_TEXT.test(message) ? 'content_policy' : undefined;
  const refusedInput = failed.type === 'invalid_request_error' ? 'invalid_input' : 'internal';
  const kind = wordOf(failed) ?? byText ?? refusedInput;
  return new ProviderError(kind, kind === 'content_policy' ? 'rejected' : 'unknown', message, {
    retryAfterMs: waitMs(headersOf(failed.headers), nowMs),
    ...fieldOf(failed),
    raw: JSON.stringify(failed).slice(0, RAW_MAX_CHARS),
  });
}

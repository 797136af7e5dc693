import { ProviderError, type ProviderErrorKind } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import { fromStatus, kindOfStatus, RAW_MAX_CHARS, retryAfterMs, type Effect, type HttpAnswer } from '../http-errors.js';
import { envelope } from './wire.js';

/** Kling's error codes. The HTTP status tells less: money, limits and the list of addresses are all 429. */
const KIND_BY_CODE: Readonly<Record<number, ProviderErrorKind>> = {
  1000: 'auth',
  1001: 'auth',
  1002: 'auth',
  1003: 'auth',
  1004: 'auth',
  /** Account locked, in arrears, package used up or over: only people can mend that. */
  1100: 'quota',
  1101: 'quota',
  1102: 'quota',
  /** The account has not bought this model; the key itself is good. */
  1103: 'quota',
  1200: 'invalid_input',
  1201: 'invalid_input',
  1202: 'not_found',
  1203: 'not_found',
  1300: 'content_policy',
  1301: 'content_policy',
  1302: 'rate_limited',
  1303: 'rate_limited',
  1304: 'auth',
  5000: 'internal',
  5001: 'unavailable',
  5002: 'timeout',
};

/** A parameter error by its code, and the only word there is that the task does not exist on the legacy wire. */
const INVALID_PARAMETER = 1201;
const NO_RESOURCE = 1203;
const TOKEN_TIME: readonly number[] = [1003, 1004];
const AUTH_INVALID = 1002;

/** What the envelope says, whatever the status; null where Kling itself did not answer. */
export const envelopeOf = (answer: HttpAnswer): { code: number; message: string } | null => {
  const body = parseMaybe(envelope, answer.text);
  return body === null ? null : { code: body.code, message: body.message ?? '' };
};

/** Kling's own word that it has no such task. A bare 404 may come from anything on the way. */
export function saysNoSuchTask(answer: HttpAnswer): boolean {
  const said = envelopeOf(answer);
  if (said === null) return false;
  return said.code === NO_RESOURCE || (said.code === INVALID_PARAMETER && /not (found|exist)/i.test(said.message));
}

/** The external task id was used before: what this token buys is there already. */
export function saysTokenIsTaken(answer: HttpAnswer): boolean {
  const said = envelopeOf(answer);
  return (
    said?.code === INVALID_PARAMETER && /external.?task.?id.*(already|exist|duplicat|unique|repeat)/i.test(said.message)
  );
}

/** A signed token that is too young or too old for Kling's clock. */
export const saysTokenTime = (answer: HttpAnswer): boolean => TOKEN_TIME.includes(envelopeOf(answer)?.code ?? 0);

/** Answered to a pair of keys on the current wire, which takes API keys only. */
export const saysWrongCredential = (answer: HttpAnswer): boolean => envelopeOf(answer)?.code === AUTH_INVALID;

/** A refusal is one by Kling's code where it gave one: all codes below 5000 say that no task was made. */
function isRefusal(code: number, status: number): boolean {
  if (code in KIND_BY_CODE) return code < 5000;
  return status >= 400 && status < 500 && status !== 408;
}

/** An error of either wire, also with HTTP 200. A server's own failure leaves open whether a task was made. */
export function toError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const said = envelopeOf(answer);
  if (said === null) return fromStatus(answer, effect, nowMs);
  const { code, message } = said;
  const kind = KIND_BY_CODE[code] ?? (answer.status >= 400 ? kindOfStatus(answer.status) : 'internal');
  const refused = isRefusal(code, answer.status) && effect !== 'reads';
  return new ProviderError(kind, refused || effect === 'prepares' ? 'rejected' : 'unknown', message || `code ${code}`, {
    upstreamStatus: answer.status,
    retryAfterMs: retryAfterMs(answer.headers, nowMs),
    raw: answer.text.slice(0, RAW_MAX_CHARS),
  });
}

/** Throws for every answer that is no success by its status and, where it has one, its code. */
export function throwUnlessGood(answer: HttpAnswer, effect: Effect, nowMs: number): void {
  if (answer.status !== 200 || (envelopeOf(answer)?.code ?? 0) !== 0) throw toError(answer, effect, nowMs);
}

/** Texts of Kling's content control; there is no code on a failed task. */
const POLICY_TEXT =
  /risk.?control|content (risk|safety|security|polic)|sensitive|violat|prohibited|inappropriate|moderation|community (guideline|polic)|风控|敏感|违规/i;

/**
 * A run that failed. Whether a failed run is billed is not documented: it is where the task says so. One that content control
 * stopped made nothing.
 */
export function runError(message: string | null | undefined, upstreamCostMicroUsd?: number): ProviderError {
  const text = message?.trim() || 'the task failed without a reason';
  return POLICY_TEXT.test(text)
    ? new ProviderError('content_policy', 'rejected', text.slice(0, 500), { upstreamCostMicroUsd })
    : new ProviderError('internal', 'unknown', text.slice(0, 500), { upstreamCostMicroUsd });
}

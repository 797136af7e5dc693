import { ProviderError } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import {
  fromStatus,
  kindOfStatus,
  outcomeAfterSending,
  RAW_MAX_CHARS,
  type Effect,
  type HttpAnswer,
} from '../http-errors.js';
import { errorBody } from './wire.js';

/** Real HTTP errors are FastAPI's `{"detail": …}`; 429 is a full queue. */
export function toError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const body = parseMaybe(errorBody, answer.text);
  const detail =
    typeof body?.detail === 'string'
      ? body.detail
      : body?.detail === undefined
        ? body?.error
        : JSON.stringify(body.detail);
  return fromStatus(answer, effect, nowMs, detail ?? undefined);
}

/** A wrapped error: HTTP 200 whose envelope says otherwise. */
export function envelopeError(
  code: number,
  error: string | null | undefined,
  text: string,
  effect: Effect,
): ProviderError {
  return new ProviderError(
    kindOfStatus(code),
    code < 500 && effect !== 'reads' ? 'rejected' : outcomeAfterSending(effect),
    error ?? `the server answered code ${code}`,
    { upstreamStatus: code, raw: text.slice(0, RAW_MAX_CHARS) },
  );
}

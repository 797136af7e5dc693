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
import { failure, kilnRefusal, runpodException, runpodRefusal, type Failure } from './wire.js';

const MESSAGE_MAX_CHARS = 500;

/** Error codes of the contract. */
const BY_CODE: Readonly<Record<string, ProviderErrorKind>> = {
  INVALID_INPUT: 'invalid_input',
  CONTENT_POLICY: 'content_policy',
  OOM: 'unavailable',
  TIMEOUT: 'timeout',
  DRAINING: 'unavailable',
  INTERNAL: 'internal',
};

const kindOfCode = (code: string | null | undefined): ProviderErrorKind | undefined =>
  typeof code === 'string' ? BY_CODE[code.toUpperCase()] : undefined;

/**
 * Contract: a call that was refused. 503 is the server's own word for "not now", or that of a proxy that has no server to give
 * the call to; other 5xx leave open what was accepted.
 */
export function kilnError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const { error, state, eta_s: eta } = parseMaybe(kilnRefusal, answer.text) ?? {};
  const turnedAway = answer.status < 500 || answer.status === 503;
  const isVerdict = answer.status === 400 || answer.status === 422;
  const message = error?.message ?? (state ? `the server is ${state}` : `HTTP ${answer.status}`);
  return new ProviderError(
    (isVerdict ? kindOfCode(error?.code) : undefined) ?? kindOfStatus(answer.status),
    turnedAway && answer.status !== 408 && effect !== 'reads' ? 'rejected' : outcomeAfterSending(effect),
    message.slice(0, MESSAGE_MAX_CHARS),
    {
      upstreamStatus: answer.status,
      retryAfterMs: retryAfterMs(answer.headers, nowMs) ?? (typeof eta === 'number' ? eta * 1000 : undefined),
      param: error?.param ?? undefined,
      raw: answer.text.slice(0, RAW_MAX_CHARS),
    },
  );
}

/** RunPod: a call that was refused. Nothing says what a 5xx left behind. */
export function runpodError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const body = parseMaybe(runpodRefusal, answer.text);
  const text = body?.error ?? body?.detail ?? body?.message ?? body?.title;
  return fromStatus(answer, effect, nowMs, text?.slice(0, MESSAGE_MAX_CHARS) || undefined);
}

/** Contract: a run that failed. Own hardware: nothing was bought. */
export function runFailure(error: Failure | null | undefined): ProviderError {
  const kind = kindOfCode(error?.code) ?? (error?.retryable ? 'unavailable' : 'internal');
  const message = error?.message ?? error?.code ?? 'the run failed and does not say why';
  return new ProviderError(kind, 'rejected', message.slice(0, MESSAGE_MAX_CHARS), {
    param: error?.param ?? undefined,
  });
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}

/**
 * RunPod: a run that failed. `error` is the contract's error as JSON where the worker follows docs/gpu-endpoint.md, RunPod's
 * account of an exception, or a text. The seconds it ran are billed, but for a verdict on the input.
 */
export function runpodFailure(error: unknown): ProviderError {
  const value = parsed(error);
  const told = failure.safeParse(value).data;
  if (told && kindOfCode(told.code) !== undefined) {
    const { kind, message, detail } = runFailure(told);
    const verdict = kind === 'invalid_input' || kind === 'content_policy';
    return new ProviderError(kind, verdict ? 'rejected' : 'unknown', message, detail);
  }
  const exception = runpodException.safeParse(value).data;
  const text = exception?.error_message ?? (typeof error === 'string' && error !== '' ? error : 'the worker failed');
  return new ProviderError(
    /out of memory/i.test(text) ? 'unavailable' : 'internal',
    'unknown',
    text.slice(0, MESSAGE_MAX_CHARS),
    { raw: JSON.stringify(error ?? null).slice(0, RAW_MAX_CHARS) },
  );
}

import type { z } from 'zod';
import { ProviderError, type ProviderErrorKind } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import {
  kindOfStatus,
  outcomeAfterSending,
  RAW_MAX_CHARS,
  retryAfterMs,
  type Effect,
  type HttpAnswer,
} from '../http-errors.js';
import { errorBody } from './wire.js';

/** What the platform says (`error_type`, X-Fal-Error-Type) and what a model says (`detail[].type`). */
const BY_TYPE: Readonly<Record<string, ProviderErrorKind>> = {
  content_policy_violation: 'content_policy',
  request_timeout: 'timeout',
  startup_timeout: 'timeout',
  generation_timeout: 'timeout',
  runner_scheduling_failure: 'unavailable',
  runner_connection_timeout: 'unavailable',
  runner_disconnected: 'unavailable',
  runner_connection_refused: 'unavailable',
  runner_connection_error: 'unavailable',
  runner_incomplete_response: 'unavailable',
  downstream_service_error: 'unavailable',
  downstream_service_unavailable: 'unavailable',
  runner_server_error: 'internal',
  internal_error: 'internal',
  internal_server_error: 'internal',
  no_media_generated: 'internal',
  client_disconnected: 'internal',
  client_cancelled: 'internal',
  bad_request: 'invalid_input',
};

/** A key that is good but has no money left answers 403. */
const EXHAUSTED_TEXT = /exhausted balance|insufficient (?:balance|credits?|funds)|user is locked|top up/i;
const POLICY_TEXT = /content polic|safety (?:system|checker|filter)|flagged (?:as|by|for)|violates? .*polic/i;

/** Parameters of fal, by the field of the request that they come from. */
const FIELD_OF: Readonly<Record<string, string>> = {
  image_url: 'image',
  start_image_url: 'image',
  first_frame_url: 'image',
  end_image_url: 'last_image',
  last_frame_url: 'last_image',
  image_urls: 'images',
  mask_image_url: 'mask',
  video_urls: 'reference_videos',
  audio_urls: 'reference_audios',
  audio_url: 'audio',
  tags: 'prompt',
  duration: 'duration_seconds',
  num_frames: 'duration_seconds',
  image_size: 'size',
  num_images: 'n',
};

interface Reading {
  message: string | undefined;
  types: string[];
  param: string | undefined;
}

function read(body: z.output<typeof errorBody> | null): Reading {
  const { detail, error_type: type, error, message } = body ?? {};
  const entries = Array.isArray(detail) ? detail : typeof detail === 'object' && detail ? [detail] : [];
  const at = entries[0]?.loc?.filter((part) => part !== 'body').find((part) => typeof part === 'string');
  const param = typeof at === 'string' ? (FIELD_OF[at] ?? at) : undefined;
  const listed = entries
    .map(({ msg, loc }) => [loc?.filter((part) => part !== 'body').join('.'), msg].filter(Boolean).join(': '))
    .filter((text) => text !== '')
    .join('; ');
  const errorText = typeof error === 'string' ? error : error?.message;
  return {
    message: (typeof detail === 'string' ? detail : listed) || errorText || message || undefined,
    types: [...entries.map((entry) => entry.type), type].filter((one): one is string => Boolean(one)),
    param,
  };
}

function kindOf(status: number, types: string[], message: string, retryable: string | null): ProviderErrorKind {
  const known = types.map((type) => BY_TYPE[type]).find((kind) => kind !== undefined);
  if (known !== undefined) return known;
  if (status === 403 && EXHAUSTED_TEXT.test(message)) return 'quota';
  const kind = kindOfStatus(status);
  if (kind !== 'invalid_input') return kind;
  if (POLICY_TEXT.test(message)) return 'content_policy';
  // A model that calls its refusal retryable did not mean the request.
  return retryable === 'true' ? 'unavailable' : kind;
}

function errorOf(answer: HttpAnswer, outcome: 'rejected' | 'unknown', nowMs: number): ProviderError {
  const { message = `HTTP ${answer.status}`, types, param } = read(parseMaybe(errorBody, answer.text));
  const header = answer.headers.get('x-fal-error-type');
  const all = header ? [...types, header] : types;
  return new ProviderError(
    kindOf(answer.status, all, message, answer.headers.get('x-fal-retryable')),
    outcome,
    message,
    {
      upstreamStatus: answer.status,
      retryAfterMs: retryAfterMs(answer.headers, nowMs),
      ...(param !== undefined && { param }),
      raw: answer.text.slice(0, RAW_MAX_CHARS),
    },
  );
}

/** An answer of the queue itself. No idempotency key exists, so a submit that ended in 5xx may have been taken. */
export function toError(answer: HttpAnswer, effect: Effect, nowMs: number): ProviderError {
  const refused = answer.status < 500 && answer.status !== 408 && effect !== 'reads';
  return errorOf(answer, refused ? 'rejected' : outcomeAfterSending(effect), nowMs);
}

/** Whether an answer in place of the result is the run's own end, and not the queue's or a proxy's trouble. */
export function isVerdict(answer: HttpAnswer): boolean {
  if (answer.headers.get('x-fal-error-type') || answer.headers.get('x-fal-retryable')) return true;
  const body = parseMaybe(errorBody, answer.text);
  return body !== null && (typeof body.detail === 'object' || Boolean(body.error_type)) && body.detail !== null;
}

/** The run ended with this answer. Errors of fal's side are not billed; a 4xx may be where the GPU had run. */
export function runError(answer: HttpAnswer, nowMs: number): ProviderError {
  const error = errorOf(answer, 'rejected', nowMs);
  return error.kind === 'invalid_input' ? new ProviderError(error.kind, 'unknown', error.message, error.detail) : error;
}

/** The run ended with an error that only the status tells. */
export function statusError(error: unknown, type: string | null | undefined): ProviderError {
  const text = typeof error === 'string' && error !== '' ? error : JSON.stringify(error ?? type ?? 'failed');
  const kind = BY_TYPE[type ?? ''] ?? (POLICY_TEXT.test(text) ? 'content_policy' : 'internal');
  return new ProviderError(kind, 'rejected', text.slice(0, 500));
}

import { conflict, KilnError } from '../../common/errors.js';
import type { JobRow } from '../../jobs/store/rows.js';
import { facadeWord } from './facade-words.js';

/** Job errors that say something of the media that the client sent. */
const MEDIA_CODES = new Set([
  'media_expired',
  'wrong_kind',
  'unusable_media',
  'damaged',
  'animated',
  'too_large',
  'too_many_pixels',
  'unknown_type',
  'timeout',
  'missing',
  'url_refused',
  'url_blocked',
  'url_unreachable',
]);

/**
 * A failed or canceled job as an answer of OpenAI's API. What the input is to blame for is 400 (a policy's refusal with the code
 * `moderation_blocked`) or, for referenced media, 422. Anything else is 503 where asking again may help and 500 where it does
 * not. A canceled job is 409: someone wanted it so, and an SDK must not make another.
 */
export function jobFailure(
  job: Pick<JobRow, 'id' | 'status' | 'error'>,
  names: Readonly<Record<string, string>> = {},
): KilnError {
  if (job.status === 'canceled') return conflict(`Job ${job.id} was canceled.`);
  const { code, message, param, retryable } = job.error ?? {
    code: 'unknown',
    message: 'It has failed.',
    param: null,
    retryable: false,
  };
  const text = `Job ${job.id} failed (${code}): ${message}`;
  const detail = { param: param === null ? null : wordOf(param, names), shouldRetry: false };
  if (code === 'content_policy')
    return new KilnError(400, 'invalid_request_error', text, { ...detail, code: 'moderation_blocked' });
  if (code === 'invalid_input') return new KilnError(400, 'invalid_request_error', text, detail);
  if (MEDIA_CODES.has(code) && param !== null) return new KilnError(422, 'unusable_media', text, detail);
  if (retryable)
    return new KilnError(503, 'unavailable', text, { param: detail.param, retryAfterSeconds: RETRY_SECONDS });
  return new KilnError(500, 'internal_error', text, detail);
}

const RETRY_SECONDS = 5;

/** Providers' refusals name the field alone, Kiln's own the way to it. */
const wordOf = (param: string, names: Readonly<Record<string, string>>): string | null =>
  facadeWord(/^input(\.|$)/.test(param) ? param : `input.${param}`, names);

import { jitter, MINUTE_MS, SECOND_MS } from '../common/time.js';

/** Sent only to receivers that name it. */
export const PROGRESS_EVENT = 'job.progress';

/** Older than this, progress is told no more: the next message says more than this one. */
export const PROGRESS_LIFE_MS = MINUTE_MS;
const PROGRESS_TRIES = 2;
const GAP_MS = 5 * SECOND_MS;

/** Milliseconds to wait after failed try number `tries` (from 1) of a message of this age; null when it was the last. */
export function progressRetryMs(
  tries: number,
  ageMs: number,
  retryAfterMs: number | null,
  random: () => number = Math.random,
): number | null {
  const waitMs = Math.max(jitter(GAP_MS, 0.2, random), retryAfterMs ?? 0);
  return tries >= PROGRESS_TRIES || ageMs + waitMs > PROGRESS_LIFE_MS ? null : waitMs;
}

import { DAY_MS, HOUR_MS, jitter, MINUTE_MS, SECOND_MS } from '../common/time.js';

/** Waits after the first, second, … failed try; together 23 h 43 min. */
const GAPS_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  6 * HOUR_MS,
  10 * HOUR_MS,
];
/** A longer wait that a receiver asks for is cut to this. */
const MAX_RETRY_AFTER_MS = DAY_MS;
const SPREAD = 0.2;

/**
 * Milliseconds to wait after failed try number `tries` (from 1); null when it was the last. Never sooner than the receiver
 * asked for, and a little later, so that all messages it turned away do not come back at once.
 */
export function retryDelayMs(
  tries: number,
  retryAfterMs: number | null,
  random: () => number = Math.random,
): number | null {
  const gap = GAPS_MS[tries - 1];
  if (gap === undefined) return null;
  const asked = Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  return Math.max(jitter(gap, SPREAD, random), Math.round(asked * (1 + SPREAD * random())));
}

/** `Retry-After` in seconds or as an HTTP date, in milliseconds from `now`; null when absent, malformed or past. */
export function parseRetryAfterMs(header: string | null, now: Date): number | null {
  const value = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * SECOND_MS;
  // Date.parse takes nearly anything; an HTTP date begins with the name of a day.
  const ms = /^[A-Z][a-z]{2,8},? /.test(value) ? Date.parse(value) - now.getTime() : Number.NaN;
  return ms > 0 ? ms : null;
}

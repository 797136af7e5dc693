import { HOUR_MS, jitter, MINUTE_MS, SECOND_MS } from '../common/time.js';

/** Gaps after the first, second, … failed try: some 24 hours in all. */
const GAPS_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  8 * HOUR_MS,
  8 * HOUR_MS,
] as const;
const LONGEST_MS = 12 * HOUR_MS;

/** Milliseconds until the next try after `attempts` failed ones, at least what the receiver asked for; null to give up. */
export function nextGapMs(
  attempts: number,
  retryAfterMs: number | null,
  random: () => number = Math.random,
): number | null {
  const gap = GAPS_MS[attempts - 1];
  if (gap === undefined) return null;
  return Math.min(Math.max(jitter(gap, 0.2, random), retryAfterMs ?? 0), LONGEST_MS);
}

/** `Retry-After` as seconds or as a date (RFC 9110); null when there is none that makes sense. */
export function parseRetryAfter(header: string | null, now: Date): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * SECOND_MS;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}

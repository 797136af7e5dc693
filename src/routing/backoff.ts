import { jitter, MINUTE_MS, SECOND_MS } from '../common/time.js';

const SUBMIT_MAX_MS = MINUTE_MS;
/** A run is first looked at a little before it usually ends. */
const FIRST_POLL_AT = 0.9;
/** Growth of the gap from poll to poll, and how far it goes beyond the base. */
const POLL_GROWTH = 1.25;
const POLL_MAX_TIMES = 8;
const POLL_MAX_MS = MINUTE_MS;

/** Wait before try `n` + 1 on one route: 1 s, doubling to a minute, spread by a fifth. `n` counts from 1. */
export function submitBackoffMs(n: number, random: () => number = Math.random): number {
  const exponent = Math.min(Math.max(n - 1, 0), 16);
  return jitter(Math.min(SECOND_MS * 2 ** exponent, SUBMIT_MAX_MS), 0.2, random);
}

export interface PollArgs {
  /** Since the submit. */
  elapsedMs: number;
  /** What such a run takes. */
  expectedMs: number;
  /** Polls made so far. */
  polls: number;
  /** The route's usual gap. */
  baseMs: number;
  /** What the provider asked for: never undercut. */
  retryAfterMs?: number;
  random: () => number;
}

/** Time to the next poll: the first near the expected end, later ones backing off from `baseMs`, spread by a fifth. */
export function pollDelayMs({ elapsedMs, expectedMs, polls, baseMs, retryAfterMs = 0, random }: PollArgs): number {
  const usual =
    polls === 0
      ? Math.max(baseMs, expectedMs * FIRST_POLL_AT - elapsedMs)
      : Math.min(
          baseMs * POLL_GROWTH ** Math.min(polls - 1, 64),
          baseMs * POLL_MAX_TIMES,
          Math.max(baseMs, POLL_MAX_MS),
        );
  return Math.max(jitter(usual, 0.2, random), Math.ceil(retryAfterMs));
}

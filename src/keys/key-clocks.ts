import { type Clock, systemClock } from '../common/time.js';

/** Clocks, passed in so that tests can hold them. */
export interface KeyClocks {
  now: Clock;
  /** Milliseconds since any moment; never goes back. */
  elapsedMs: () => number;
}

export const SYSTEM_CLOCKS: KeyClocks = { now: systemClock, elapsedMs: () => performance.now() };

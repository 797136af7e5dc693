import type { Claim } from './claims.repository.js';

/** When a step wants to come back: in `ms`, at once, or never by itself (admission, a doorbell or nothing will). */
export type Next = { delayMs: number } | 'now' | 'idle';

export interface StepContext {
  claim: Claim;
  /** Aborts when the claim is lost or the process stops. */
  signal: AbortSignal;
}

/** Milliseconds from the claim's database time until `at`, never negative. */
export const msUntil = (claim: Claim, at: Date): number => Math.max(at.getTime() - claim.now.getTime(), 0);

import { isOrphan, type AttemptRow } from '../store/rows.js';
import type { Claim } from './claims.repository.js';

/** When a step wants to come back: in `ms`, at once, or never by itself (admission, a doorbell or nothing will). */
export type Next = { delayMs: number } | 'now' | 'idle';

export interface StepContext {
  claim: Claim;
  /** Aborts when the claim is lost or the process stops. */
  signal: AbortSignal;
  /** Aborts only when the process stops: for the call that spends, which its own lease fences. */
  stopping: AbortSignal;
}

/** The attempt that the job's next step is about: its newest, orphans apart. */
export const currentAttempt = (claim: Claim): AttemptRow | undefined =>
  claim.attempts.findLast((attempt) => !isOrphan(attempt, claim.attempts));

/** Milliseconds from the claim's database time until `at`, never negative. */
export const msUntil = (claim: Claim, at: Date): number => Math.max(at.getTime() - claim.now.getTime(), 0);

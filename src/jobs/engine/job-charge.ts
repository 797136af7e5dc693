import { chargeOnFailure } from '../../routing/error-policy.js';
import type { AttemptRow, JobRow } from '../store/rows.js';

/** What decides a job's charge; attempts are those of its present run. */
export type ChargedJob = Pick<JobRow, 'status' | 'heldMicroUsd'> & {
  error: Pick<NonNullable<JobRow['error']>, 'code'> | null;
};
export type ChargedAttempt = Pick<AttemptRow, 'state' | 'upstreamCostMicroUsd'> & {
  error: Pick<NonNullable<AttemptRow['error']>, 'code'> | null;
};

/**
 * What a job that is over costs its owner, in micro-USD; null where nothing was bought and the hold goes back.
 *
 * - Succeeded: the price, whichever route answered and however many tried.
 * - Canceled: the price where a provider had done the work all the same, for it was bought.
 * - Failed: what providers say they took for it, at most the price, where the error table says that this is the owner's.
 */
export function chargeOf(job: ChargedJob, attempts: readonly ChargedAttempt[]): number | null {
  const price = Number(job.heldMicroUsd);
  if (job.status === 'succeeded') return price;
  if (job.status === 'canceled') return attempts.some(({ state }) => state === 'succeeded') ? price : null;
  const code = job.error?.code;
  if (code === undefined || chargeOnFailure(code) === 'none') return null;
  const taken = attempts
    .filter(({ state, error }) => state === 'failed' && error?.code === code)
    .reduce((sum, { upstreamCostMicroUsd }) => sum + Number(upstreamCostMicroUsd ?? 0n), 0);
  return taken > 0 ? Math.min(taken, price) : null;
}

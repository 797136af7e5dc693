import { isColdAttempt } from '../jobs/engine/cold-starts.js';
import type { AttemptRow, JobRow } from '../jobs/store/rows.js';

/** Milliseconds; null where it is not known, or not yet. */
export interface RunTimes {
  /** Waiting for a slot, before the first attempt and between attempts. */
  queueMs: number | null;
  /** From the first try that found the endpoint asleep until one did not. 0: none did. */
  coldStartMs: number | null;
  /** At providers. */
  upstreamMs: number | null;
  /** What is left of the whole: taking references in, sending, storing, making previews. */
  overheadMs: number | null;
  totalMs: number | null;
}

const between = (from: Date, to: Date | null): number => (to ? Math.max(0, to.getTime() - from.getTime()) : 0);

/** A stray may end after its job. */
const earlier = (one: Date | null, other: Date | null): Date | null => (one && other && one > other ? other : one);

/** How the time of a job's present run was spent. `attempts` are those of the run, in order. */
export function runTimes(job: Pick<JobRow, 'queuedAt' | 'finishedAt'>, attempts: readonly AttemptRow[]): RunTimes {
  const { queuedAt, finishedAt } = job;
  const [first] = attempts;
  if (!first) return { queueMs: null, coldStartMs: null, upstreamMs: null, overheadMs: null, totalMs: totalOf(job) };
  let queueMs = between(queuedAt, first.createdAt);
  let coldStartMs = 0;
  let upstreamMs = 0;
  for (const [n, attempt] of attempts.entries()) {
    const next = attempts[n + 1];
    if (isColdAttempt(attempt)) {
      coldStartMs += between(attempt.createdAt, next?.createdAt ?? finishedAt);
      continue;
    }
    // The submit of a synchronous wire lasts as long as the work does.
    const sentAt = attempt.route.synchronous ? attempt.createdAt : attempt.submittedAt;
    if (sentAt) upstreamMs += between(sentAt, earlier(attempt.providerDoneAt ?? attempt.finishedAt, finishedAt));
    if (next && attempt.finishedAt) queueMs += between(attempt.finishedAt, next.createdAt);
  }
  const totalMs = totalOf(job);
  const overheadMs = totalMs === null ? null : Math.max(0, totalMs - queueMs - coldStartMs - upstreamMs);
  return { queueMs, coldStartMs, upstreamMs, overheadMs, totalMs };
}

const totalOf = ({ queuedAt, finishedAt }: Pick<JobRow, 'queuedAt' | 'finishedAt'>): number | null =>
  finishedAt && between(queuedAt, finishedAt);

import { Injectable } from '@nestjs/common';
import { ProviderError } from '../../../providers/contract.js';
import { isOpenAttempt } from '../../domain/states.js';
import { AttemptsRepository } from '../../store/attempts.repository.js';
import type { AttemptRow } from '../../store/rows.js';
import { toAttemptError } from '../attempt-failures.js';
import { AssetsOfJobs, Outcomes } from '../outcome.js';
import { CALL_TIMEOUT_MS, keptKeys, ProviderCalls } from '../provider-calls.js';
import { AttemptTrouble } from '../attempt-trouble.js';
import type { StepContext } from '../step.js';

const SLOW_POLL_MS = 15_000;

/**
 * Attempts that nobody waits for any more, but that may still work and cost: those of a job that is over, orphans, and the
 * ones left behind `unknown`. They are canceled where that is possible, else watched until they end, for the money's sake.
 */
@Injectable()
export class TendStep {
  constructor(
    private readonly attempts: AttemptsRepository,
    private readonly calls: ProviderCalls,
    private readonly outcomes: Outcomes,
    private readonly trouble: AttemptTrouble,
    private readonly assets: AssetsOfJobs,
  ) {}

  /** Milliseconds until one of them is due again; null when none is open. */
  async run(context: StepContext, strays: readonly AttemptRow[]): Promise<number | null> {
    const delays: number[] = [];
    for (const attempt of strays.filter((one) => isOpenAttempt(one.state))) {
      const delayMs = await this.tend(context, attempt);
      if (delayMs === null) continue;
      await this.attempts.wake(attempt.id, new Date(context.claim.now.getTime() + delayMs));
      delays.push(delayMs);
    }
    return delays.length > 0 ? Math.min(...delays) : null;
  }

  private async tend(context: StepContext, attempt: AttemptRow): Promise<number | null> {
    const { claim } = context;
    const dueMs = (attempt.wakeAt?.getTime() ?? 0) - claim.now.getTime();
    if (dueMs > 50) return dueMs;
    if (attempt.state === 'reserved') return this.close(attempt, { state: 'canceled' });
    const leaseMs = (attempt.leaseUntil?.getTime() ?? 0) - claim.now.getTime();
    if (attempt.state === 'submitting' && leaseMs > 0) return leaseMs + 50;
    try {
      return attempt.taskId === null
        ? await this.find(context, attempt)
        : await this.stop(context, attempt, attempt.taskId);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      if (error.kind === 'not_found') return this.missing(context, attempt);
      return this.overdue(context, attempt) ? this.lose(attempt) : SLOW_POLL_MS;
    }
  }

  /** A submit of unknown outcome. */
  private async find({ claim, signal }: StepContext, attempt: AttemptRow): Promise<number | null> {
    const can = this.calls.can(attempt);
    if (can.findByToken) {
      const taskId = await this.calls.call(
        attempt,
        CALL_TIMEOUT_MS,
        signal,
        async (found, ctx) => (await found.findByToken?.(attempt.token, ctx)) ?? null,
      );
      if (taskId === null) return this.close(attempt, { state: 'canceled' });
      await this.attempts.adopt(attempt.id, taskId);
      return 0;
    }
    if (can.synchronous) return this.close(attempt, { state: 'lost' });
    // In-cluster: whatever runs there costs nobody money.
    if (can.resubmitSafe) return this.close(attempt, { state: 'canceled' });
    await this.attempts.markUnknown(attempt.id, attempt.leaseToken, attempt.error);
    const ageMs = claim.now.getTime() - attempt.createdAt.getTime();
    const leftMs = attempt.route.unknownTtlSeconds * 1000 - ageMs;
    return leftMs > 0 ? Math.min(SLOW_POLL_MS * 4, leftMs) : this.lose(attempt);
  }

  private async stop(
    context: StepContext,
    attempt: AttemptRow,
    taskId: NonNullable<AttemptRow['taskId']>,
  ): Promise<number | null> {
    const { signal } = context;
    if (attempt.cancelRequestedAt === null) {
      const answer = await this.calls.cancel(attempt, taskId, signal);
      // Only now: a cancel that did not get through is asked for again.
      await this.attempts.requestCancel(attempt.id);
      if (answer === 'canceled') return this.close(attempt, { state: 'canceled' });
    }
    const state = await this.calls.poll(attempt, signal);
    switch (state.state) {
      case 'succeeded': {
        const { artifacts, upstreamCostMicroUsd = null } = state;
        await this.close(attempt, { state: 'succeeded', artifacts, upstreamCostMicroUsd });
        // Nobody will store them any more.
        await this.assets.outputs.dropKept(keptKeys(artifacts)).catch(() => undefined);
        return null;
      }
      case 'failed':
        return this.close(attempt, { state: 'failed', error: toAttemptError(state.error, state.error.kind) });
      case 'missing':
        return this.missing(context, attempt);
      case 'pending':
        return this.overdue(context, attempt)
          ? this.lose(attempt)
          : (state.pollAfterMs ?? Math.min(attempt.route.pollIntervalMs * 2, SLOW_POLL_MS));
    }
  }

  /** Believed when it is said again and again. */
  private async missing({ claim }: StepContext, attempt: AttemptRow): Promise<number | null> {
    if (attempt.missing > 2) return this.close(attempt, { state: 'canceled' });
    const wakeAt = new Date(claim.now.getTime() + 2000);
    await this.attempts.polled(attempt.id, { missing: true, wakeAt });
    return 2000;
  }

  private overdue({ claim }: StepContext, attempt: AttemptRow): boolean {
    const startedAt = attempt.submittedAt ?? attempt.createdAt;
    return (
      claim.now.getTime() - startedAt.getTime() >
      Math.max(attempt.route.maxRunSeconds, attempt.route.unknownTtlSeconds) * 1000
    );
  }

  private async lose(attempt: AttemptRow): Promise<null> {
    await this.trouble.lost(attempt, 'it never ended');
    return this.close(attempt, { state: 'lost' });
  }

  private async close(attempt: AttemptRow, end: Parameters<AttemptsRepository['close']>[2]): Promise<null> {
    await this.outcomes.closeAttempt(attempt.jobId, attempt.id, end);
    return null;
  }
}

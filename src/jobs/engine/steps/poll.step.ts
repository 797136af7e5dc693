import { Injectable } from '@nestjs/common';
import { delay } from '../../../common/time.js';
import { Database, sql } from '../../../database/database.js';
import { ProviderError, type TaskState } from '../../../providers/contract.js';
import { pollDelayMs } from '../../../routing/backoff.js';
import { Logger } from '../../../telemetry/logger.js';
import { AttemptsRepository } from '../../store/attempts.repository.js';
import { JobsRepository } from '../../store/jobs.repository.js';
import type { AttemptRow, JobRow } from '../../store/rows.js';
import { AttemptFailures } from '../attempt-failures.js';
import { timingBucket } from '../expected.js';
import { reach } from '../../store/fault-points.js';
import { Outcomes, JobSignals } from '../outcome.js';
import { ProviderCalls } from '../provider-calls.js';
import { PollPace } from '../poll-pace.js';
import { Progress } from '../progress.js';
import { RouteHealthRepository } from '../../../upstreams/route-health.repository.js';
import { WarmthRepository } from '../../../upstreams/warmth.repository.js';
import { msUntil, type Next, type StepContext } from '../step.js';

/** A provider that says "no such task" is believed after this long, and only twice in a row. */
const MISSING_GRACE_MS = 5000;
const MISSING_TIMES = 2;
const AUTH_POLL_MS = 60_000;
const EMPTY_RUN = new ProviderError('internal', 'rejected', 'The run ended well and without a result.');

/** What a poll writes down beside the attempt. */
@Injectable()
export class PollRecords {
  constructor(
    readonly progress: Progress,
    readonly health: RouteHealthRepository,
    readonly signals: JobSignals,
    readonly logger: Logger,
    readonly pace: PollPace,
    readonly warmth: WarmthRepository,
  ) {}
}

/** `generating`: asks the provider. Trouble while asking is never the job's failure. */
@Injectable()
export class PollStep {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly calls: ProviderCalls,
    private readonly failures: AttemptFailures,
    private readonly outcomes: Outcomes,
    private readonly seen: PollRecords,
  ) {}

  async run(context: StepContext, attempt: AttemptRow): Promise<Next> {
    const { claim, signal } = context;
    // Ops resolved it: the job needs another slot.
    if (attempt.state !== 'running') return this.failures.requeue(claim, attempt, { nextRoute: false, delayMs: 0 });
    if (attempt.taskId === null) return this.failures.onForgotten(claim, attempt);
    const { synchronous } = attempt.route;
    const begunAt = synchronous ? attempt.createdAt : (attempt.submittedAt ?? attempt.createdAt);
    const elapsedMs = claim.now.getTime() - begunAt.getTime();
    // Its result is here already.
    if (synchronous) return this.on(await this.calls.poll(attempt, signal), context, attempt, elapsedMs);
    const first = firstPollMs(claim.job, attempt);
    // A callback says that there is something to see.
    if (attempt.polls === 0 && attempt.rungAt === null && elapsedMs < first) return { delayMs: first - elapsedMs };
    // At most one poll a second comes of callbacks; what rings meanwhile counts on this one.
    const restMs = attempt.rungAt === null ? 0 : msUntil(claim, attempt.rungAt);
    if (restMs > 0) return { delayMs: restMs };
    const since = attempt.providerDoneAt ?? attempt.submittedAt ?? attempt.createdAt;
    if (claim.now.getTime() - since.getTime() > attempt.route.maxRunSeconds * 1000)
      return this.tooLong(context, attempt);
    const turn = this.seen.pace.take(attempt.route);
    if ('comeBackMs' in turn) return { delayMs: turn.comeBackMs };
    if (turn.inMs > 0) await delay(turn.inMs, signal);

    try {
      const state = await this.calls.poll(attempt, signal);
      await reach('poll.answered', claim.job.id);
      await this.seen.warmth.seenReady(attempt.endpoint, attempt.route);
      return await this.on(state, context, attempt, elapsedMs);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      if (error.kind === 'not_found') return this.missing(context, attempt, elapsedMs);
      this.seen.logger.debug(
        { job_id: claim.job.id, kind: error.kind, err: error },
        'a poll brought nothing; it comes round again',
      );
      await this.seen.health.coolDownIfRateLimited(attempt.route.id, error);
      return this.again(context, attempt, elapsedMs, error.kind === 'auth' ? AUTH_POLL_MS : error.detail.retryAfterMs);
    }
  }

  private async on(state: TaskState, context: StepContext, attempt: AttemptRow, elapsedMs: number): Promise<Next> {
    const { claim } = context;
    switch (state.state) {
      case 'pending':
        if (state.progress !== undefined) await this.seen.progress.save(claim.job.id, attempt.id, state.progress);
        return this.again(context, attempt, elapsedMs, state.pollAfterMs);
      case 'missing':
        return this.missing(context, attempt, elapsedMs);
      case 'failed':
        return this.failures.onRunFailed(claim, attempt, state.error);
      case 'succeeded':
        if (state.artifacts.length === 0) return this.failures.onRunFailed(claim, attempt, EMPTY_RUN);
        await this.succeeded(claim.job, claim.token, attempt, state, elapsedMs);
        return 'now';
    }
  }

  private async succeeded(
    job: JobRow,
    claimToken: string,
    attempt: AttemptRow,
    state: Extract<TaskState, { state: 'succeeded' }>,
    elapsedMs: number,
  ): Promise<void> {
    const end = {
      state: 'succeeded' as const,
      artifacts: state.artifacts,
      upstreamCostMicroUsd: state.upstreamCostMicroUsd ?? null,
    };
    const moved = await this.db
      .transaction(async (tx) => {
        const set =
          state.warnings && state.warnings.length > 0
            ? [sql`warnings = warnings || ${JSON.stringify(state.warnings)}::jsonb`]
            : [];
        const won = await this.jobs.move(tx, { jobId: job.id, transition: 'provider_succeeded', claimToken, set });
        // An attempt that ops resolved meanwhile has no result to store: the job stays, and the next step asks for a slot.
        if (won && !(await this.attempts.close(tx, attempt.id, end))) throw new AttemptGone();
        return won;
      })
      .catch((error: unknown) => {
        if (error instanceof AttemptGone) return null;
        throw error;
      });
    if (!moved) {
      // Canceled while the poll was on its way: the work was bought all the same. A claim that was merely lost changes nothing.
      await this.outcomes.closeAttempt(job.id, attempt.id, end, { onlyIfOver: true });
      return;
    }
    this.seen.signals.slotFreed(attempt.lane);
    await this.seen.progress.staged(moved);
    await this.seen.health.measured(attempt.route.id, timingBucket(job.operation, job.input), elapsedMs / 1000);
    await this.seen.health.succeeded(attempt.route.id);
  }

  private async again(
    { claim }: StepContext,
    attempt: AttemptRow,
    elapsedMs: number,
    askedMs: number | undefined,
  ): Promise<Next> {
    const delayMs = pollDelayMs({
      elapsedMs,
      expectedMs: claim.job.expectedSeconds * 1000,
      polls: attempt.polls,
      baseMs: attempt.route.pollIntervalMs,
      retryAfterMs: askedMs,
      random: Math.random,
    });
    await this.attempts.polled(attempt.id, { missing: false, wakeAt: new Date(claim.now.getTime() + delayMs) });
    return { delayMs };
  }

  private async missing(context: StepContext, attempt: AttemptRow, elapsedMs: number): Promise<Next> {
    const graceMs = this.calls.adapter(attempt).missingGraceMs ?? MISSING_GRACE_MS;
    if (elapsedMs > graceMs && attempt.missing + 1 >= MISSING_TIMES)
      return this.failures.onForgotten(context.claim, attempt);
    const delayMs = Math.max(attempt.route.pollIntervalMs / 2, 200);
    await this.attempts.polled(attempt.id, { missing: true, wakeAt: new Date(context.claim.now.getTime() + delayMs) });
    return { delayMs };
  }

  /** Longer than any run of this route takes: stop it where that is possible, and go by the error table. */
  private async tooLong({ claim, signal }: StepContext, attempt: AttemptRow): Promise<Next> {
    const taskId = attempt.taskId;
    try {
      await this.calls.cancel(attempt, taskId, signal);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
    }
    const error = new ProviderError(
      'timeout',
      'rejected',
      `The run took longer than ${attempt.route.maxRunSeconds} s.`,
    );
    return this.failures.onRunFailed(claim, attempt, error);
  }
}

/** First look: near the usual time for long runs, soon for short ones; a progress socket tells the rest. */
function firstPollMs(job: JobRow, attempt: AttemptRow): number {
  return Math.min(
    Math.max(job.expectedSeconds * 1000 * 0.15, attempt.route.pollIntervalMs / 4),
    attempt.route.pollIntervalMs * 2,
  );
}

/** Gives the transaction up. */
class AttemptGone extends Error {}

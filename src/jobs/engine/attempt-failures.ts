import { Injectable } from '@nestjs/common';
import { Database, sql, type Tx } from '../../database/database.js';
import type { ProviderError } from '../../providers/contract.js';
import { submitBackoffMs } from '../../routing/backoff.js';
import { decide, type Decision } from '../../routing/error-policy.js';
import { Admission } from '../admission/admission.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import { JobsRepository } from '../store/jobs.repository.js';
import { isOrphan, type AttemptError, type AttemptRow, type JobError } from '../store/rows.js';
import type { Claim } from './claims.repository.js';
import { COLD_CODE, ColdStarts, isColdAttempt } from './cold-starts.js';
import { Notifier } from './notifier.js';
import { Outcomes } from './outcome.js';
import { ProviderCalls } from './provider-calls.js';
import { AttemptTrouble } from './attempt-trouble.js';
import type { Next } from './step.js';

/** Runs that a forgetful in-cluster server gets on one route before the job ends. */
const MAX_FORGOTTEN_RUNS = 6;
const UNKNOWN_FIRST_LOOK_MS = 1500;
const FIND_AGAIN_MS = 2000;
const UNKNOWN_LOOK_MS = 30_000;

/** What failures tell others: watchers, the shared state of routes, and endpoints that sleep. */
@Injectable()
export class FailureSignals {
  constructor(
    readonly notifier: Notifier,
    readonly trouble: AttemptTrouble,
    readonly coldStarts: ColdStarts,
  ) {}
}

/** What a failed call or a failed run means for the attempt and its job: the error table, applied. */
@Injectable()
export class AttemptFailures {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly outcomes: Outcomes,
    private readonly admission: Admission,
    private readonly calls: ProviderCalls,
    private readonly around: FailureSignals,
  ) {}

  async onSubmit(claim: Claim, attempt: AttemptRow, error: ProviderError): Promise<Next> {
    const can = this.calls.can(attempt);
    const cold = await this.around.coldStarts.next(claim, attempt, error, can);
    if (cold) return this.requeue(claim, attempt, { ...cold, error: toAttemptError(error, COLD_CODE) });
    const decision = decide(error, 'submit', can);
    await this.around.trouble.note(attempt, error, decision);
    const mayBeBought = decision.action === 'unknown' || (decision.action === 'retry' && error.outcome === 'unknown');
    return mayBeBought ? this.onUnknown(claim, attempt, error) : this.apply(claim, attempt, error, decision);
  }

  /** The provider said that the run failed. What can't be read while polling never comes here: that only delays the next poll. */
  async onRunFailed(claim: Claim, attempt: AttemptRow, error: ProviderError): Promise<Next> {
    const decision = decide(error, 'poll', this.calls.can(attempt));
    await this.around.trouble.note(attempt, error, decision);
    return this.apply(claim, attempt, error, decision);
  }

  /** It may have been bought. Look it up where that is possible; else wait, or go on where the client said so. */
  async onUnknown(claim: Claim, attempt: AttemptRow, error: ProviderError): Promise<Next> {
    const can = this.calls.can(attempt);
    const marked = await this.attempts.markUnknown(
      attempt.id,
      attempt.leaseToken ?? claim.token,
      toAttemptError(error, 'outcome_unknown'),
    );
    if (!marked) return 'now';
    if (can.findByToken) return { delayMs: UNKNOWN_FIRST_LOOK_MS };
    if (can.synchronous && attempt.tries >= 2) return this.onDeadSynchronousSubmit(claim, attempt);
    if (can.idempotencyKey || can.resubmitSafe || can.synchronous) {
      const decision = decide(error, 'submit', can);
      if (decision.tries !== null && attempt.tries >= decision.tries)
        return this.givenUp(claim, attempt, error, decision);
      await this.attempts.releaseLease(attempt.id, null);
      return { delayMs: submitBackoffMs(attempt.tries) };
    }
    await this.around.trouble.unknown(attempt, error);
    // Without another route the same one would be bought from twice.
    if (claim.job.routing.onUnknown === 'next' && hasNextRoute(claim))
      return this.requeue(claim, attempt, { nextRoute: true, delayMs: 0, leaveOpen: true });
    return { delayMs: Math.min(UNKNOWN_LOOK_MS, unknownLeftMs(claim, attempt)) };
  }

  /** Called at each look at an unknown attempt that brought nothing. */
  async whileUnknown(claim: Claim, attempt: AttemptRow, error: ProviderError | null): Promise<Next> {
    const can = this.calls.can(attempt);
    const leaseIsOver = attempt.leaseUntil === null || attempt.leaseUntil <= claim.now;
    if (error && can.resubmitSafe && leaseIsOver) {
      // In-cluster, and the instance that might have it does not answer: nobody pays for a second run elsewhere.
      await this.around.trouble.note(attempt, error, decide(error, 'submit', can));
      await this.around.trouble.lost(attempt, 'its instance no longer answers');
      return this.requeue(claim, attempt, { nextRoute: false, delayMs: 0, state: 'lost' });
    }
    if (!can.findByToken && claim.job.routing.onUnknown === 'next' && hasNextRoute(claim))
      return this.requeue(claim, attempt, { nextRoute: true, delayMs: 0, leaveOpen: true });
    const leftMs = unknownLeftMs(claim, attempt);
    if (leftMs > 0) {
      const lookMs = can.findByToken ? FIND_AGAIN_MS : UNKNOWN_LOOK_MS;
      return { delayMs: Math.max(error?.detail.retryAfterMs ?? 0, Math.min(lookMs, leftMs)) };
    }
    await this.around.trouble.lost(attempt, 'its outcome stayed unknown');
    return this.fail(claim, attempt, 'lost', OUTCOME_UNKNOWN, error);
  }

  /** A synchronous submit that died can't be reconciled: nothing is charged, and it is tried once more; then elsewhere where the client said so. */
  async onDeadSynchronousSubmit(claim: Claim, attempt: AttemptRow): Promise<Next> {
    if (attempt.tries < 2) {
      await this.attempts.releaseLease(attempt.id, attempt.leaseToken);
      return 'now';
    }
    await this.around.trouble.lost(attempt, 'a synchronous submit died twice');
    if (claim.job.routing.onUnknown === 'next' && hasNextRoute(claim))
      return this.requeue(claim, attempt, { nextRoute: true, delayMs: 0, state: 'lost' });
    return this.fail(claim, attempt, 'lost', OUTCOME_UNKNOWN, null);
  }

  /** The provider no longer knows the task. In-cluster servers lose their queue at a restart: the job simply runs again. */
  async onForgotten(claim: Claim, attempt: AttemptRow): Promise<Next> {
    await this.around.trouble.lost(attempt, 'the provider no longer knows the task');
    const again = this.calls.can(attempt).resubmitSafe && triesOn(claim, attempt) < MAX_FORGOTTEN_RUNS;
    if (again) return this.requeue(claim, attempt, { nextRoute: false, delayMs: 0, state: 'lost' });
    if (hasNextRoute(claim)) return this.requeue(claim, attempt, { nextRoute: true, delayMs: 0, state: 'lost' });
    const error: JobError = {
      code: 'provider_lost_task',
      message: 'The provider lost this job while it was running.',
      param: null,
      retryable: true,
    };
    return this.fail(claim, attempt, 'lost', error, null);
  }

  /** Sends the job back to its lane, or to the next route's, and closes the attempt unless its outcome is still open. */
  async requeue(claim: Claim, attempt: AttemptRow, to: Requeue): Promise<Next> {
    const index = indexOf(claim, to);
    const lane = claim.job.plan[index]?.lane ?? attempt.lane;
    const moved = await this.db.transaction(async (tx: Tx) => {
      const job = await this.jobs.move(tx, {
        jobId: claim.job.id,
        transition: 'requeued',
        claimToken: claim.token,
        data: { route: claim.job.plan[index]?.id ?? null, reason: to.error?.code ?? 'retry' },
        set: [
          sql`plan_index = ${index}::int`,
          ...('index' in to && to.bridging
            ? [sql`plan = jsonb_set(plan, ${`{${index},bridging}`}::text[], 'true'::jsonb)`]
            : []),
          sql`lane = ${lane}`,
          sql`failover = true`,
          sql`progress = NULL`,
          sql`ready_at = now() + ${to.delayMs}::float8 * interval '1 millisecond'`,
        ],
      });
      if (job && !to.leaveOpen)
        await this.attempts.close(tx, attempt.id, { state: to.state ?? 'failed', error: to.error });
      return job;
    });
    if (moved) {
      this.around.notifier.changed(moved.id);
      for (const one of new Set([attempt.lane, lane])) this.admission.nudge(one);
    } else if (!to.leaveOpen) {
      // The job was over already (canceled meanwhile): the attempt still has to be closed for its money.
      const end = { state: to.state ?? ('failed' as const), error: to.error };
      await this.outcomes.closeAttempt(claim.job.id, attempt.id, end, { onlyIfOver: true });
    }
    return 'idle';
  }

  private async apply(claim: Claim, attempt: AttemptRow, error: ProviderError, decision: Decision): Promise<Next> {
    const record = toAttemptError(error, decision.code);
    const backoff = Math.max(submitBackoffMs(triesOn(claim, attempt)), error.detail.retryAfterMs ?? 0);
    const exhausted = decision.tries !== null && triesOn(claim, attempt, error.kind) >= decision.tries;
    switch (decision.action) {
      case 'next_route':
        if (hasNextRoute(claim)) return this.requeue(claim, attempt, { nextRoute: true, delayMs: 0, error: record });
        if (decision.retryable && !exhausted)
          return this.requeue(claim, attempt, { nextRoute: false, delayMs: backoff, error: record });
        break;
      case 'retry':
      case 'wait':
        if (!exhausted) return this.requeue(claim, attempt, { nextRoute: false, delayMs: backoff, error: record });
        if (hasNextRoute(claim)) return this.requeue(claim, attempt, { nextRoute: true, delayMs: 0, error: record });
        break;
      case 'unknown':
      case 'fail':
        break;
    }
    return this.failAs(claim, attempt, error, decision);
  }

  /** The route had all its tries: the next one, or the end. */
  private async givenUp(claim: Claim, attempt: AttemptRow, error: ProviderError, decision: Decision): Promise<Next> {
    const record = toAttemptError(error, decision.code);
    if (hasNextRoute(claim)) return this.requeue(claim, attempt, { nextRoute: true, delayMs: 0, error: record });
    return this.failAs(claim, attempt, error, decision);
  }

  private async failAs(claim: Claim, attempt: AttemptRow, error: ProviderError, decision: Decision): Promise<Next> {
    const shown = {
      code: decision.code,
      message: decision.publicMessage,
      param: error.detail.param ?? null,
      retryable: decision.retryable,
    };
    return this.fail(claim, attempt, 'failed', shown, error);
  }

  private async fail(
    claim: Claim,
    attempt: AttemptRow,
    state: 'failed' | 'lost',
    shown: JobError,
    error: ProviderError | null,
  ): Promise<Next> {
    const ended = await this.outcomes.end({
      jobId: claim.job.id,
      transition: 'failed',
      claimToken: claim.token,
      error: shown,
      inTransaction: async (tx) => {
        await this.attempts.close(tx, attempt.id, {
          state,
          ...failureOf(error, shown.code),
        });
      },
    });
    const end = { state, ...failureOf(error, shown.code) };
    if (!ended) await this.outcomes.closeAttempt(claim.job.id, attempt.id, end, { onlyIfOver: true });
    return 'idle';
  }
}

/** Where a job goes on: on the same route, the next of its plan, or one that was chosen. */
type Requeue = ({ nextRoute: boolean } | { index: number; bridging: boolean }) & {
  delayMs: number;
  state?: 'failed' | 'lost';
  error?: AttemptError;
  leaveOpen?: boolean;
};

function indexOf(claim: Claim, to: Requeue): number {
  if ('index' in to) return to.index;
  return to.nextRoute && hasNextRoute(claim) ? claim.job.planIndex + 1 : claim.job.planIndex;
}

const OUTCOME_UNKNOWN: JobError = {
  code: 'outcome_unknown',
  message: 'The provider never said whether it accepted this job, so it was given up; nothing was charged.',
  param: null,
  retryable: true,
};

/**
 * Attempts of this run on this route, the present one included; with `kind`, those that ended like it: a hundred refusals for
 * the rate do not use up the tries of one internal error.
 */
const triesOn = (claim: Claim, attempt: AttemptRow, kind?: string): number =>
  1 +
  claim.attempts.filter(
    (one) =>
      one.id !== attempt.id &&
      one.route.id === attempt.route.id &&
      !isOrphan(one, claim.attempts) &&
      !isColdAttempt(one) &&
      (kind === undefined || one.error?.kind === kind),
  ).length;

const unknownLeftMs = (claim: Claim, attempt: AttemptRow): number =>
  attempt.createdAt.getTime() + attempt.route.unknownTtlSeconds * 1000 - claim.now.getTime();

const hasNextRoute = (claim: Claim): boolean =>
  claim.job.routing.allowFallback && claim.job.planIndex + 1 < claim.job.plan.length;

/** What is written down of an attempt that failed. */
function failureOf(
  error: ProviderError | null,
  code: string,
): { error?: AttemptError; upstreamCostMicroUsd?: number | null } {
  return error
    ? { error: toAttemptError(error, code), upstreamCostMicroUsd: error.detail.upstreamCostMicroUsd ?? null }
    : {};
}

export function toAttemptError(error: ProviderError, code: string): AttemptError {
  return {
    code,
    kind: error.kind,
    outcome: error.outcome,
    message: error.message.slice(0, 2000),
    upstreamStatus: error.detail.upstreamStatus,
  };
}

import { Injectable } from '@nestjs/common';
import { conflict, KilnError, notFound } from '../../common/errors.js';
import { OpsEvents } from '../../telemetry/ops-events.js';
import { Admission } from '../admission/admission.js';
import { isOpenAttempt, isTerminal, type AttemptState } from '../domain/states.js';
import { Doorbell } from '../engine/doorbell.js';
import { Outcomes } from '../engine/outcome.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import { JobsRepository } from '../store/jobs.repository.js';
import { isOrphan, type AttemptError, type AttemptRow, type JobError, type JobRow } from '../store/rows.js';
import { adminAttemptView, type AdminAttemptView } from './admin-job-view.js';
import type { ResolveBody } from './bodies.js';

type Outcome = ResolveBody['outcome'];

const STATES: Readonly<Record<Outcome, AttemptState>> = {
  rejected: 'failed',
  succeeded: 'succeeded',
  abandoned: 'lost',
};

const ABANDONED: JobError = {
  code: 'outcome_unknown',
  message: 'The provider never said whether it accepted this job, so it was given up; nothing was charged.',
  param: null,
  retryable: true,
};

/**
 * A person settles what the engine can't find out about an open attempt.
 *
 * - `rejected`: the provider bought nothing. A live job goes back to its lane.
 * - `succeeded`: the provider did the work. The job of a client who canceled is charged; a live job, whose result can't be
 *   fetched, runs again at the platform's cost.
 * - `abandoned`: nobody will know: what `unknown_ttl` would do, now. A live job fails, its hold is released.
 */
@Injectable()
export class AttemptResolution {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly outcomes: Outcomes,
    private readonly doorbell: Doorbell,
    private readonly admission: Admission,
    private readonly ops: OpsEvents,
  ) {}

  /** 409 where the attempt is closed already, or where a worker may have its request on the wire this moment. */
  async resolve(id: string, { outcome, reason }: ResolveBody, now = new Date()): Promise<AdminAttemptView> {
    const attempt = await this.attempts.byId(id);
    const job = attempt && (await this.jobs.byId(attempt.jobId));
    if (!attempt || !job) throw notFound('attempt', id.slice(0, 64));
    assertResolvable(attempt, now);
    const end = { state: STATES[outcome], error: errorOf(outcome, reason) };
    const closed = await this.close(job, attempt, outcome, end);
    if (!closed) throw alreadyClosed((await this.attempts.byId(id)) ?? attempt);
    this.admission.nudge(attempt.lane);
    await this.doorbell.ring(job.id);
    await this.ops.tell({
      severity: 'info',
      type: 'attempt.resolved',
      message: `An attempt was resolved as ${outcome}.`,
      data: { job_id: job.id, attempt_id: id, route: attempt.route.id, was: attempt.state },
    });
    return adminAttemptView((await this.attempts.byId(id)) ?? attempt);
  }

  private async close(
    job: JobRow,
    attempt: AttemptRow,
    outcome: Outcome,
    end: { state: AttemptState; error: AttemptError | null },
  ): Promise<boolean> {
    if (outcome === 'abandoned' && !isTerminal(job.status) && (await this.isCurrent(job, attempt))) {
      let closed = false;
      const inTransaction: NonNullable<Parameters<Outcomes['end']>[0]['inTransaction']> = async (tx) => {
        closed = await this.attempts.close(tx, attempt.id, end);
        // Another close won: then the job must not fail for it.
        if (!closed) throw new ClosedMeanwhile();
      };
      const ended = await this.outcomes
        .end({ jobId: job.id, transition: 'failed', error: ABANDONED, inTransaction })
        .catch((error: unknown) => {
          if (error instanceof ClosedMeanwhile) return null;
          throw error;
        });
      if (ended) return true;
    }
    return this.outcomes.closeAttempt(job.id, attempt.id, end);
  }

  /** Whether the job's next step is about this attempt, not about one that it left behind. */
  private async isCurrent(job: JobRow, attempt: AttemptRow): Promise<boolean> {
    if (attempt.run !== job.run || (job.stage !== 'submitting' && job.stage !== 'generating')) return false;
    const ofRun = await this.attempts.ofRun(job.id, job.run);
    return ofRun.findLast((one) => !isOrphan(one, ofRun))?.id === attempt.id;
  }
}

class ClosedMeanwhile extends Error {}

function assertResolvable(attempt: AttemptRow, now: Date): void {
  if (!isOpenAttempt(attempt.state)) throw alreadyClosed(attempt);
  const leasedMs = attempt.state === 'submitting' ? (attempt.leaseUntil?.getTime() ?? 0) - now.getTime() : 0;
  if (leasedMs <= 0) return;
  throw new KilnError(
    409,
    'attempt_on_the_wire',
    'A worker is sending this attempt to the provider; resolve it when that has ended.',
    {
      retryAfterSeconds: leasedMs / 1000,
    },
  );
}

const alreadyClosed = (attempt: AttemptRow): KilnError =>
  conflict(`Only open attempts can be resolved; this one is ${attempt.state}.`, 'attempt_closed');

function errorOf(outcome: Outcome, reason: string): AttemptError | null {
  switch (outcome) {
    case 'succeeded':
      return null;
    case 'rejected':
      return { code: 'resolved_rejected', kind: 'internal', outcome: 'rejected', message: reason };
    case 'abandoned':
      return { code: 'resolved_abandoned', kind: 'internal', outcome: 'unknown', message: reason };
  }
}

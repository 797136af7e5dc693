import { Injectable } from '@nestjs/common';
import { Outputs } from '../../assets/outputs.js';
import { References } from '../../assets/references.js';
import { Ledger } from '../../billing/ledger.js';
import { Database, sql, type Sql, type Tx } from '../../database/database.js';
import { Announcements } from '../../webhooks/announcements.js';
import { TERMINAL_EVENTS } from '../../webhooks/events.js';
import { Webhooks } from '../../webhooks/webhooks.js';
import { Admission } from '../admission/admission.js';
import { isTerminal } from '../domain/states.js';
import { eventType, type Transition } from '../domain/transitions.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobError, JobRow } from '../store/rows.js';
import { JobViews } from '../view/job-views.js';
import { Doorbell } from './doorbell.js';
import { Notifier } from './notifier.js';

export interface End {
  jobId: string;
  transition: Extract<Transition, 'succeeded' | 'failed' | 'canceled'>;
  claimToken?: string;
  keyId?: string;
  error?: JobError;
  warnings?: string[];
  /** Runs in the same transaction once the move is won, before money is closed. */
  inTransaction?: (tx: Tx, job: JobRow) => Promise<void>;
}

/** What is told after a commit: watchers, the delivery queue, the lane, and the engine where attempts are left to tend. */
@Injectable()
export class JobSignals {
  constructor(
    private readonly notifier: Notifier,
    private readonly webhooks: Webhooks,
    private readonly admission: Admission,
    private readonly doorbell: Doorbell,
  ) {}

  ended(job: JobRow, deliveries: string[], attemptsLeft: boolean): void {
    this.notifier.changed(job.id);
    this.deliver(deliveries);
    if (job.lane !== null) this.slotFreed(job.lane);
    if (attemptsLeft) void this.doorbell.ring(job.id).catch(() => undefined);
  }

  announced(job: JobRow, deliveries: string[]): void {
    this.notifier.changed(job.id);
    this.deliver(deliveries);
  }

  attemptClosed(job: JobRow, lane: string): void {
    this.notifier.changed(job.id);
    this.slotFreed(lane);
  }

  slotFreed(lane: string): void {
    this.admission.nudge(lane);
  }

  deliver(deliveries: string[]): void {
    if (deliveries.length > 0) void this.webhooks.enqueueAll(deliveries).catch(() => undefined);
  }
}

/** The parts of `assets` that a job's end touches. */
@Injectable()
export class AssetsOfJobs {
  constructor(
    readonly references: References,
    readonly outputs: Outputs,
  ) {}
}

/** Ends jobs: the state, its event, the money and the webhook deliveries stand in one transaction. */
@Injectable()
export class Outcomes {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly assets: AssetsOfJobs,
    private readonly ledger: Ledger,
    private readonly announcements: Announcements,
    private readonly views: JobViews,
    private readonly signals: JobSignals,
  ) {}

  /** Null: someone else moved the job first. */
  async end(end: End): Promise<JobRow | null> {
    const done = await this.db.transaction(async (tx) => {
      const moved = await this.jobs.move(tx, {
        jobId: end.jobId,
        transition: end.transition,
        claimToken: end.claimToken,
        keyId: end.keyId,
        data: end.error ? { code: end.error.code, message: end.error.message } : {},
        set: endColumns(end),
      });
      if (!moved) return null;
      await end.inTransaction?.(tx, moved);
      await this.attempts.abandon(tx, moved.id);
      await this.assets.references.unpin(tx, moved.id);
      const job = await this.closeMoney(tx, moved);
      const open = await this.attempts.countOpen(tx, job.id);
      return { job, open, deliveries: await this.writeWebhook(tx, job, eventType(end.transition)) };
    });
    if (!done) return null;
    this.signals.ended(done.job, done.deliveries, done.open > 0);
    return done.job;
  }

  /**
   * Closes one attempt, with the job's money where it was the last of a job that is over. `onlyIfOver` leaves a live job's
   * attempt alone: a step that lost its claim must not close what another step is at.
   */
  async closeAttempt(
    jobId: string,
    attemptId: string,
    end: Parameters<AttemptsRepository['close']>[2],
    { onlyIfOver = false }: { onlyIfOver?: boolean } = {},
  ): Promise<boolean> {
    const closed = await this.db.transaction(async (tx) => {
      // Job before attempt, as everywhere: the lock order keeps two closers from waiting for each other.
      const job = await this.jobs.lock(tx, jobId);
      if (onlyIfOver && job && !isTerminal(job.status)) return null;
      const won = await this.attempts.close(tx, attemptId, end);
      if (won && job) await this.closeMoney(tx, job);
      return won ? job : null;
    });
    if (!closed) return false;
    const lane = (await this.attempts.byId(attemptId))?.lane ?? closed.lane;
    if (lane !== null) this.signals.attemptClosed(closed, lane);
    return true;
  }

  /** Writes deliveries for a non-terminal event where somebody listens. `sequence`: the event's number. */
  async announce(job: JobRow, event: string, sequence: number): Promise<void> {
    // One insert, so it needs no transaction.
    this.signals.deliver(await this.writeWebhook(this.db, job, event, sequence));
  }

  /** Same, for an event that `append` makes in the transaction of its deliveries; null from it: there is none. */
  async announceNew(type: string, append: (tx: Tx) => Promise<JobRow | null>): Promise<void> {
    const told = await this.db.transaction(async (tx) => {
      const job = await append(tx);
      return job && { job, deliveries: await this.writeWebhook(tx, job, type) };
    });
    if (told) this.signals.announced(told.job, told.deliveries);
  }

  /**
   * Settles or releases the hold of a job that is over, once no attempt of it may still be working. Succeeded: the price, at
   * once, for strays no longer change it.
   * Canceled by the client after the provider had done the work: the price, for it was bought. Else nothing.
   */
  private async closeMoney(tx: Tx, job: JobRow): Promise<JobRow> {
    if (!isTerminal(job.status) || job.chargedMicroUsd !== null) return job;
    if (job.status !== 'succeeded' && (await this.attempts.countOpen(tx, job.id)) > 0) return job;
    const bought =
      job.status === 'succeeded' ||
      (job.status === 'canceled' && (await this.attempts.anySucceeded(tx, job.id, job.run)));
    const work = { workId: job.id, run: job.run };
    if (bought) await this.ledger.settle(tx, { ...work, amountMicroUsd: Number(job.heldMicroUsd) });
    else await this.ledger.release(tx, { ...work, reason: job.error?.code ?? job.status });
    const chargedMicroUsd = bought ? job.heldMicroUsd : 0n;
    await this.jobs.charge(tx, job.id, chargedMicroUsd);
    return { ...job, chargedMicroUsd };
  }

  private async writeWebhook(tx: Tx, job: JobRow, event: string, sequence = job.eventSeq): Promise<string[]> {
    const { keyId, id: jobId, run, webhook } = job;
    const ownUrl = webhook && wants(webhook.events, event) ? webhook.url : null;
    const timestamp = (job.finishedAt ?? job.updatedAt).toISOString();
    return this.announcements.write(tx, { keyId, jobId, run, sequence, event, ownUrl }, async () => ({
      type: event,
      timestamp,
      data: await this.views.forWebhook(job, tx),
    }));
  }
}

const wants = (events: readonly string[] | null, event: string): boolean => (events ?? TERMINAL_EVENTS).includes(event);

function endColumns(end: End): Sql[] {
  return [
    sql`finished_at = now()`,
    sql`wake_at = NULL`,
    // Its attempts are tended all the same; what ops should know stands in ops_event.
    sql`claims = 0`,
    sql`quarantined_at = NULL`,
    sql`expires_at = now() + retention_seconds * interval '1 second'`,
    ...(end.transition === 'succeeded' ? [sql`progress = 1`] : []),
    ...(end.error ? [sql`error = ${JSON.stringify(end.error)}::jsonb`] : []),
    ...(end.warnings && end.warnings.length > 0
      ? [sql`warnings = warnings || ${JSON.stringify(end.warnings)}::jsonb`]
      : []),
  ];
}

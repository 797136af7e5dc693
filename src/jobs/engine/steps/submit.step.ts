import { Injectable } from '@nestjs/common';
import type { PreparedReference } from '../../../assets/references.js';
import { Database, sql } from '../../../database/database.js';
import { ProviderError, type MediaTask, type Submitted } from '../../../providers/contract.js';
import { OpsEvents } from '../../../telemetry/ops-events.js';
import { AttemptsRepository } from '../../store/attempts.repository.js';
import { JobsRepository } from '../../store/jobs.repository.js';
import type { AttemptRow, JobRow } from '../../store/rows.js';
import { AttemptFailures } from '../attempt-failures.js';
import { Doorbell } from '../doorbell.js';
import { reach } from '../../store/fault-points.js';
import { Notifier } from '../notifier.js';
import { outlast } from '../outlast.js';
import { AssetsOfJobs, Outcomes } from '../outcome.js';
import { ProviderCalls, taskIdOf } from '../provider-calls.js';
import { StorageHealth } from '../storage-health.js';
import { WarmthRepository } from '../../../upstreams/warmth.repository.js';
import type { Next, StepContext } from '../step.js';
import { msUntil } from '../step.js';

/** The lease outlives the hard submit timeout by this much, so that a call can't still be on the wire when it runs out. */
const LEASE_GRACE_MS = 5000;
const STORAGE_PAUSE_MS = 5000;

/** What a submit tells others. */
@Injectable()
export class SubmitSignals {
  constructor(
    readonly notifier: Notifier,
    readonly ops: OpsEvents,
    readonly storage: StorageHealth,
    readonly warmth: WarmthRepository,
    readonly doorbell: Doorbell,
  ) {}
}

/**
 * `submitting`: the step that spends. Token, endpoint and lease are saved before the call; a task id is saved whatever became
 * of the job meanwhile; a request is sent again only where that can't buy twice.
 */
@Injectable()
export class SubmitStep {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly assets: AssetsOfJobs,
    private readonly calls: ProviderCalls,
    private readonly outcomes: Outcomes,
    private readonly failures: AttemptFailures,
    private readonly signals: SubmitSignals,
  ) {}

  async run(context: StepContext, attempt: AttemptRow): Promise<Next> {
    const { claim } = context;
    switch (attempt.state) {
      case 'reserved':
        return this.submit(context, attempt);
      case 'submitting':
        if (attempt.leaseUntil && attempt.leaseUntil > claim.now)
          return { delayMs: msUntil(claim, attempt.leaseUntil) + 50 };
        return this.recover(context, attempt);
      case 'unknown':
        return this.reconcile(context, attempt);
      case 'running':
        // The worker died between the task id and the job's move.
        await this.generating(claim.job, claim.token, []);
        return 'now';
      case 'succeeded':
      case 'failed':
      case 'canceled':
      case 'lost':
      case 'orphan':
        // Closed by ops or by the reconciliation of a canceled run: the job needs another slot.
        await this.failures.requeue(claim, attempt, { nextRoute: false, delayMs: 0 });
        return 'idle';
    }
  }

  private async submit({ claim, stopping }: StepContext, attempt: AttemptRow): Promise<Next> {
    const { job } = claim;
    if (!this.signals.storage.healthy()) return { delayMs: STORAGE_PAUSE_MS };
    const { submitTimeoutMs, maxRunSeconds } = attempt.route;
    const slotMs = maxRunSeconds * 1000 + submitTimeoutMs;
    const lease = { token: claim.token, ms: submitTimeoutMs + LEASE_GRACE_MS, slotMs };
    const task = this.taskOf(job, attempt);
    // Not won: canceled, resolved by ops, or under another claim's lease. The next step sees which.
    if (!(await this.attempts.startSubmit(attempt.id, lease))) return 'now';
    await reach('submit.leased', job.id);
    let submitted: Submitted;
    try {
      // A lost claim does not cut this call: its lease fences it, and what is bought must be known.
      submitted = await this.calls.call(
        attempt,
        submitTimeoutMs,
        stopping,
        (adapter, ctx) => adapter.submit(task, ctx),
        claim.token,
      );
    } catch (error) {
      // The process is stopping: whether the provider took it is not known here.
      if (!(error instanceof ProviderError)) throw error;
      if (attempt.route.synchronous) await this.dropKept(attempt, claim.token);
      const tried = { ...attempt, tries: attempt.tries + 1 };
      return outlast(() => this.failures.onSubmit(claim, tried, error), stopping);
    }
    await reach('submit.answered', job.id);
    return this.accepted({ claim, stopping }, attempt, submitted, slotMs);
  }

  /** An answer that broke off had kept a part. Where this fails, it goes with the job. */
  private async dropKept({ jobId, run }: AttemptRow, claimToken: string): Promise<void> {
    await this.assets.outputs.discardKept({ jobId, run, claimToken }).catch(() => undefined);
  }

  private async accepted(
    { claim, stopping }: Pick<StepContext, 'claim' | 'stopping'>,
    attempt: AttemptRow,
    submitted: Submitted,
    slotMs: number,
  ): Promise<Next> {
    const { job, token } = claim;
    const task = { id: taskIdOf(submitted), slotMs, namedByToken: this.calls.can(attempt).findByToken };
    const saved = await outlast(() => this.attempts.saveTask(attempt, token, task), stopping);
    await reach('submit.saved', job.id);
    await this.signals.warmth.seenReady(attempt.endpoint, attempt.route);
    if (saved === 'orphan') {
      // This step's claim is gone, and a job that waits for a slot, perhaps for the very one that the orphan holds, has no other clock.
      await this.signals.doorbell.ring(job.id);
      await this.signals.ops.tell({
        severity: 'warning',
        type: 'attempt.orphan',
        message: 'A provider task came back to a claim that no longer owned the attempt; it will be canceled.',
        data: { job_id: job.id, attempt_id: attempt.id },
      });
      return 'now';
    }
    await this.generating(job, token, submitted.warnings ?? []);
    return 'now';
  }

  private async generating(job: JobRow, claimToken: string, warnings: string[]): Promise<void> {
    const set = warnings.length > 0 ? [sql`warnings = warnings || ${JSON.stringify(warnings)}::jsonb`] : [];
    const moved = await this.jobs.move(this.db, { jobId: job.id, transition: 'submitted', claimToken, set });
    this.signals.notifier.changed(job.id);
    // Nothing comes between being admitted, which is when it began to run, and this.
    if (moved) await this.outcomes.announce(moved, 'job.running', moved.eventSeq - 1);
  }

  /** A submit died under its lease: nobody is on the wire any more, and the task id never came. */
  private async recover(context: StepContext, attempt: AttemptRow): Promise<Next> {
    const can = this.calls.can(attempt);
    if (can.synchronous) return this.failures.onDeadSynchronousSubmit(context.claim, attempt);
    if (can.findByToken) return this.lookUp(context, attempt);
    if (can.idempotencyKey || can.resubmitSafe) {
      await this.attempts.releaseLease(attempt.id, attempt.leaseToken);
      return 'now';
    }
    const error = new ProviderError('timeout', 'unknown', 'The worker stopped while the request was on the wire.');
    return this.failures.onUnknown(context.claim, attempt, error);
  }

  /** Asks the provider whether the token's task exists; absence proved after the lease allows another submit. */
  private async lookUp({ claim, signal }: StepContext, attempt: AttemptRow): Promise<Next> {
    try {
      const taskId = await this.calls.call(
        attempt,
        15_000,
        signal,
        async (adapter, ctx) => (await adapter.findByToken?.(attempt.token, ctx)) ?? null,
      );
      if (taskId !== null) await this.attempts.adopt(attempt.id, taskId);
      else if (this.mayBeOnTheWire(claim, attempt))
        return { delayMs: msUntil(claim, attempt.leaseUntil ?? claim.now) + 50 };
      else await this.attempts.releaseLease(attempt.id, attempt.leaseToken);
      return 'now';
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return this.failures.whileUnknown(claim, attempt, error);
    }
  }

  /** A request that timed out may still arrive: absence is proof after the lease only, unless buying twice costs nothing. */
  private mayBeOnTheWire(claim: StepContext['claim'], attempt: AttemptRow): boolean {
    if (this.calls.can(attempt).resubmitSafe) return false;
    return attempt.leaseUntil !== null && attempt.leaseUntil > claim.now;
  }

  /** `unknown`: looked for as long as the route's `unknown_ttl` says, then lost. */
  private async reconcile(context: StepContext, attempt: AttemptRow): Promise<Next> {
    const can = this.calls.can(attempt);
    if (can.findByToken) return this.lookUp(context, attempt);
    if (!can.synchronous && !can.idempotencyKey && !can.resubmitSafe)
      return this.failures.whileUnknown(context.claim, attempt, null);
    // Such a submit is sent again, not looked for: a worker died before it had freed the attempt for that.
    const leaseMs = attempt.leaseUntil ? msUntil(context.claim, attempt.leaseUntil) : 0;
    return leaseMs > 0 ? { delayMs: leaseMs + 50 } : this.recover(context, attempt);
  }

  private taskOf(job: JobRow, attempt: AttemptRow): MediaTask {
    return {
      jobId: job.id,
      modality: job.modality,
      operation: job.operation,
      model: attempt.model,
      input: job.input,
      references: this.assets.references.resolve(job.references as PreparedReference[]),
      options: (job.providerOptions[attempt.provider] ?? {}) as MediaTask['options'],
      settings: attempt.route.settings,
    };
  }
}

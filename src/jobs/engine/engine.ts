import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { assertNever } from '../../common/errors.js';
import { jitter } from '../../common/time.js';
import { KilnConfig } from '../../config/config.js';
import { isDatabaseDown } from '../../database/connection.js';
import { Logger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';
import { OpsEvents } from '../../telemetry/ops-events.js';
import { isTerminal } from '../domain/states.js';
import { JobQueue, queueFor, type TickQueue } from '../store/job-queue.js';
import type { AttemptRow, JobRow } from '../store/rows.js';
import { ClaimsRepository, type Claim } from './claims.repository.js';
import { Deadlines } from './deadlines.js';
import { Steps } from './steps/steps.js';
import { currentAttempt, msUntil, type Next, type StepContext } from './step.js';

const INFRASTRUCTURE_RETRY_MS = 2000;
/** A claim is renewed this often within its lease. */
const RENEWALS_PER_LEASE = 3;

interface StepEnd {
  next: Next;
  /** Milliseconds until an attempt beside the current one is due. */
  strayMs: number | null;
}

const LATENESS_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60];

/** Where the engine reports. */
@Injectable()
export class EngineReports {
  private readonly lateness: ReturnType<Metrics['histogram']>;

  constructor(
    readonly logger: Logger,
    readonly ops: OpsEvents,
    metrics: Metrics,
  ) {
    const help = 'How long after its time a step was begun';
    this.lateness = metrics.histogram('kiln_tick_lateness_seconds', help, LATENESS_BUCKETS, ['stage']);
  }

  begun({ job, now }: Claim): void {
    if (job.wakeAt === null) return;
    this.lateness.observe(Math.max(now.getTime() - job.wakeAt.getTime(), 0) / 1000, { stage: job.stage ?? 'ended' });
  }
}

/**
 * Moves one job by one step at a time and says when to come back. It never throws for infrastructure: whatever is away, the
 * job stands in its row, and the message comes back a little later.
 */
@Injectable()
export class Engine {
  private readonly stopping = new AbortController();

  constructor(
    private readonly claims: ClaimsRepository,
    private readonly steps: Steps,
    private readonly deadlines: Deadlines,
    private readonly queue: JobQueue,
    private readonly config: KilnConfig,
    private readonly reports: EngineReports,
  ) {}

  /** Aborts running steps; their jobs are found again by their leases. */
  abort(): void {
    this.stopping.abort(new Error('the worker stops'));
  }

  /** Milliseconds until this message should come back, or null when it is done. */
  async advance(from: TickQueue, jobId: string, n: number): Promise<number | null> {
    try {
      for (;;) {
        if (this.stopping.signal.aborted) return 0;
        const taken = await this.claims.take(jobId, n, randomUUID(), this.config.engine.claimLeaseMs);
        switch (taken.kind) {
          case 'gone':
            return null;
          case 'later':
            return taken.delayMs;
          case 'poisoned':
            await this.quarantine(taken.job);
            return null;
          case 'taken':
            break;
          default:
            return assertNever(taken);
        }
        this.reports.begun(taken.claim);
        const comeBack = await this.step(from, taken.claim, n);
        if (comeBack !== 'again') return comeBack;
      }
    } catch (error) {
      this.reports.logger.warn({ job_id: jobId, err: error }, 'a tick could not run');
      return jitter(INFRASTRUCTURE_RETRY_MS, 0.5);
    }
  }

  private async step(from: TickQueue, claim: Claim, n: number): Promise<number | null | 'again'> {
    const lost = new AbortController();
    const renewal = setInterval(() => {
      this.claims.renew(claim, this.config.engine.claimLeaseMs).then(
        (kept) => kept || lost.abort(new Error('the claim was lost')),
        () => undefined,
      );
    }, this.config.engine.claimLeaseMs / RENEWALS_PER_LEASE);
    let step: StepEnd;
    let finished = true;
    try {
      step = await this.run({
        claim,
        signal: AbortSignal.any([lost.signal, this.stopping.signal]),
        stopping: this.stopping.signal,
      });
    } catch (error) {
      if (this.stopping.signal.aborted || isDatabaseDown(error)) {
        await this.claims.giveBack(claim).catch(() => undefined);
        throw error;
      }
      this.reports.logger.error(
        { job_id: claim.job.id, stage: claim.job.stage, err: error },
        'a step failed unexpectedly',
      );
      step = { next: { delayMs: jitter(INFRASTRUCTURE_RETRY_MS, 0.5) }, strayMs: null };
      finished = false;
    } finally {
      clearInterval(renewal);
    }
    return this.release(from, claim, n, { ...step, finished });
  }

  /** Frees the claim and decides who goes on: this message, one in another queue, or the one that a doorbell made. */
  private async release(
    from: TickQueue,
    claim: Claim,
    n: number,
    { next, strayMs, finished }: StepEnd & { finished: boolean },
  ): Promise<number | null | 'again'> {
    const delayMs = next === 'idle' ? null : next === 'now' ? 0 : next.delayMs;
    const released = await this.claims.release(claim, { nextMs: delayMs, strayMs, finished });
    if (!released || released.tick !== n) return null;
    if (next === 'idle' && (isTerminal(released.status) || released.stage === 'waiting')) return null;
    const to = queueFor(released.stage, claim.job.plan[claim.job.planIndex]?.synchronous ?? false);
    const waitMs = isTerminal(released.status) ? (delayMs ?? 0) : (released.delayMs ?? 0);
    if (to === from) return waitMs < 5 ? 'again' : waitMs;
    const tick = await this.claims.handOver(claim.job.id, n);
    if (tick !== null) await this.queue.tick(to, claim.job.id, tick, waitMs);
    return null;
  }

  private async run(context: StepContext): Promise<StepEnd> {
    const { claim } = context;
    const over = isTerminal(claim.job.status);
    const current = currentAttempt(claim);
    const strays = over ? claim.attempts : claim.attempts.filter((attempt) => attempt !== current);
    const strayMs = await this.steps.tend.run(context, [...claim.leftovers, ...strays]);
    if (over) return { next: strayMs === null ? 'idle' : { delayMs: strayMs }, strayMs };
    if (await this.deadlines.passed(claim)) return { next: 'idle', strayMs };
    const next = await this.advanceStage(context, current);
    return { next: this.capped(claim, next, strayMs), strayMs };
  }

  private async advanceStage(context: StepContext, attempt: AttemptRow | undefined): Promise<Next> {
    const { stage } = context.claim.job;
    if (stage === 'preparing') return this.steps.prepare.run(context);
    if (stage === 'waiting' || stage === null) return 'idle';
    if (stage === 'processing') return this.steps.process.run(context);
    if (!attempt) throw new Error(`a job in '${stage}' has no attempt`);
    switch (stage) {
      case 'submitting':
        return this.steps.submit.run(context, attempt);
      case 'generating':
        return this.steps.poll.run(context, attempt);
      case 'storing':
        return this.steps.store.run(context, attempt);
      default:
        return assertNever(stage);
    }
  }

  /** Not later than the deadline, nor than a stray attempt wants. */
  private capped(claim: Claim, next: Next, strayMs: number | null): Next {
    if (next === 'now' || next === 'idle') return next;
    const limits = [
      next.delayMs,
      this.deadlines.applies(claim) ? msUntil(claim, claim.job.deadlineAt) + 1 : Infinity,
      strayMs ?? Infinity,
    ];
    return { delayMs: Math.min(...limits) };
  }

  private async quarantine(job: JobRow): Promise<void> {
    const reason = `a step in '${job.stage ?? job.status}' was begun ${job.claims - 1} times and never ended`;
    await this.claims.quarantine(job.id, reason);
    await this.reports.ops.tell({
      severity: 'critical',
      type: 'job.quarantined',
      message: `A job was set aside: ${reason}.`,
      data: { job_id: job.id },
    });
  }
}

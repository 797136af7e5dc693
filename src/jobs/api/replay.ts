import { Injectable } from '@nestjs/common';
import { References } from '../../assets/references.js';
import { Ledger, overBudget } from '../../billing/ledger.js';
import { conflict, KilnError, unusable } from '../../common/errors.js';
import { Database, sql } from '../../database/database.js';
import { Notifier } from '../engine/notifier.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import { JobStart } from './create.js';
import { JobRequests, type PlannedRoutes } from './request.js';

/** What a replay would do, without doing it. */
export interface ReplayPlan extends PlannedRoutes {
  priceMicroUsd: number;
}

/** What a replay tells others. */
@Injectable()
export class ReplaySignals {
  constructor(
    readonly notifier: Notifier,
    readonly start: JobStart,
  ) {}
}

/**
 * Another run of a failed or canceled job under the same id: new deadline, new hold dated today, new terminal event. The run's
 * number is part of every row it writes, so nothing of the earlier run can be mistaken for it.
 */
@Injectable()
export class JobReplay {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly references: References,
    private readonly requests: JobRequests,
    private readonly ledger: Ledger,
    private readonly after: ReplaySignals,
  ) {}

  /** Throws 409 where the job can't be replayed now, 422 where its inputs are gone. */
  async plan(job: JobRow, route?: string): Promise<ReplayPlan> {
    if (job.status !== 'failed' && job.status !== 'canceled') {
      throw conflict(`Only failed and canceled jobs can be replayed; this one is ${job.status}.`, 'job_not_replayable');
    }
    // Retention took the request's text: JSON null is no input, and running without it would buy something else.
    if ((job.input as JobRow['input'] | null) === null) {
      throw unusable(
        'The input of this job was removed when its retention ended; post it as a new job.',
        'input',
        'input_expired',
      );
    }
    if ((await this.attempts.countOpen(this.db, job.id)) > 0) {
      throw new KilnError(
        409,
        'attempt_open',
        'An attempt of this job may still be working; replay it when that has ended.',
        { retryAfterSeconds: 15 },
      );
    }
    await this.references.assertUsable(job.keyId, job.references);
    const planned = await this.requests.planAgain(
      job.model,
      { input: job.input, operation: job.operation, references: job.references, providerOptions: job.providerOptions },
      job.routing,
      route,
    );
    return { ...planned, priceMicroUsd: Number(job.heldMicroUsd) };
  }

  /**
   * Throws as `plan` does, and 429 where the owner's day has no room for the price, whoever asks. `expectedRun` makes a batch safe to repeat:
   * a job that was replayed meanwhile is left alone (null).
   */
  async replay(job: JobRow, options: { route?: string; expectedRun?: number } = {}): Promise<JobRow | null> {
    const { routes, wake, priceMicroUsd: amountMicroUsd } = await this.plan(job, options.route);
    const full = await this.ledger.findFull(job.keyId, amountMicroUsd);
    if (full) throw overBudget(full, { amountMicroUsd });
    const preparing = job.references.length > 0;
    const replayed = await this.db
      .transaction(async (tx) => {
        const moved = await this.jobs.move(tx, {
          jobId: job.id,
          transition: preparing ? 'replayed_with_references' : 'replayed',
          data: { run: job.run + 1, ...(options.route === undefined ? {} : { route: options.route }) },
          set: [
            sql`run = run + 1`,
            sql`plan = ${JSON.stringify(routes)}::jsonb`,
            sql`plan_index = 0`,
            sql`lane = ${routes[0]?.lane ?? null}`,
            sql`route = NULL`,
            sql`attempts = 0`,
            sql`progress = NULL`,
            sql`error = NULL`,
            sql`warnings = '[]'::jsonb`,
            sql`charged_micro_usd = NULL`,
            sql`failover = false`,
            sql`deadline_at = now() + (deadline_at - queued_at)`,
            sql`start_by = now() + (start_by - queued_at)`,
            sql`queued_at = now()`,
            sql`ready_at = now()`,
            sql`started_at = NULL`,
            sql`finished_at = NULL`,
            sql`expires_at = NULL`,
            sql`claims = 0`,
            sql`ring = ring + 1`,
            sql`tick = tick + 1`,
            sql`wake_at = ${preparing ? sql`now()` : sql`least(now() + (deadline_at - queued_at), now() + (start_by - queued_at))`}`,
          ],
        });
        // The guard in `move` is by status; the run tells a second replay of the same batch from a first.
        if (
          !moved ||
          (await this.attempts.countOpen(tx, job.id)) > 0 ||
          moved.run !== (options.expectedRun ?? job.run) + 1
        )
          throw new LostRace();
        await this.references.pin(tx, job.id, job.references);
        await this.ledger.hold(tx, {
          keyId: moved.keyId,
          workId: moved.id,
          run: moved.run,
          amountMicroUsd: Number(moved.heldMicroUsd),
          price: moved.price,
        });
        return moved;
      })
      .catch((error: unknown) => {
        if (error instanceof LostRace) return null;
        throw error;
      });
    if (!replayed) return null;
    this.after.notifier.changed(replayed.id);
    this.after.start.begin(replayed, wake);
    return replayed;
  }
}

/** Someone else moved the job first: the transaction is given up. */
class LostRace extends Error {}

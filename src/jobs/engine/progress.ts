import { Injectable } from '@nestjs/common';
import { SECOND_MS } from '../../common/time.js';
import { Logger } from '../../telemetry/logger.js';
import { PROGRESS_EVENT } from '../../webhooks/progress-event.js';
import { ProgressListeners } from '../../webhooks/progress-listeners.js';
import type { JobRow } from '../store/rows.js';
import { Notifier } from './notifier.js';
import { Outcomes } from './outcome.js';
import { ProgressRepository } from './progress.repository.js';

/** A job's messages of progress are no closer together. */
export const MESSAGE_EVERY_MS = 10 * SECOND_MS;
/** Progress, 0 to 1, that is worth a message while the stage is the same. */
export const MESSAGE_STEP = 0.05;

type Listened = Pick<JobRow, 'id' | 'keyId' | 'webhook'>;

/**
 * How far jobs are: saved as it comes, from sockets and from polls, and told by `job.progress` messages where somebody asked
 * for them. A message is an event of the job with a number of its own, so that receivers can tell a late one.
 */
@Injectable()
export class Progress {
  /** When this process last looked whether a message is due, oldest first; the row decides between processes. */
  private readonly lookedAt = new Map<string, number>();

  constructor(
    private readonly rows: ProgressRepository,
    private readonly notifier: Notifier,
    private readonly listeners: ProgressListeners,
    private readonly outcomes: Outcomes,
    private readonly logger: Logger,
  ) {}

  /** `progress`: 0 to 1. */
  async save(jobId: string, attemptId: string, progress: number): Promise<void> {
    const job = await this.rows.save(jobId, attemptId, progress);
    if (!job) return;
    this.notifier.changed(jobId);
    await this.message(job, () => this.isTurn(job.id));
  }

  /** The job is in another stage now. */
  async staged(job: Listened): Promise<void> {
    await this.message(job, () => true);
  }

  /** A message is a nicety: where it fails, the work goes on. */
  private async message(job: Listened, isTurn: () => boolean): Promise<void> {
    try {
      if (!(await this.isWanted(job)) || !isTurn()) return;
      const due = { everyMs: MESSAGE_EVERY_MS, step: MESSAGE_STEP };
      await this.outcomes.announceNew(PROGRESS_EVENT, (tx) => this.rows.append(tx, job.id, due));
    } catch (error) {
      this.logger.debug({ job_id: job.id, err: error }, 'progress was not told');
    }
  }

  private async isWanted({ keyId, webhook }: Listened): Promise<boolean> {
    return (webhook?.events?.includes(PROGRESS_EVENT) ?? false) || (await this.listeners.areAny(keyId));
  }

  private isTurn(jobId: string, now = Date.now()): boolean {
    for (const [id, at] of this.lookedAt) {
      if (now - at < MESSAGE_EVERY_MS) break;
      this.lookedAt.delete(id);
    }
    if (this.lookedAt.has(jobId)) return false;
    this.lookedAt.set(jobId, now);
    return true;
  }
}

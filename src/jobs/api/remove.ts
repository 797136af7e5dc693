import { Injectable } from '@nestjs/common';
import { Outputs } from '../../assets/outputs.js';
import { conflict, KilnError, notFound } from '../../common/errors.js';
import { Database } from '../../database/database.js';
import { Webhooks } from '../../webhooks/webhooks.js';
import { isTerminal } from '../domain/states.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import { JobsRepository } from '../store/jobs.repository.js';

@Injectable()
export class JobRemoval {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly outputs: Outputs,
    private readonly webhooks: Webhooks,
  ) {}

  /**
   * Tombstone first, with the messages about it, then objects and rows: a crash in between leaves nothing readable, and the
   * sweep finishes it. Ledger and usage rows stay. 409 for a live job, and while an attempt may still be working or another job reads an output.
   */
  async remove(keyId: string, id: string): Promise<void> {
    const job = await this.jobs.ofKey(keyId, id);
    if (!job) throw notFound('job', id);
    if (!isTerminal(job.status))
      throw conflict(`The job is ${job.status}; cancel it before deleting it.`, 'job_not_finished');
    if ((await this.attempts.countOpen(this.db, id)) > 0)
      throw new KilnError(
        409,
        'attempt_open',
        'An attempt of this job may still be working; delete it when that has ended.',
        { retryAfterSeconds: 15 },
      );
    await this.db.transaction(async (tx) => {
      const locked = await this.jobs.lock(tx, id);
      if (!locked || !isTerminal(locked.status)) throw conflict('The job was replayed meanwhile.', 'job_not_finished');
      await this.outputs.assertUnpinned(tx, id);
      await this.jobs.bury(tx, id);
      await this.webhooks.removeForJob(tx, id);
    });
    await this.outputs.removeForJob(id);
  }
}

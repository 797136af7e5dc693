import { Injectable } from '@nestjs/common';
import { conflict, notFound } from '../../common/errors.js';
import { Outcomes } from '../engine/outcome.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';

@Injectable()
export class JobCancel {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly outcomes: Outcomes,
  ) {}

  /** Canceled at once where the guarded UPDATE wins; a second cancel changes nothing; 409 with the outcome where the job ended otherwise. */
  async cancel(keyId: string, id: string): Promise<JobRow> {
    const job = await this.jobs.ofKey(keyId, id);
    if (!job) throw notFound('job', id);
    const canceled =
      (await this.outcomes.end({ jobId: id, transition: 'canceled', keyId })) ?? (await this.jobs.ofKey(keyId, id));
    if (!canceled) throw notFound('job', id);
    if (canceled.status !== 'canceled')
      throw conflict(`The job had ${canceled.status} before it could be canceled.`, 'job_finished');
    return canceled;
  }
}

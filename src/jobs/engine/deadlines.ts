import { Injectable } from '@nestjs/common';
import { Outcomes } from './outcome.js';
import type { Claim } from './claims.repository.js';
import type { JobError } from '../store/rows.js';
import { currentAttempt } from './step.js';

/**
 * The deadline ends a job while the provider has not succeeded; afterwards it no longer applies, for the result is paid. Open
 * attempts live on for cancel and cost only.
 */
@Injectable()
export class Deadlines {
  constructor(private readonly outcomes: Outcomes) {}

  applies(claim: Claim): boolean {
    const { stage } = claim.job;
    if (stage === 'storing' || stage === 'processing' || stage === null) return false;
    // Back in `generating` for a fresh link to a result that is there.
    return !(stage === 'generating' && currentAttempt(claim)?.providerDoneAt);
  }

  /** Ends the job where its time is over; true when it did. */
  async passed(claim: Claim): Promise<boolean> {
    const error = this.applies(claim) ? this.error(claim) : null;
    if (!error) return false;
    await this.outcomes.end({ jobId: claim.job.id, transition: 'failed', claimToken: claim.token, error });
    return true;
  }

  private error(claim: Claim): JobError | null {
    const { job, now } = claim;
    if (job.startBy && job.startedAt === null && job.startBy <= now) {
      return {
        code: 'start_timeout',
        message: `No slot became free within start_timeout_seconds.`,
        param: null,
        retryable: true,
      };
    }
    if (job.deadlineAt > now) return null;
    const last = currentAttempt(claim);
    if (last?.state === 'unknown') {
      return {
        code: 'outcome_unknown',
        message: 'The deadline passed before the provider said whether it had accepted this job; nothing was charged.',
        param: null,
        retryable: true,
      };
    }
    const why = last?.error ? ` The last try ended with '${last.error.code}'.` : '';
    return {
      code: 'deadline_exceeded',
      message: `The job was not done by its deadline.${why}`,
      param: null,
      retryable: true,
    };
  }
}

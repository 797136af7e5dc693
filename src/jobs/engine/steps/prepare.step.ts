import { Injectable } from '@nestjs/common';
import { References, type StoredReference } from '../../../assets/references.js';
import { Database, sql } from '../../../database/database.js';
import { Admission } from '../../admission/admission.js';
import { JobsRepository } from '../../store/jobs.repository.js';
import { Outcomes } from '../outcome.js';
import type { Next, StepContext } from '../step.js';
import { StoreSignals } from './store.step.js';

const STORAGE_PAUSE_MS = 3000;

/** `preparing`: turns every reference into a safe copy of ours, then joins the lane. */
@Injectable()
export class PrepareStep {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly references: References,
    private readonly admission: Admission,
    private readonly outcomes: Outcomes,
    private readonly around: StoreSignals,
  ) {}

  async run({ claim, signal }: StepContext): Promise<Next> {
    const { job, token } = claim;
    const result = await this.references
      .prepare(job.keyId, job.id, job.references.map(asStored), signal)
      .catch(async (error: unknown) => {
        if (signal.aborted || (await this.around.storage.check())) throw error;
        return { state: 'pending' as const, retryAfterMs: STORAGE_PAUSE_MS };
      });
    switch (result.state) {
      case 'pending':
        return { delayMs: result.retryAfterMs };
      case 'unusable': {
        const error = { code: result.code, message: result.message, param: result.param, retryable: false };
        await this.outcomes.end({ jobId: job.id, transition: 'failed', claimToken: token, error });
        return 'idle';
      }
      case 'ready': {
        const references = sql`"references" = ${JSON.stringify(result.references)}::jsonb`;
        const moved = await this.jobs.move(this.db, {
          jobId: job.id,
          transition: 'prepared',
          claimToken: token,
          set: [references, sql`ready_at = now()`],
        });
        if (moved?.lane) this.admission.nudge(moved.lane);
        this.around.notifier.changed(job.id);
        return 'idle';
      }
    }
  }
}

/** A replayed job's references were prepared once; their origin is what is prepared again. */
const asStored = (reference: object): StoredReference => reference as StoredReference;

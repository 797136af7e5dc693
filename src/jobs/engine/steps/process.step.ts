import { Injectable } from '@nestjs/common';
import { ArtifactError } from '../../../assets/artifact-error.js';
import { Outputs, type DerivedOutput } from '../../../assets/outputs.js';
import { ObjectNotFound } from '../../../storage/object-store.js';
import { reach } from '../../store/fault-points.js';
import { LostResults } from '../lost-results.js';
import { Outcomes } from '../outcome.js';
import { StorageHealth } from '../storage-health.js';
import type { Next, StepContext } from '../step.js';

const STORAGE_PAUSE_MS = 3000;

/** `processing`: facts, faststart, poster, preview and the rest; then the job is done. A failed derivative is a warning. */
@Injectable()
export class ProcessStep {
  constructor(
    private readonly outputs: Outputs,
    private readonly outcomes: Outcomes,
    private readonly storage: StorageHealth,
    private readonly lost: LostResults,
  ) {}

  async run({ claim, signal }: StepContext): Promise<Next> {
    const { job, token } = claim;
    const derived: DerivedOutput[] = [];
    try {
      for (const stored of await this.outputs.stored(job.id, job.run)) {
        derived.push(await this.outputs.derive({ ...stored, jobId: job.id, run: job.run, claimToken: token }, signal));
      }
    } catch (error) {
      if (signal.aborted) throw error;
      if (!(await this.storage.check())) return { delayMs: STORAGE_PAUSE_MS };
      const attempt = claim.attempts.at(-1);
      if (error instanceof ObjectNotFound) return this.lost.giveUp(claim, attempt, 'gone', error.message);
      // It began like media, but nothing can read it: trying again brings the same.
      if (error instanceof ArtifactError) return this.lost.giveUp(claim, attempt, 'not_media', error.message);
      throw error;
    }
    await reach('process.derived', job.id);
    const ended = await this.outcomes.end({
      jobId: job.id,
      transition: 'succeeded',
      claimToken: token,
      warnings: derived.flatMap((one) => one.warnings),
      inTransaction: (tx) => this.outputs.saveDerived(tx, job.id, job.run, derived),
    });
    await reach('end.committed', job.id);
    if (ended !== null) await this.outputs.dropReplaced(derived).catch(() => undefined);
    return 'idle';
  }
}

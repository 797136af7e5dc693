import { Injectable } from '@nestjs/common';
import { ArtifactError } from '../../../assets/artifact-error.js';
import { Outputs, type StoredArtifact } from '../../../assets/outputs.js';
import { messageOf } from '../../../common/errors.js';
import { Database } from '../../../database/database.js';
import { ProviderError, type Artifact } from '../../../providers/contract.js';
import { submitBackoffMs } from '../../../routing/backoff.js';
import { AttemptsRepository } from '../../store/attempts.repository.js';
import { JobsRepository } from '../../store/jobs.repository.js';
import type { AttemptRow } from '../../store/rows.js';
import { reach } from '../../store/fault-points.js';
import { LostResults } from '../lost-results.js';
import { Notifier } from '../notifier.js';
import { Progress } from '../progress.js';
import { keptKeys, ProviderCalls } from '../provider-calls.js';
import { StorageHealth } from '../storage-health.js';
import type { Next, StepContext } from '../step.js';

const STORAGE_PAUSE_MS = 3000;
/** A provider's results live for hours or days; trying longer than this finds nothing more. */
const GIVE_UP_AFTER_MS = 6 * 3_600_000;
const MAX_FRESH_LINKS = 3;

/** What a store tells others. */
@Injectable()
export class StoreSignals {
  constructor(
    readonly notifier: Notifier,
    readonly storage: StorageHealth,
    readonly lost: LostResults,
    readonly progress: Progress,
  ) {}
}

/** `storing`: provider → object store, streamed. Keys carry the claim's token, and the output rows name the winner. */
@Injectable()
export class StoreStep {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly outputs: Outputs,
    private readonly calls: ProviderCalls,
    private readonly around: StoreSignals,
  ) {}

  async run({ claim, signal }: StepContext, attempt: AttemptRow): Promise<Next> {
    const { job, token } = claim;
    const stored: StoredArtifact[] = [];
    try {
      for (const [n, artifact] of (attempt.artifacts ?? []).entries()) {
        const open = this.opener(attempt, artifact, signal);
        const where = { jobId: job.id, keyId: job.keyId, run: job.run, n, claimToken: token };
        stored.push(
          await this.outputs.store({ ...where, artifact, open, signal, onBytes: () => reach('store.half', job.id) }),
        );
      }
    } catch (error) {
      if (signal.aborted) throw error;
      await this.discard(claim);
      return this.failed(claim, attempt, error);
    }
    await reach('store.stored', job.id);
    // What fails here may have been committed all the same: then rows name these objects, and they stay.
    const moved = await this.db.transaction(async (tx) => {
      const won = await this.jobs.move(tx, { jobId: job.id, transition: 'stored', claimToken: token });
      const of = { jobId: job.id, keyId: job.keyId, run: job.run, retentionSeconds: job.retentionSeconds };
      if (won) await this.outputs.record(tx, of, stored);
      return won;
    });
    this.around.notifier.changed(job.id);
    if (!moved) {
      await this.discard(claim);
      return 'idle';
    }
    await this.dropKept(attempt);
    await this.around.progress.staged(moved);
    return 'now';
  }

  private opener(attempt: AttemptRow, artifact: Artifact, signal: AbortSignal) {
    const { kept } = artifact;
    if (kept !== undefined) return (offset: number) => this.outputs.openKept(kept, offset);
    const adapter = this.calls.adapter(attempt);
    const ctx = this.calls.context(attempt, signal);
    return (offset: number) => adapter.openArtifact(artifact, attempt.taskId, ctx, offset);
  }

  /** What this claim stored before it failed or lost: no row will ever name it. */
  private async discard({ job, token }: StepContext['claim']): Promise<void> {
    await this.outputs.discard({ jobId: job.id, run: job.run, claimToken: token }).catch(() => undefined);
  }

  /** Stored under their own keys now. Where this fails, they go with the outputs. */
  private async dropKept({ artifacts }: AttemptRow): Promise<void> {
    await this.outputs.dropKept(keptKeys(artifacts)).catch(() => undefined);
  }

  private async failed(claim: StepContext['claim'], attempt: AttemptRow, error: unknown): Promise<Next> {
    if (!(await this.around.storage.check())) return { delayMs: STORAGE_PAUSE_MS };
    const kind =
      error instanceof ArtifactError
        ? error.kind
        : error instanceof ProviderError && error.kind === 'not_found'
          ? 'expired'
          : 'retry';
    // A fresh poll of the task brings a fresh link, where the provider makes one.
    if (kind === 'expired' && attempt.freshLinks < MAX_FRESH_LINKS) return this.askForFreshLink(claim, attempt);
    const sinceMs = claim.now.getTime() - (attempt.providerDoneAt ?? claim.now).getTime();
    if (kind === 'retry' && sinceMs < GIVE_UP_AFTER_MS)
      return { delayMs: submitBackoffMs(Math.min(1 + Math.floor(sinceMs / 5000), 6)) };
    return this.around.lost.giveUp(claim, attempt, kind === 'retry' ? 'unreachable' : kind, messageOf(error));
  }

  private async askForFreshLink(claim: StepContext['claim'], attempt: AttemptRow): Promise<Next> {
    await this.db.transaction(async (tx) => {
      const won = await this.jobs.move(tx, {
        jobId: claim.job.id,
        transition: 'link_expired',
        claimToken: claim.token,
      });
      if (won) await this.attempts.reopen(tx, attempt.id);
    });
    return { delayMs: 500 };
  }
}

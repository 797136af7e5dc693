import { Inject, Injectable } from '@nestjs/common';
import type { Adapter } from '../../providers/contract.js';
import { PROVIDERS } from '../../providers/providers.module.js';
import { JobQueue, queueFor, type TickQueue } from '../store/job-queue.js';
import type { JobStage } from '../domain/states.js';
import { ClaimsRepository } from './claims.repository.js';

/** Makes a job due now, whatever it was waiting for. */
@Injectable()
export class Doorbell {
  constructor(
    private readonly claims: ClaimsRepository,
    private readonly queue: JobQueue,
    @Inject(PROVIDERS) private readonly adapters: ReadonlyMap<string, Adapter>,
  ) {}

  /** The row is written first: where the queue is away, the reconciler rings again. */
  async ring(jobId: string): Promise<void> {
    const rung = await this.claims.ring(jobId);
    if (rung) await this.queue.tick(this.queueOf(rung.stage, rung.provider), jobId, rung.tick);
  }

  queueOf(stage: JobStage | null, provider: string | null): TickQueue {
    return queueFor(stage, provider !== null && (this.adapters.get(provider)?.can.synchronous ?? false));
  }
}

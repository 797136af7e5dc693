import { Injectable } from '@nestjs/common';
import { JobQueue, queueFor } from '../store/job-queue.js';
import { ClaimsRepository } from './claims.repository.js';

/** Makes a job due, whatever it was waiting for. */
@Injectable()
export class Doorbell {
  constructor(
    private readonly claims: ClaimsRepository,
    private readonly queue: JobQueue,
  ) {}

  /** At once, or `delayMs` from now, where nothing is due earlier. The row is written first: where the queue is away, the reconciler rings again. */
  async ring(jobId: string, delayMs = 0): Promise<void> {
    const rung = await this.claims.ring(jobId, { delayMs });
    if (rung) await this.queue.tick(queueFor(rung.stage, rung.synchronous), jobId, rung.tick, rung.delayMs);
  }
}

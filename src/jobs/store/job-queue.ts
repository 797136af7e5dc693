import { Injectable } from '@nestjs/common';
import { Enqueue } from '../../queue/enqueue.js';
import type { JobStage } from '../domain/states.js';

export type TickQueue = 'tick' | 'transfer' | 'media';

/** Which queue a job's next step belongs to: short calls, long transfers and decoding never wait for each other. */
export function queueFor(stage: JobStage | null, synchronousSubmit: boolean): TickQueue {
  switch (stage) {
    case 'preparing':
    case 'processing':
      return 'media';
    case 'storing':
      return 'transfer';
    case 'submitting':
      return synchronousSubmit ? 'transfer' : 'tick';
    case 'waiting':
    case 'generating':
    case null:
      return 'tick';
  }
}

/** Ticks are new queue jobs each time, `{job}-{n}`: an id that exists is ignored by the queue in every state. */
@Injectable()
export class JobQueue {
  constructor(private readonly queue: Enqueue) {}

  async tick(queue: TickQueue, jobId: string, n: number, delayMs = 0): Promise<void> {
    await this.queue.enqueue(queue, `${jobId}-${n}`, { jobId, n }, { delayMs });
  }
}

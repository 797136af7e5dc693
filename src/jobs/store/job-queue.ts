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

const TICK_QUEUES: readonly TickQueue[] = ['tick', 'transfer', 'media'];
/** Stages whose messages may stand in a queue. */
const STAGES: Readonly<Record<TickQueue, readonly JobStage[]>> = {
  tick: ['submitting', 'generating'],
  transfer: ['submitting', 'storing'],
  media: ['preparing', 'processing'],
};
/** A line as long as this takes its time, and being late says nothing of being lost. */
const CONGESTED_AT = 200;

/** Ticks are new queue jobs each time, `{job}-{n}`: an id that exists is ignored by the queue in every state. */
@Injectable()
export class JobQueue {
  constructor(private readonly queue: Enqueue) {}

  async tick(queue: TickQueue, jobId: string, n: number, delayMs = 0): Promise<void> {
    await this.queue.enqueue(queue, `${jobId}-${n}`, { jobId, n }, { delayMs });
  }

  /** Stages with long lines before their workers. To ring their jobs again would send them to the end of the line. */
  async congested(): Promise<JobStage[]> {
    const lines = await Promise.all(
      TICK_QUEUES.map(async (queue) => ({ queue, length: await this.queue.backlog(queue) })),
    );
    return lines.filter(({ length }) => length >= CONGESTED_AT).flatMap(({ queue }) => STAGES[queue]);
  }
}

import { Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Logger } from '../telemetry/logger.js';
import { Metrics } from '../telemetry/metrics.js';
import { MESSAGE_OPTIONS, type Payload, QUEUES, type QueueName } from './queues.js';

/** How long an enqueue waits for the queue's server; the reconciler rings again for what did not get there. */
const ADD_TIMEOUT_MS = 2000;
/** After a failure nobody waits for this long, so that an outage does not slow every request. */
const PAUSE_AFTER_FAILURE_MS = 1000;

export type QueueMap = Readonly<Record<QueueName, Pick<Queue, 'add' | 'getWaitingCount'>>>;

/**
 * Puts a message on a queue. Never throws: the row that asked for the message stands in PostgreSQL, and the reconciler
 * finds it when the queue's server was away.
 */
@Injectable()
export class Enqueue {
  private readonly lost: ReturnType<Metrics['counter']>;
  private pausedUntil = 0;

  constructor(
    private readonly queues: QueueMap,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.lost = metrics.counter('kiln_queue_add_failures_total', 'Messages that did not reach the queue', ['queue']);
  }

  /**
   * `id` is new for each message (`{row}-{n}`): BullMQ ignores an id it holds in any state.
   * @returns whether the message is on the queue.
   */
  async enqueue<Q extends QueueName>(
    queue: Q,
    id: string,
    payload: Payload<Q>,
    options: { delayMs?: number } = {},
  ): Promise<boolean> {
    if (Date.now() < this.pausedUntil) {
      this.lost.inc({ queue });
      return false;
    }
    const data: unknown = QUEUES[queue].payload.parse(payload);
    const adding = this.queues[queue].add(queue, data, {
      ...MESSAGE_OPTIONS,
      jobId: id,
      delay: Math.max(0, Math.round(options.delayMs ?? 0)),
    });
    const timeout = new AbortController();
    try {
      await Promise.race([adding, expire(timeout.signal)]);
      return true;
    } catch (error) {
      // The add may still happen later, or fail again: both are harmless now.
      adding.catch(() => undefined);
      this.pausedUntil = Date.now() + PAUSE_AFTER_FAILURE_MS;
      this.lost.inc({ queue });
      this.logger.warn(
        { err: error, queue, message_id: id },
        'a message did not reach the queue; the reconciler will ring again',
      );
      return false;
    } finally {
      timeout.abort();
    }
  }

  /** Messages that are due and wait for a worker; 0 where the queue's server does not say. */
  async backlog(queue: QueueName): Promise<number> {
    const timeout = new AbortController();
    const counting = this.queues[queue].getWaitingCount();
    try {
      return await Promise.race([counting, expire(timeout.signal)]);
    } catch {
      counting.catch(() => undefined);
      return 0;
    } finally {
      timeout.abort();
    }
  }
}

function expire(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the queue did not answer in ${ADD_TIMEOUT_MS} ms`)),
      ADD_TIMEOUT_MS,
    );
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}

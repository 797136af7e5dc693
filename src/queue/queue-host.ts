import { WorkerHost } from '@nestjs/bullmq';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { DelayedError, type Job } from 'bullmq';
import { jitter } from '../common/time.js';
import type { Logger } from '../telemetry/logger.js';
import { type Payload, QUEUES, type QueueName } from './queues.js';

/** For another version's worker to take: a message whose payload this version does not know. */
const GIVE_BACK_MS = 30_000;
const FAILURE_RETRY_MS = 5000;

/**
 * A worker of one queue: parses the payload, makes one call, and comes back later when told to.
 *
 *     @Processor('tick', WORKER_OPTIONS)
 *     export class TickWorker extends QueueHost<'tick'> { … handle({ jobId, n }) { return this.engine.advance('tick', jobId, n); } }
 */
export abstract class QueueHost<Q extends QueueName> extends WorkerHost implements OnApplicationBootstrap {
  constructor(
    private readonly queue: Q,
    private readonly concurrency: number,
    protected readonly logger: Logger,
  ) {
    super();
  }

  /** Milliseconds until the same message should come back, or null when it is done. */
  abstract handle(payload: Payload<Q>): Promise<number | null>;

  /** Starts once the whole application is ready, not while its modules are being made. */
  onApplicationBootstrap(): void {
    this.worker.concurrency = this.concurrency;
    this.worker.on('error', (error) =>
      this.logger.warn({ err: error, queue: this.queue }, 'a worker has trouble with its queue'),
    );
    this.worker.on('failed', (message, error) =>
      this.logger.error(
        { err: error, queue: this.queue, message_id: message?.id },
        'a message was lost; the reconciler will ring again',
      ),
    );
    this.worker
      .run()
      .catch((error: unknown) => this.logger.error({ err: error, queue: this.queue }, 'a worker stopped'));
  }

  async process(message: Job, token?: string): Promise<void> {
    const comeBackMs = await this.attempt(message);
    if (comeBackMs === null) return;
    // A fraction of a millisecond is no time to a queue: the message would be lost.
    await message.moveToDelayed(Date.now() + Math.max(Math.ceil(comeBackMs), 1), token);
    throw new DelayedError();
  }

  private async attempt(message: Job): Promise<number | null> {
    const payload = QUEUES[this.queue].payload.safeParse(message.data);
    if (!payload.success) {
      this.logger.warn({ queue: this.queue, message_id: message.id }, 'a message of another version is given back');
      return jitter(GIVE_BACK_MS);
    }
    try {
      return await this.handle(payload.data as Payload<Q>);
    } catch (error) {
      this.logger.error({ err: error, queue: this.queue, message_id: message.id }, 'a message failed and comes back');
      return jitter(FAILURE_RETRY_MS);
    }
  }
}

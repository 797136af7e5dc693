import { Processor } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import { KilnConfig } from '../src/config/config.js';
import { Engine } from '../src/jobs/engine/engine.js';
import { QueueHost } from '../src/queue/queue-host.js';
import { type Payload, WORKER_OPTIONS } from '../src/queue/queues.js';
import { Logger } from '../src/telemetry/logger.js';

/** Short provider calls. */
@Injectable()
@Processor('tick', WORKER_OPTIONS)
export class TickWorker extends QueueHost<'tick'> {
  constructor(
    private readonly engine: Engine,
    config: KilnConfig,
    logger: Logger,
  ) {
    super('tick', config.queue.concurrency.tick, logger);
  }

  handle({ jobId, n }: Payload<'tick'>): Promise<number | null> {
    return this.engine.advance('tick', jobId, n);
  }
}

/** Synchronous submits and stores, which take as long as they take. */
@Injectable()
@Processor('transfer', WORKER_OPTIONS)
export class TransferWorker extends QueueHost<'transfer'> {
  constructor(
    private readonly engine: Engine,
    config: KilnConfig,
    logger: Logger,
  ) {
    super('transfer', config.queue.concurrency.transfer, logger);
  }

  handle({ jobId, n }: Payload<'transfer'>): Promise<number | null> {
    return this.engine.advance('transfer', jobId, n);
  }
}

import { Processor } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import { Uploads } from '../src/assets/uploads.js';
import { KilnConfig } from '../src/config/config.js';
import { Engine } from '../src/jobs/engine/engine.js';
import { QueueHost } from '../src/queue/queue-host.js';
import { type Payload, WORKER_OPTIONS } from '../src/queue/queues.js';
import { Logger } from '../src/telemetry/logger.js';

/** Everything that decodes: references and results of jobs, and uploads. */
@Injectable()
@Processor('media', WORKER_OPTIONS)
export class MediaWorker extends QueueHost<'media'> {
  constructor(
    private readonly engine: Engine,
    private readonly uploads: Uploads,
    config: KilnConfig,
    logger: Logger,
  ) {
    super('media', config.queue.concurrency.media, logger);
  }

  async handle(payload: Payload<'media'>): Promise<number | null> {
    if ('jobId' in payload) return this.engine.advance('media', payload.jobId, payload.n);
    await this.uploads.decide(payload.uploadId);
    return null;
  }
}

import { Processor } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import { KilnConfig } from '../src/config/config.js';
import { QueueHost } from '../src/queue/queue-host.js';
import { type Payload, WORKER_OPTIONS } from '../src/queue/queues.js';
import { Logger } from '../src/telemetry/logger.js';
import { Webhooks } from '../src/webhooks/webhooks.js';

/** One message a delivery: a dead receiver delays nobody else. */
@Injectable()
@Processor('webhook', WORKER_OPTIONS)
export class WebhookWorker extends QueueHost<'webhook'> {
  constructor(
    private readonly webhooks: Webhooks,
    config: KilnConfig,
    logger: Logger,
  ) {
    super('webhook', config.queue.concurrency.webhook, logger);
  }

  handle({ deliveryId, n }: Payload<'webhook'>): Promise<number | null> {
    return this.webhooks.deliver(deliveryId, n);
  }
}

import { Processor } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import { KilnConfig } from '../src/config/config.js';
import { QueueHost } from '../src/queue/queue-host.js';
import { type Payload, WORKER_OPTIONS } from '../src/queue/queues.js';
import { Logger } from '../src/telemetry/logger.js';
import { WebhookSender } from '../src/webhooks/sender.js';

/** One message a delivery: a dead receiver delays nobody else. */
@Injectable()
@Processor('webhook', WORKER_OPTIONS)
export class WebhookWorker extends QueueHost<'webhook'> {
  constructor(
    private readonly sender: WebhookSender,
    config: KilnConfig,
    logger: Logger,
  ) {
    super('webhook', config.queue.concurrency.webhook, logger);
  }

  handle({ deliveryId, n }: Payload<'webhook'>): Promise<number | null> {
    return this.sender.deliver(deliveryId, n);
  }
}

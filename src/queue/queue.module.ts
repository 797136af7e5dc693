import { BullModule, getQueueToken } from '@nestjs/bullmq';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { KilnConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { Logger } from '../telemetry/logger.js';
import { Metrics } from '../telemetry/metrics.js';
import { queueOptions } from './backend.js';
import { Enqueue, type QueueMap } from './enqueue.js';
import { QUEUE_NAMES } from './queues.js';

const root = BullModule.forRootAsync({
  inject: [KilnConfig, Database],
  useFactory: (config: KilnConfig, database: Database) =>
    queueOptions({ redisUrl: config.redis?.url ?? null, databaseUrl: database.url, prefix: config.queue.prefix }),
});
const queues = BullModule.registerQueue(...QUEUE_NAMES.map((name) => ({ name })));

/** Gives Enqueue to every module, and to `@Processor` classes the queues' options. */
@Global()
@Module({})
export class QueueModule {
  static forRoot(): DynamicModule {
    return {
      module: QueueModule,
      imports: [root, queues],
      providers: [
        {
          provide: Enqueue,
          inject: [Logger, Metrics, ...QUEUE_NAMES.map((name) => getQueueToken(name))],
          useFactory: (logger: Logger, metrics: Metrics, ...made: Queue[]) => {
            for (const queue of made)
              queue.on('error', (error) =>
                logger.warn({ err: error, queue: queue.name }, 'a queue has trouble with its server'),
              );
            const map = Object.fromEntries(QUEUE_NAMES.map((name, i) => [name, made[i]])) as unknown as QueueMap;
            return new Enqueue(map, logger, metrics);
          },
        },
      ],
      exports: [Enqueue, queues],
    };
  }
}

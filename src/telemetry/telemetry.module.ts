import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Logger } from './logger.js';
import { Metrics } from './metrics.js';
import { OpsEvents } from './ops-events.js';
import { OpsEventsRepository } from './ops-events.repository.js';

/** Gives Logger, Metrics and OpsEvents to every module; needs Database. */
@Global()
@Module({})
export class TelemetryModule {
  static forRoot(logger: Logger, metrics: Metrics = new Metrics()): DynamicModule {
    return {
      module: TelemetryModule,
      providers: [
        { provide: Logger, useValue: logger },
        { provide: Metrics, useValue: metrics },
        OpsEventsRepository,
        OpsEvents,
      ],
      exports: [Logger, Metrics, OpsEvents],
    };
  }
}

import { Module } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Logger } from '../telemetry/logger.js';
import { Metrics } from '../telemetry/metrics.js';
import { OpsEvents } from '../telemetry/ops-events.js';
import { AbandonedHolds } from './abandoned-holds.js';
import { Ledger } from './ledger.js';
import { SyncHolds } from './sync-holds.js';

/** Prices are plain functions; this offers the books. Expects Database and telemetry from global modules. */
@Module({
  providers: [
    { provide: Ledger, inject: [Database], useFactory: (db: Database) => new Ledger(db) },
    {
      provide: SyncHolds,
      inject: [Database, Logger, Metrics, OpsEvents],
      useFactory: (db: Database, logger: Logger, metrics: Metrics, ops: OpsEvents) =>
        new SyncHolds({ db, logger, metrics, ops }),
    },
    {
      provide: AbandonedHolds,
      inject: [Database, OpsEvents, Metrics],
      useFactory: (db: Database, ops: OpsEvents, metrics: Metrics) => new AbandonedHolds(db, ops, metrics),
    },
  ],
  exports: [Ledger, SyncHolds, AbandonedHolds],
})
export class BillingModule {
  constructor(private readonly holds: SyncHolds) {}

  /** After the HTTP server has closed: requests that were running have settled by then. */
  async onApplicationShutdown(): Promise<void> {
    await this.holds.stop();
  }
}

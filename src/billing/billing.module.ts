import { Module } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Ledger } from './ledger.js';

/** Prices are plain functions; this offers the ledger. Expects Database from a global module. */
@Module({
  providers: [{ provide: Ledger, inject: [Database], useFactory: (db: Database) => new Ledger(db) }],
  exports: [Ledger],
})
export class BillingModule {}

import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Database } from './database.js';

/**
 * Gives Database to every module. Whoever opened it closes it, after the application: workers and streams that are
 * still draining need it to the end.
 */
@Global()
@Module({})
export class DatabaseModule {
  static forRoot(database: Database): DynamicModule {
    return { module: DatabaseModule, providers: [{ provide: Database, useValue: database }], exports: [Database] };
  }
}

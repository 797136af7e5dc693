import { Global, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { IdempotencyRepository } from './idempotency.repository.js';
import { Idempotency, IDEMPOTENCY_TIMES, type IdempotencyTimes } from './idempotency.js';

const TIMES: IdempotencyTimes = { leaseMs: 30_000, waitMs: 25_000, lookEveryMs: 200 };

@Global()
@Module({
  providers: [
    Idempotency,
    IdempotencyRepository,
    { provide: IDEMPOTENCY_TIMES, useValue: TIMES },
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
  ],
  exports: [Idempotency, IdempotencyRepository],
})
export class IdempotencyModule {}

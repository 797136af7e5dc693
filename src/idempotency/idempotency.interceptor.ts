import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import type { AdminRequest } from '../keys/admin.guard.js';
import { readIdempotencyKey } from './idempotency-key.js';
import type { IdempotencyScope } from './idempotency.repository.js';
import { Idempotency } from './idempotency.js';

const OWN_IDEMPOTENCY = 'kiln:own-idempotency';

/** On a POST that looks after its `Idempotency-Key` itself. */
export const OwnIdempotency = (): MethodDecorator => SetMetadata(OWN_IDEMPOTENCY, true);

/** `Idempotency-Key` on every POST that has an owner. Stands outside all other interceptors: a repetition has no effect at all. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly idempotency: Idempotency,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> | Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<AdminRequest>();
    const keyId = request.authKey?.id ?? request.adminActor;
    if (request.method !== 'POST' || keyId === undefined) return next.handle();
    if (this.reflector.get<boolean | undefined>(OWN_IDEMPOTENCY, context.getHandler())) return next.handle();
    const key = readIdempotencyKey(request.headers);
    if (key === null) return next.handle();
    const [path = ''] = request.url.split('?');
    return this.claim(request, http.getResponse<FastifyReply>(), { keyId, path, key }).then(() => next.handle());
  }

  private async claim(request: AdminRequest, { raw }: FastifyReply, scope: IdempotencyScope): Promise<void> {
    const gone = new AbortController();
    const hangUp = (): void => gone.abort();
    raw.once('close', hangUp);
    try {
      await this.idempotency.begin(request, scope, gone.signal);
    } finally {
      raw.off('close', hangUp);
    }
  }
}

import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { lastValueFrom, type Observable, of } from 'rxjs';
import { KilnError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { JsonObject } from '../common/json.js';
import type { AdminRequest } from '../keys/admin.guard.js';
import { AuditRepository } from './audit.repository.js';

const AUDIT_ACTION = 'kiln:audit-action';

/** Names what a handler does, for `admin_audit`. Every POST, PATCH and DELETE under /admin has one. */
export const Audited = (action: string): MethodDecorator => SetMetadata(AUDIT_ACTION, action);

const notes = new WeakMap<FastifyRequest, JsonObject>();

/** What the row says of the request, instead of its body: what was changed, say. Never a secret. */
export function auditAs(request: FastifyRequest, data: object): void {
  notes.set(request, data as JsonObject);
}

/** Writes who did what: once it was done, or with the reason where it was refused. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly audit: AuditRepository,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler<unknown>): Promise<Observable<unknown>> {
    const action = this.reflector.get<string | undefined>(AUDIT_ACTION, context.getHandler());
    if (action === undefined) return next.handle();
    const request = context.switchToHttp().getRequest<AdminRequest>();
    const actor = request.adminActor ?? '';
    const write = (target: string, data: JsonObject): Promise<void> =>
      this.audit.insert({ id: newId('aud'), actor, action, target, data });
    let result: unknown;
    try {
      result = await lastValueFrom(next.handle(), { defaultValue: undefined });
    } catch (error) {
      // The body of a refused request was not checked: nothing of it is kept.
      const refused = error instanceof KilnError ? error.type : 'internal_error';
      await write(targetOf(request), { refused }).catch(() => undefined);
      throw error;
    }
    await write(targetOf(request) || idOf(result), notes.get(request) ?? ((request.body ?? {}) as JsonObject));
    return of(result);
  }
}

/** What the path names: an id, or an id with the action on it (`comfyui/pause`, `veo-3.1/vertex/drain`). */
function targetOf(request: AdminRequest): string {
  return Object.values(request.params as Record<string, string>)
    .join('/')
    .slice(0, 250);
}

const idOf = (result: unknown): string => {
  const id = (result as { id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' ? id : '';
};

import { timingSafeEqual } from 'node:crypto';
import {
  type CanActivate,
  createParamDecorator,
  type CustomDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { KilnError } from '../common/errors.js';
import { sha256 } from '../common/ids.js';
import { hasRole, type KeyRole } from './auth-key.js';
import { type AuthenticatedRequest, authenticate, secretOf } from './key.guard.js';
import { Keys } from './keys.js';

export interface AdminAccess {
  /** `KILN_ADMIN_KEY`. */
  adminKey: string | null;
  /** Without an admin key, `/admin` does not exist outside the embedded mode. */
  embedded: boolean;
}

export const ADMIN_ACCESS = Symbol('ADMIN_ACCESS');

export interface AdminRequest extends AuthenticatedRequest {
  /** Who acts, for the audit: `admin` or a key's id. */
  adminActor?: string;
}

const NEEDS_ROLE = 'kiln:needs-role';

/** On a handler, or a controller for all of its handlers, behind AdminGuard. Where neither has one, it takes an admin. */
export const NeedsRole = (role: Exclude<KeyRole, 'app'>): CustomDecorator => SetMetadata(NEEDS_ROLE, role);

/** Lets `KILN_ADMIN_KEY` pass, and keys of the role that the handler needs. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(
    private readonly keys: Keys,
    @Inject(ADMIN_ACCESS) private readonly access: AdminAccess,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AdminRequest>();
    const { adminKey, embedded } = this.access;
    if (adminKey === null && !embedded) {
      throw new KilnError(404, 'not_found', 'There is nothing here.');
    }
    const secret = secretOf(request);
    // Hashes have one length, so that the comparison takes one time.
    if (adminKey !== null && secret !== null && timingSafeEqual(sha256(secret), sha256(adminKey))) {
      request.adminActor = 'admin';
      return true;
    }
    const key = await authenticate(this.keys, request);
    const declared = this.reflector.getAllAndOverride<KeyRole | undefined>(NEEDS_ROLE, [
      context.getHandler(),
      context.getClass(),
    ]);
    const needed = declared ?? 'admin';
    if (!hasRole(key.role, needed)) {
      throw new KilnError(
        403,
        'permission_denied',
        `This needs a key with the role '${needed}'; the role of key '${key.name}' is '${key.role}'.`,
      );
    }
    request.adminActor = key.id;
    return true;
  }
}

/** Who passed AdminGuard: `admin` or a key's id. */
export const AdminActor = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const { adminActor } = context.switchToHttp().getRequest<AdminRequest>();
  if (adminActor === undefined) throw new Error('AdminActor is used on a route without AdminGuard');
  return adminActor;
});

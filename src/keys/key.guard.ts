import {
  type CanActivate,
  createParamDecorator,
  type CustomDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthKey } from './auth-key.js';
import { invalidKey, Keys } from './keys.js';
import { rateHeaders, tooManyRequests } from './rate-headers.js';
import { RateLimits } from './rate-limits.js';

export interface AuthenticatedRequest extends FastifyRequest {
  authKey?: AuthKey;
}

const ASKS_FOR_WORK = 'kiln:asks-for-work';

/** On a POST that asks for work: it counts against the key's requests a minute. */
export const AsksForWork = (): CustomDecorator => SetMetadata(ASKS_FOR_WORK, true);

/** `Authorization: Bearer …` or `x-api-key: …`; null when neither is there. */
export function secretOf(request: Pick<FastifyRequest, 'headers'>): string | null {
  const apiKey = request.headers['x-api-key'];
  if (typeof apiKey === 'string' && apiKey !== '') return apiKey.trim();
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
  return bearer ?? null;
}

/**
 * Throws 401, 403 for an address that the key may not be used from, or 503 while the database is away: a client must not
 * take an outage for a wrong key.
 */
export async function authenticate(keys: Keys, request: AuthenticatedRequest): Promise<AuthKey> {
  const secret = secretOf(request);
  if (secret === null) {
    throw invalidKey("No API key: send 'Authorization: Bearer sk-…' or 'x-api-key: sk-…'.");
  }
  const key = await keys.authenticate(secret, request.ip);
  if (key === null) throw invalidKey('The API key is not valid.');
  request.authKey = key;
  return key;
}

@Injectable()
export class KeyGuard implements CanActivate {
  constructor(
    private readonly keys: Keys,
    private readonly limits: RateLimits,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const { id, requestsPerMinute } = await authenticate(this.keys, request);
    if (requestsPerMinute === null || !this.reflector.get<boolean | undefined>(ASKS_FOR_WORK, context.getHandler()))
      return true;
    const state = await this.limits.take(id, requestsPerMinute);
    http.getResponse<FastifyReply>().headers(rateHeaders(state, request.url, new Date()));
    if (!state.admitted) throw tooManyRequests(state);
    return true;
  }
}

/** The key that KeyGuard or AdminGuard found. */
export const CurrentKey = createParamDecorator((_data: unknown, context: ExecutionContext): AuthKey => {
  const { authKey } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (authKey === undefined) throw new Error('CurrentKey is used on a route without KeyGuard');
  return authKey;
});

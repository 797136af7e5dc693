import { type CanActivate, createParamDecorator, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { KilnError } from '../common/errors.js';
import type { AuthKey } from './auth-key.js';
import { Keys } from './keys.js';

export interface AuthenticatedRequest extends FastifyRequest {
  authKey?: AuthKey;
}

const unauthorized = (message: string): KilnError =>
  new KilnError(401, 'authentication_error', message, {
    code: 'invalid_api_key',
    headers: { 'www-authenticate': 'Bearer' },
  });

/** `Authorization: Bearer …` or `x-api-key: …`; null when neither is there. */
export function secretOf(request: Pick<FastifyRequest, 'headers'>): string | null {
  const apiKey = request.headers['x-api-key'];
  if (typeof apiKey === 'string' && apiKey !== '') return apiKey.trim();
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
  return bearer ?? null;
}

/** Throws 401, or 503 while the database is away: a client must not take an outage for a wrong key. */
export async function authenticate(keys: Keys, request: AuthenticatedRequest): Promise<AuthKey> {
  const secret = secretOf(request);
  if (secret === null) {
    throw unauthorized("No API key: send 'Authorization: Bearer sk-…' or 'x-api-key: sk-…'.");
  }
  const key = await keys.authenticate(secret);
  if (key === null) throw unauthorized('The API key is not valid.');
  request.authKey = key;
  return key;
}

@Injectable()
export class KeyGuard implements CanActivate {
  constructor(private readonly keys: Keys) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    await authenticate(this.keys, context.switchToHttp().getRequest<AuthenticatedRequest>());
    return true;
  }
}

/** The key that KeyGuard or AdminGuard found. */
export const CurrentKey = createParamDecorator((_data: unknown, context: ExecutionContext): AuthKey => {
  const { authKey } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (authKey === undefined) throw new Error('CurrentKey is used on a route without KeyGuard');
  return authKey;
});

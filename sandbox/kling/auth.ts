import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { KlingError } from './errors.js';

export type Generation = 'current' | 'legacy';

/** The sandbox's key is an API key, and both halves of a pair of keys: `sandbox` takes JWTs of `sandbox:sandbox` too. */
function pairOf(key: string): { accessKey: string; secretKey: string } {
  const [accessKey = '', secretKey = accessKey] = key.split(/:(.*)/s);
  return { accessKey, secretKey };
}

/** Throws a KlingError 1001 to 1004. The current generation takes API keys only. */
export function checkAuth(request: FastifyRequest, key: string, generation: Generation, nowMs: number): void {
  const header = request.headers.authorization;
  if (header === undefined || header === '') throw new KlingError(1001, 'Authorization is empty');
  const token = /^Bearer (\S+)$/.exec(header)?.[1];
  if (token === undefined) throw new KlingError(1002, 'Authorization is invalid');
  if (token === key) return;
  if (generation === 'current')
    throw new KlingError(
      1002,
      'Authentication error. The current API does not support AK/SK; please go to the console to create API key.',
    );
  checkJwt(token, pairOf(key), nowMs / 1000);
}

function checkJwt(token: string, pair: { accessKey: string; secretKey: string }, nowSeconds: number): void {
  const [header = '', payload = '', signature = '', ...more] = token.split('.');
  if (signature === '' || more.length > 0)
    throw new KlingError(1002, `The token was expected to have 3 parts, but got ${token.split('.').length - 1}`);
  const expected = createHmac('sha256', pair.secretKey).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, 'base64url');
  const claims = readPart(payload);
  const isSigned =
    readPart(header)['alg'] === 'HS256' && given.length === expected.length && timingSafeEqual(given, expected);
  if (!isSigned || claims['iss'] !== pair.accessKey) throw new KlingError(1002, 'Authorization is invalid');
  if (typeof claims['nbf'] === 'number' && claims['nbf'] > nowSeconds)
    throw new KlingError(1003, 'Authorization is not yet valid');
  if (typeof claims['exp'] !== 'number' || claims['exp'] <= nowSeconds)
    throw new KlingError(1004, 'Authorization has expired');
}

function readPart(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  } catch {
    throw new KlingError(1002, 'Authorization is invalid');
  }
}

import { randomUUID } from 'node:crypto';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

/** HTTP status of each of Kling's codes. */
const HTTP_OF = {
  1001: 401,
  1002: 401,
  1003: 401,
  1004: 401,
  1200: 400,
  1201: 400,
  1202: 404,
  1203: 404,
  1301: 400,
  1303: 429,
  5000: 500,
  5001: 503,
} as const;

export type KlingCode = keyof typeof HTTP_OF;

/** An error as Kling answers it: `{"code","message","request_id"}`. */
export class KlingError extends Error {
  readonly http: number;

  constructor(
    readonly code: KlingCode,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
    this.http = HTTP_OF[code];
  }
}

export const invalid = (message: string): KlingError => new KlingError(1201, message);

export const wrapped = (data: unknown): object => ({ code: 0, message: 'SUCCEED', request_id: randomUUID(), data });

export function answerKlingError(
  error: FastifyError | KlingError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const isClientError = 'statusCode' in error && error.statusCode !== undefined && error.statusCode < 500;
  const known =
    error instanceof KlingError ? error : new KlingError(isClientError ? 1200 : 5000, error.message || 'unknown');
  return reply
    .code(known.http)
    .headers(known.headers)
    .send({ code: known.code, message: known.message, request_id: randomUUID() });
}

/** Shows a fault of a submit or a poll; false when `name` is none of those. `value` is the seconds to wait after a 429. */
export function showFault(reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      throw new KlingError(
        1303,
        'parallel task over resource pack limit',
        value === null ? {} : { 'retry-after': String(value) },
      );
    case 'internal':
      throw new KlingError(5000, 'Service internal error');
    case 'unavailable':
      throw new KlingError(5001, 'Service temporarily unavailable');
    case 'blocked':
      throw new KlingError(1301, 'The request content triggers the content security policy of the platform');
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

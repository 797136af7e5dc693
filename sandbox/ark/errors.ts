import { randomBytes } from 'node:crypto';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

/** An error as Ark answers it: `{"error":{"code","message","param","type"}}`, where the code is what clients branch on. */
export class ArkError extends Error {
  constructor(
    readonly http: number,
    readonly code: string,
    message: string,
    readonly param = '',
  ) {
    super(message);
  }

  body(): object {
    const requestId = `0217${randomBytes(16).toString('hex')}`;
    return {
      error: {
        code: this.code,
        message: `${this.message} Request id: ${requestId}`,
        param: this.param,
        type: TYPES[this.http] ?? 'InternalServerError',
      },
    };
  }
}

const TYPES: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  413: 'BadRequest',
  429: 'TooManyRequests',
};

export const invalid = (param: string, why: string, code = 'InvalidParameter'): ArkError =>
  new ArkError(400, code, `The parameter \`${param}\` specified in the request is not valid: ${why}.`, param);

export const missing = (param: string): ArkError =>
  new ArkError(400, 'MissingParameter', `The request failed because it is missing \`${param}\` parameter.`, param);

export const unauthenticated = (): ArkError =>
  new ArkError(401, 'AuthenticationError', 'The API key or AK/SK in the request is missing or invalid.');

export const unknownTask = (id: string): ArkError =>
  new ArkError(404, 'ResourceNotFound', `The specified task ${id} is not found.`);

export function answerArkError(
  error: FastifyError | ArkError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = error instanceof ArkError ? error : toArkError(error);
  return reply.code(known.http).send(known.body());
}

function toArkError(error: FastifyError): ArkError {
  const status = error.statusCode ?? 500;
  return status < 500
    ? new ArkError(status === 413 ? 413 : 400, 'InvalidParameter', `The request body is not valid: ${error.message}.`)
    : new ArkError(500, 'InternalServiceError', error.message);
}

/** Shows a fault of a submit or a poll; false when `name` is none of those. */
export function showFault(reply: FastifyReply, name: FaultName): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      throw new ArkError(
        429,
        'RateLimitExceeded.EndpointRPMExceeded',
        'The Requests Per Minute (RPM) limit of the associated endpoint for your account has been exceeded.',
      );
    case 'internal':
      throw new ArkError(500, 'InternalServiceError', 'The service encountered an unexpected internal error.');
    case 'unavailable':
      throw new ArkError(503, 'ServiceUnavailable', 'The service is temporarily unavailable.');
    case 'blocked':
      throw new ArkError(
        400,
        'InputTextSensitiveContentDetected',
        'The request failed because the input text may contain sensitive information.',
      );
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

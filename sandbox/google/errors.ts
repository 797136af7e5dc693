import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

const HTTP_OF = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const;

export type GoogleStatus = keyof typeof HTTP_OF;

/** An error as Google's REST surfaces answer it: `{"error":{"code","message","status","details"?}}`. */
export class GoogleError extends Error {
  readonly http: number;

  constructor(
    readonly status: GoogleStatus,
    message: string,
    readonly details: object[] | null = null,
  ) {
    super(message);
    this.http = HTTP_OF[status];
  }

  body(): object {
    return {
      error: {
        code: this.http,
        message: this.message,
        status: this.status,
        ...(this.details === null ? {} : { details: this.details }),
      },
    };
  }
}

export function invalid(message: string): GoogleError {
  return new GoogleError('INVALID_ARGUMENT', message);
}

/** Error handler of both Google mounts. */
export function answerGoogleError(
  error: FastifyError | GoogleError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = error instanceof GoogleError ? error : toGoogleError(error);
  return reply.code(known.http).send(known.body());
}

function toGoogleError(error: FastifyError): GoogleError {
  const isClientError = error.statusCode !== undefined && error.statusCode < 500;
  if (isClientError) return invalid(`Invalid JSON payload received. ${error.message}`);
  return new GoogleError('INTERNAL', error.message);
}

const DEFAULT_RETRY_SECONDS = 1;

/** Shows a fault of a submit or a poll; false when `name` is none of those. `value` is the seconds to wait after a 429. */
export function showFault(reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      throw new GoogleError('RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).', [
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${value ?? DEFAULT_RETRY_SECONDS}s` },
      ]);
    case 'internal':
      throw new GoogleError('INTERNAL', 'An internal error has occurred.');
    case 'unavailable':
      throw new GoogleError('UNAVAILABLE', 'The service is currently unavailable.');
    case 'blocked':
      throw invalid('The prompt could not be submitted. It contains words that violate the usage guidelines.');
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

export interface InvalidField {
  type: string;
  field: string;
  description: string;
}

/** An error as Replicate answers it: problem details, with `invalid_fields` where a model's schema refused; 429 has `detail` alone. */
export class ReplicateError extends Error {
  constructor(
    readonly http: number,
    readonly title: string | null,
    detail: string,
    readonly invalidFields: InvalidField[] | null = null,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(detail);
  }

  body(): object {
    if (this.title === null) return { detail: this.message };
    return {
      title: this.title,
      detail: this.message,
      status: this.http,
      ...(this.invalidFields === null ? {} : { invalid_fields: this.invalidFields }),
    };
  }
}

export const notFound = (): ReplicateError =>
  new ReplicateError(404, 'Not found', 'The requested resource could not be found.');

export function invalidInput(fields: InvalidField[]): ReplicateError {
  const detail = fields.map(({ field, description }) => `- ${field}: ${description}\n`).join('');
  return new ReplicateError(422, 'Input validation failed', detail, fields);
}

/** Error handler of the mount. */
export function answerError(
  error: FastifyError | ReplicateError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known =
    error instanceof ReplicateError
      ? error
      : error.statusCode !== undefined && error.statusCode < 500
        ? new ReplicateError(400, 'Bad request', error.message)
        : new ReplicateError(500, 'Internal server error', error.message);
  if (known.retryAfterSeconds !== null) reply.header('retry-after', String(known.retryAfterSeconds));
  return reply.code(known.http).send(known.body());
}

const DEFAULT_RETRY_SECONDS = 1;

/** Shows a fault of a create or a poll; false when `name` is none of those. `value` is the seconds to wait after a 429. */
export function showFault(reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited': {
      const seconds = value ?? DEFAULT_RETRY_SECONDS;
      const says = `Request was throttled. Your rate limit resets in ~${seconds}s.`;
      throw new ReplicateError(429, null, says, null, seconds);
    }
    case 'internal':
      throw new ReplicateError(500, 'Internal server error', 'Something went wrong.');
    case 'unavailable':
      throw new ReplicateError(503, 'Service unavailable', 'Try again later.');
    case 'blocked':
      throw new ReplicateError(
        400,
        'Input refused',
        'The input was flagged as sensitive. Please try again with different inputs. (E005)',
      );
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

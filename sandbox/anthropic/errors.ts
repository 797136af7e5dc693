import { randomUUID } from 'node:crypto';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** HTTP status of each `error.type`: Claude Platform docs, "Errors", and `ErrorType` of `@anthropic-ai/sdk` 1.14. */
const HTTP_OF = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
} as const;

export type AnthropicErrorType = keyof typeof HTTP_OF;

interface Detail {
  /** `error.details.error_code`. */
  code?: string;
  headers?: Record<string, string>;
}

/** An error as Anthropic answers it: `{"type":"error","error":{"type","message","details"?},"request_id"}`. */
export class AnthropicError extends Error {
  readonly http: number;

  constructor(
    readonly type: AnthropicErrorType,
    message: string,
    readonly detail: Detail = {},
  ) {
    super(message);
    this.http = HTTP_OF[type];
  }

  /** The `error` object of the envelope, of a stream's `error` event too. */
  inner(): object {
    const { code } = this.detail;
    return {
      type: this.type,
      message: this.message,
      ...(code === undefined ? {} : { details: { error_code: code } }),
    };
  }
}

export const invalid = (message: string): AnthropicError => new AnthropicError('invalid_request_error', message);
export const overloaded = (): AnthropicError => new AnthropicError('overloaded_error', 'Overloaded');
export const noSuchModel = (id: string): AnthropicError => new AnthropicError('not_found_error', `model: ${id}`);

export const newRequestId = (): string => `req_${randomUUID().replaceAll('-', '').slice(0, 24)}`;

/** Error handler of the mount; `request.id` is what `request-id` said. */
export function answerAnthropicError(
  error: FastifyError | AnthropicError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = error instanceof AnthropicError ? error : toAnthropicError(error);
  return reply
    .code(known.http)
    .headers(known.detail.headers ?? {})
    .send({ type: 'error', error: known.inner(), request_id: reply.getHeader('request-id') ?? request.id });
}

function toAnthropicError(error: FastifyError): AnthropicError {
  const { statusCode = 500 } = error;
  if (statusCode === 413)
    return new AnthropicError('request_too_large', 'Request exceeds the maximum allowed number of bytes.');
  if (statusCode >= 500) return new AnthropicError('api_error', 'Internal server error');
  return invalid(`The request body is not valid JSON: ${error.message}`);
}

/** `x-api-key`, or `Authorization: Bearer` as the SDKs since 1.0 send it; both at once are one too many. */
export function checkKey(request: FastifyRequest, key: string): void {
  const { 'x-api-key': apiKey, authorization } = request.headers;
  const bearer = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
  if (apiKey !== undefined && bearer !== undefined)
    throw new AnthropicError('authentication_error', 'x-api-key and Authorization were both given: send one.');
  const given = apiKey ?? bearer;
  if (given === undefined) throw new AnthropicError('authentication_error', 'x-api-key header is required');
  if (given !== key)
    throw new AnthropicError(
      'authentication_error',
      apiKey === undefined ? 'Invalid bearer token' : 'invalid x-api-key',
    );
}

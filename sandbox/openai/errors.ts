import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

interface Detail {
  type?: string;
  code?: string | null;
  param?: string | null;
  headers?: Record<string, string>;
  /** Further keys of the error object. */
  more?: object;
}

/** An error as OpenAI answers it: `{"error":{"message","type","param","code"}}`, all four always there. */
export class OpenAIError extends Error {
  constructor(
    readonly http: number,
    message: string,
    readonly detail: Detail = {},
  ) {
    super(message);
  }

  body(): object {
    const { type = 'invalid_request_error', code = null, param = null, more = {} } = this.detail;
    return { error: { message: this.message, type, param, code, ...more } };
  }
}

/** A field that is wrong, by the words and codes of OpenAI's own validator. */
export const unknownParameter = (name: string): OpenAIError =>
  new OpenAIError(400, `Unknown parameter: '${name}'.`, { code: 'unknown_parameter', param: name });
export const missingParameter = (name: string): OpenAIError =>
  new OpenAIError(400, `Missing required parameter: '${name}'.`, { code: 'missing_required_parameter', param: name });
export const invalidType = (name: string, wanted: string, got: string): OpenAIError =>
  new OpenAIError(400, `Invalid type for '${name}': expected ${wanted}, but got ${got} instead.`, {
    code: 'invalid_type',
    param: name,
  });
export const invalidValue = (name: string, message: string): OpenAIError =>
  new OpenAIError(400, message, { code: 'invalid_value', param: name });
export const notOneOf = (name: string, value: string, allowed: readonly string[]): OpenAIError =>
  invalidValue(
    name,
    `Invalid value: '${value}'. Supported values are: ${allowed.map((one) => `'${one}'`).join(', ')}.`,
  );

export const blocked = (stage: 'input' | 'output'): OpenAIError =>
  new OpenAIError(400, 'Your request was rejected by the safety system. safety_violations=[violence].', {
    type: 'image_generation_user_error',
    code: 'moderation_blocked',
    more: { moderation_details: { moderation_stage: stage, categories: ['violence'] } },
  });
export const serverError = (): OpenAIError =>
  new OpenAIError(500, 'The server had an error while processing your request. Sorry about that!', {
    type: 'server_error',
  });

/** Error handler of the mount. */
export function answerOpenAIError(
  error: FastifyError | OpenAIError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = error instanceof OpenAIError ? error : toOpenAIError(error);
  return reply
    .code(known.http)
    .headers({ 'x-request-id': 'req_sandbox', ...known.detail.headers })
    .send(known.body());
}

/** What Fastify itself refuses (bodies that can't be read), in OpenAI's words. */
export function toOpenAIError(error: FastifyError): OpenAIError {
  const { statusCode = 500 } = error;
  if (statusCode >= 500) return serverError();
  const message = `We could not parse the body of your request. (${error.message})`;
  return new OpenAIError(statusCode === 413 ? 413 : 400, message);
}

export function checkKey(request: FastifyRequest, key: string): void {
  const [scheme, given = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme === 'Bearer' && given === key) return;
  if (given === '')
    throw new OpenAIError(401, "You didn't provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.");
  throw new OpenAIError(401, 'Incorrect API key provided.', { code: 'invalid_api_key' });
}

const DEFAULT_RETRY_SECONDS = 1;

/** Shows a fault of a submit or a poll; false when `name` is none of those. `value` is the seconds to wait after a 429. */
export function showFault(reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited': {
      const seconds = value ?? DEFAULT_RETRY_SECONDS;
      throw new OpenAIError(429, `Rate limit reached. Please try again in ${seconds}s.`, {
        type: 'requests',
        code: 'rate_limit_exceeded',
        headers: {
          'retry-after-ms': String(seconds * 1000),
          'retry-after': String(seconds),
          'x-ratelimit-limit-requests': '5',
          'x-ratelimit-remaining-requests': '0',
          'x-ratelimit-reset-requests': `${seconds}s`,
        },
      });
    }
    case 'internal':
      throw serverError();
    case 'unavailable':
      throw new OpenAIError(503, 'The engine is currently overloaded, please try again later.', {
        type: 'server_error',
      });
    case 'blocked':
      throw blocked('input');
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

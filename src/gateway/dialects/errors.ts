import type { JsonObject } from '../../common/json.js';
import type { DialectId } from './dialect.js';

export interface ErrorFacts {
  status: number;
  type: string;
  message: string;
  code: string;
  param: string | null;
}

/** Anthropic's words by status: "Errors" of its API reference and `ErrorType` of `@anthropic-ai/sdk` 1.14. */
const ANTHROPIC_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export const anthropicErrorType = (status: number): string => ANTHROPIC_TYPES[status] ?? 'api_error';

/** The body of an HTTP error in the API that was called. */
export function errorBody(dialect: DialectId, error: ErrorFacts, requestId: string): JsonObject {
  if (dialect !== 'messages')
    return { error: { message: error.message, type: error.type, code: error.code, param: error.param } };
  return {
    type: 'error',
    error: { type: anthropicErrorType(error.status), message: error.message },
    request_id: requestId,
  };
}

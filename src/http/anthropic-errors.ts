/** Anthropic's words by status: "Errors" of its API reference and `ErrorType` of `@anthropic-ai/sdk` 1.14. */
const TYPES: Readonly<Record<number, string>> = {
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

/** Refusals that it has no word for (405, 412, 415) are the request's fault, all else is the service's. */
export const anthropicErrorType = (status: number): string =>
  TYPES[status] ?? (status >= 400 && status < 500 ? 'invalid_request_error' : 'api_error');

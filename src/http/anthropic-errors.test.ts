import { anthropicErrorType } from './anthropic-errors.js';

it.each([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [415, 'invalid_request_error'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [503, 'overloaded_error'],
  [529, 'overloaded_error'],
])("says %i in Anthropic's words", (status, type) => {
  expect(anthropicErrorType(status)).toBe(type);
});

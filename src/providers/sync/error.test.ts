import { faultError, syncError } from './error.js';

const NOW = Date.parse('2026-11-26T00:00:00Z');
const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  syncError(
    { status, headers: new Headers(headers), text: typeof body === 'string' ? body : JSON.stringify(body) },
    NOW,
  );

// Bodies as OpenAI's and Anthropic's documentation of errors, OpenRouter's ("Errors") and Google's OpenAI-compatible endpoint have them.
test.each([
  [400, { error: { message: 'bad', type: 'invalid_request_error', param: 'seed', code: null } }, 'invalid_input'],
  [
    400,
    { error: { message: 'no', type: 'invalid_request_error', code: 'content_policy_violation' } },
    'content_policy',
  ],
  [400, { type: 'error', error: { type: 'invalid_request_error', message: 'bad' } }, 'invalid_input'],
  [401, { error: { message: 'no', code: 'invalid_api_key' } }, 'auth'],
  [402, { error: { code: 402, message: 'Insufficient credits' } }, 'quota'],
  [402, { type: 'error', error: { type: 'billing_error', message: 'pay' } }, 'quota'],
  [403, { error: { message: 'region' } }, 'auth'],
  [
    403,
    { error: { code: 403, message: 'flagged', metadata: { reasons: ['violence'], flagged_input: 'x' } } },
    'content_policy',
  ],
  [404, { error: { message: 'no model', code: 'model_not_found' } }, 'not_found'],
  [409, { type: 'error', error: { type: 'conflict_error', message: 'again' } }, 'unavailable'],
  [413, { type: 'error', error: { type: 'request_too_large', message: 'big' } }, 'invalid_input'],
  [429, { error: { message: 'slow', code: 'rate_limit_exceeded' } }, 'rate_limited'],
  [429, { error: { message: 'pay', type: 'insufficient_quota', code: 'insufficient_quota' } }, 'quota'],
  [500, { error: { message: 'oops', type: 'server_error' } }, 'internal'],
  [502, '<html>', 'unavailable'],
  [503, '', 'unavailable'],
  [504, '', 'timeout'],
  [529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'unavailable'],
])('%i %j is %s', (status, body, kind) => {
  const error = read(status, body);
  expect(error.kind).toBe(kind);
  expect(error.outcome).toBe('rejected');
  expect(error.detail.upstreamStatus).toBe(status);
});

test.each([
  ["This model's maximum context length is 8192 tokens.", { code: 'context_length_exceeded' }],
  ['prompt is too long: 210000 tokens > 200000 maximum', { type: 'invalid_request_error' }],
  ['Input is too long for requested model.', {}],
])('%s means too long', (message, more) => {
  expect(read(400, { error: { message, ...more } })).toMatchObject({
    kind: 'invalid_input',
    detail: { code: 'context_length_exceeded' },
  });
});

test('waits as long as the provider says, by its most exact word', () => {
  expect(read(429, '', { 'retry-after': '2' }).detail.retryAfterMs).toBe(2000);
  expect(read(429, '', { 'retry-after': '2', 'retry-after-ms': '1500' }).detail.retryAfterMs).toBe(1500);
});

test('an account that is used up is no passing limit', () => {
  expect(read(429, { error: { message: 'x' } }, { 'x-should-retry': 'false' }).kind).toBe('quota');
});

test.each([
  ['overloaded_error', 'unavailable'],
  ['rate_limit_exceeded', 'rate_limited'],
  ['400', 'invalid_input'],
  ['502', 'unavailable'],
  ['never heard of', 'unavailable'],
  [null, 'unavailable'],
])('an error inside of a 200 that says %s is %s', (code, kind) => {
  expect(faultError({ message: 'x', code }).kind).toBe(kind);
});

test.each([
  ['its status where the type is the one of every refusal', 500, 'invalid_request_error', 'internal'],
  ['its status where that names the trouble', 503, 'invalid_request_error', 'unavailable'],
  ['its word where the status says little', 400, 'insufficient_quota', 'quota'],
  ['bad input where nothing says more', 400, 'invalid_request_error', 'invalid_input'],
])('is told by %s', (_case, status, code, kind) => {
  expect(read(status, { error: { message: 'no', type: 'invalid_request_error', code } }).kind).toBe(kind);
});

test('reads the list of one that Google sends', () => {
  const error = read(400, [
    { error: { code: 400, message: 'Invalid JSON payload received.', status: 'INVALID_ARGUMENT' } },
  ]);
  expect(error).toMatchObject({
    kind: 'invalid_input',
    message: expect.stringContaining('Invalid JSON payload') as string,
  });
});

import { bedrock, invokeBody } from './index.js';
import { toBedrockError } from './error.js';

const settings = bedrock.settings.parse({ region: 'us-east-1', betas: ['context-1m-2025-08-07'] });
const body = { max_tokens: 5, messages: [], system: 'x', stream: true, mcp_servers: [], made_up: 1 };

test('the body is what InvokeModel takes: version inside, no model, stream or unknown field', () => {
  expect(invokeBody({ body }, settings as never)).toEqual({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 5,
    messages: [],
    system: 'x',
  });
});

test('only betas that the model takes on Bedrock go there', () => {
  const anthropic = { version: '2026-10-21', betas: ['context-1m-2025-08-07', 'files-api-2025-04-14'] };
  expect(invokeBody({ body: { messages: [] }, anthropic }, settings as never)).toEqual({
    anthropic_version: 'bedrock-2023-05-31',
    anthropic_beta: ['context-1m-2025-08-07'],
    messages: [],
  });
});

test('a region is a region', () => {
  expect(bedrock.settings.safeParse({ region: 'moon' }).success).toBe(false);
});

// Names and statuses of AWS's API reference of InvokeModel.
test.each([
  ['ThrottlingException', 429, 'rate_limited'],
  ['ServiceQuotaExceededException', 400, 'quota'],
  ['ValidationException', 400, 'invalid_input'],
  ['AccessDeniedException', 403, 'auth'],
  ['ResourceNotFoundException', 404, 'not_found'],
  ['ModelTimeoutException', 408, 'timeout'],
  ['ModelErrorException', 424, 'internal'],
  ['ServiceUnavailableException', 503, 'unavailable'],
  ['SomethingNewException', 503, 'unavailable'],
])('%s (%i) is %s', (name, status, kind) => {
  const error = Object.assign(new Error('said'), { name, $metadata: { httpStatusCode: status } });
  expect(toBedrockError(error)).toMatchObject({ kind, outcome: 'rejected', message: 'said' });
});

test('a model that is not open to the account does not pass for a bad credential', () => {
  const error = Object.assign(new Error("You don't have access to the model with the specified model ID."), {
    name: 'AccessDeniedException',
    $metadata: { httpStatusCode: 403 },
  });
  expect(toBedrockError(error).kind).toBe('not_found');
});

import { createHash, createHmac } from 'node:crypto';
import { type Sandbox, startSandbox } from '../server.js';
import { call, unanswered } from '../test-client.js';
import { frame } from './eventstream.js';

const KEY = 'test-key';
const MODEL = 'global.anthropic.claude-sonnet-5-5';
const BEARER = { authorization: `Bearer ${KEY}` };

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
});
afterAll(() => sandbox.close());

const asked = (more: object = {}) => ({
  anthropic_version: 'bedrock-2023-05-31',
  max_tokens: 500,
  messages: [{ role: 'user', content: 'Hi' }],
  ...more,
});
const says = (content: string) => asked({ messages: [{ role: 'user', content }] });
const urlOf = (modelId: string, path = 'invoke') =>
  `${sandbox.url}/bedrock/model/${encodeURIComponent(modelId)}/${path}`;
const post = <Body = { message: string }>(json: unknown, modelId = MODEL, headers: Record<string, string> = BEARER) =>
  call<Body>(urlOf(modelId), { headers, json });

/** Signs a request by the words of AWS's guide, apart from the code under test. */
function signed(json: object, changes: { secret?: string; id?: string; service?: string; ageMs?: number } = {}) {
  const { secret = KEY, id = 'sandbox', service = 'bedrock', ageMs = 0 } = changes;
  const time = new Date(Date.now() - ageMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const { host, pathname } = new URL(urlOf(MODEL));
  const request = `POST\n${pathname}\n\nhost:${host}\nx-amz-date:${time}\n\nhost;x-amz-date\n${hash(JSON.stringify(json))}`;
  const scope = `${day}/us-east-1/${service}/aws4_request`;
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest();
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash(request)}`)
    .digest('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  return { authorization, 'x-amz-date': time };
}

describe('who may call', () => {
  test('a signature that is right', async () => {
    expect((await post(asked(), MODEL, signed(asked()))).status).toBe(200);
  });

  test.each([
    ['another secret', () => signed(asked(), { secret: 'other' }), 'InvalidSignatureException'],
    ['another body', () => signed(asked({ max_tokens: 1 })), 'InvalidSignatureException'],
    ['another service', () => signed(asked(), { service: 's3' }), 'InvalidSignatureException'],
    ['an old signature', () => signed(asked(), { ageMs: 600_000 }), 'InvalidSignatureException'],
    ['another access key', () => signed(asked(), { id: 'AKIAOTHER' }), 'UnrecognizedClientException'],
    ['half a signature', () => ({ authorization: 'AWS4-HMAC-SHA256 Credential=x' }), 'InvalidSignatureException'],
    ['another API key', () => ({ authorization: 'Bearer other' }), 'AccessDeniedException'],
    ['nothing', () => ({}), 'MissingAuthenticationTokenException'],
  ])('%s: 403', async (_what, headers, type) => {
    const answer = await post(asked(), MODEL, headers() as Record<string, string>);
    expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([403, type]);
    expect(answer.body).toEqual({ message: expect.any(String) as string });
  });
});

describe('models', () => {
  test.each([
    'us.anthropic.claude-opus-4-6-v1',
    'eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-opus-5-5',
  ])('%s is served', async (modelId) => {
    expect((await post(asked(), modelId)).status).toBe(200);
  });

  test.each([
    ['claude-sonnet-5-5', /model identifier is invalid/],
    ['global.anthropic.claude-9', /model identifier is invalid/],
    ['anthropic.claude-sonnet-5-5', /inference profile/],
    ['arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5-5', /inference profile/],
  ])('%s is refused', async (modelId, message) => {
    const { status, body, headers } = await post(asked(), modelId);
    expect([status, headers.get('x-amzn-errortype')]).toEqual([400, 'ValidationException']);
    expect(body.message).toMatch(message);
  });
});

describe('bodies', () => {
  test.each([
    ['a model', { model: 'claude-sonnet-5-5' }, /^model: Extra inputs are not permitted$/],
    ['a stream flag', { stream: true }, /^stream: Extra/],
    ['an unknown field', { foo: 1 }, /^foo: Extra/],
    ['no version', { anthropic_version: undefined }, /^anthropic_version: Field required$/],
    ['the version of the header', { anthropic_version: '2026-10-21' }, /^anthropic_version: Input should be/],
    ['an unknown beta', { anthropic_beta: ['files-api-2025-04-14'] }, /^invalid beta flag$/],
    ['betas as text', { anthropic_beta: 'interleaved-thinking-2025-05-14' }, /^anthropic_beta: Input should be/],
    ['a field of a beta without it', { context_management: { edits: [] } }, /^context_management: Extra/],
    ['automatic caching', { cache_control: { type: 'ephemeral' } }, /^cache_control: Extra/],
    ['a service tier', { service_tier: 'auto' }, /^service_tier: Extra/],
    ['no limit', { max_tokens: undefined }, /^max_tokens: Field required$/],
    ['what the model refuses', { temperature: 0.2 }, /may only be set to 1/],
  ])('%s is refused', async (_what, changed, message) => {
    const { status, body, headers } = await post(asked(changed));
    expect(body.message).toMatch(message);
    expect([status, headers.get('x-amzn-errortype')]).toEqual([400, 'ValidationException']);
  });

  test('a known beta opens its field', async () => {
    const body = asked({ anthropic_beta: ['context-management-2025-06-27'], context_management: { edits: [] } });
    expect((await post(body)).status).toBe(200);
  });

  test('no JSON', async () => {
    const answer = await call(urlOf(MODEL), { method: 'POST', headers: BEARER, body: '{"messages":' });
    expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([400, 'ValidationException']);
  });

  test('an operation that is none', async () => {
    const answer = await call(urlOf(MODEL, 'converse'), { headers: BEARER, json: {} });
    expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([404, 'UnknownOperationException']);
  });
});

describe('answers', () => {
  test('bills are in headers, as in the body', async () => {
    const { body, headers } = await post<{ usage: Record<string, number> }>(asked());
    expect(headers.get('x-amzn-bedrock-input-token-count')).toBe(String(body.usage['input_tokens']));
    expect(headers.get('x-amzn-bedrock-output-token-count')).toBe(String(body.usage['output_tokens']));
    expect(headers.get('x-amzn-bedrock-cache-read-input-token-count')).toBe('0');
  });

  test('the ids of calls are of this surface', async () => {
    const tools = [{ name: 'ping_host', input_schema: { type: 'object', properties: {} } }];
    const { body } = await post<{ content: object[] }>({ ...says('ping_host please'), tools });
    expect(body.content.at(-1)).toMatchObject({
      type: 'tool_use',
      id: expect.stringMatching(/^toolu_bdrk_/) as string,
    });
  });

  test.each([
    ['429', 429, 'ThrottlingException'],
    ['500', 500, 'InternalServerException'],
    ['503', 503, 'ServiceUnavailableException'],
    ['context-length', 400, 'ValidationException'],
    ['fail', 500, 'InternalServerException'],
  ])('%s', async (name, status, type) => {
    const answer = await post(says(`x [[sandbox:${name}]]`));
    expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([status, type]);
    expect(answer.headers.get('retry-after')).toBeNull();
  });

  test('drop: the connection is cut', async () => {
    const init = { method: 'POST', headers: BEARER, body: JSON.stringify(says('x [[sandbox:drop]]')) };
    expect(await unanswered(urlOf(MODEL), init)).toBe('drop');
  });
});

test('a frame is what the codec of AWS makes', () => {
  // Computed by the codec of Smithy (@smithy/core 3, `EventStreamCodec.encode`) from the same headers and payload.
  expect(frame({ ':event-type': 'chunk', ':message-type': 'event' }, { a: 1 }).toString('hex')).toBe(
    '000000410000002adb0a67460b3a6576656e742d747970650700056368756e6b0d3a6d6573736167652d747970650700056576656e747b2261223a317d7a75a432',
  );
});

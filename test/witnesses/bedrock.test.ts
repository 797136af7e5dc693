import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  ThrottlingException,
  ValidationException,
} from '@aws-sdk/client-bedrock-runtime';
import { S3Client } from '@aws-sdk/client-s3';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';

// AWS's own client, which knows nothing of the sandbox but its endpoint.

const KEY = 'witness';
const MODEL = 'global.anthropic.claude-sonnet-4-6';
const OLD_MODEL = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';
const ARN = `arn:aws:bedrock:eu-central-1:123456789012:inference-profile/${OLD_MODEL}`;

let sandbox: Sandbox;
let signing: BedrockRuntimeClient;
let bearing: BedrockRuntimeClient;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  signing = clientWith({ credentials: { accessKeyId: 'sandbox', secretAccessKey: KEY } });
  bearing = clientWith({ token: { token: KEY }, authSchemePreference: ['httpBearerAuth'] });
});
afterAll(async () => {
  signing.destroy();
  bearing.destroy();
  await sandbox.close();
});

/** The client of Bedrock speaks HTTP/2, which needs TLS here; its sister's handler speaks HTTP/1.1. */
const { requestHandler } = new S3Client({ region: 'eu-central-1' }).config;
const clientWith = (more: BedrockRuntimeClientConfig): BedrockRuntimeClient =>
  new BedrockRuntimeClient({
    region: 'eu-central-1',
    endpoint: `${sandbox.url}/bedrock`,
    maxAttempts: 1,
    requestHandler,
    ...more,
  });

const body = (prompt: string, more: object = {}): string =>
  JSON.stringify({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 300,
    messages: [{ role: 'user', content: prompt }],
    ...more,
  });
const said = (bytes: Uint8Array | undefined) => JSON.parse(Buffer.from(bytes ?? []).toString()) as unknown;

/** Every event of a streamed answer. */
async function eventsOf(client: BedrockRuntimeClient, prompt: string, modelId = MODEL): Promise<{ type: string }[]> {
  const { body: stream = [] } = await client.send(
    new InvokeModelWithResponseStreamCommand({ modelId, body: body(prompt), contentType: 'application/json' }),
  );
  const events: { type: string }[] = [];
  for await (const { chunk } of stream as AsyncIterable<{ chunk?: { bytes?: Uint8Array } }>)
    events.push(said(chunk?.bytes) as { type: string });
  return events;
}

describe('@aws-sdk/client-bedrock-runtime', () => {
  test.each([
    ['an id', MODEL, 'claude-sonnet-4-6'],
    ['an id with a colon', OLD_MODEL, 'claude-haiku-4-5-20251001'],
    ['an ARN', ARN, 'claude-haiku-4-5-20251001'],
  ])('a signed call by %s', async (_what, modelId, model) => {
    const { body: bytes } = await signing.send(new InvokeModelCommand({ modelId, body: body('Say hello') }));
    expect(said(bytes)).toMatchObject({
      id: expect.stringMatching(/^msg_bdrk_/) as string,
      model,
      content: [{ type: 'text', text: 'You said: Say hello' }],
      stop_reason: 'end_turn',
    });
  });

  test('a call with a Bedrock API key', async () => {
    const { body: bytes } = await bearing.send(new InvokeModelCommand({ modelId: MODEL, body: body('Say hello') }));
    expect(said(bytes)).toMatchObject({ type: 'message' });
  });

  test('a signed stream: the events of the Messages API without pings, the bill in the last', async () => {
    const events = await eventsOf(signing, 'Count to ten');
    expect([...new Set(events.map(({ type }) => type))]).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events.at(-1)).toMatchObject({
      'amazon-bedrock-invocationMetrics': {
        inputTokenCount: expect.any(Number) as number,
        outputTokenCount: expect.any(Number) as number,
      },
    });
  });

  test('a stream with a Bedrock API key', async () => {
    expect((await eventsOf(bearing, 'Count to ten')).at(-1)?.type).toBe('message_stop');
  });

  test('an exception in the middle of a stream is thrown', async () => {
    await expect(eventsOf(signing, 'Break [[sandbox:error-after=1]]')).rejects.toMatchObject({
      name: 'ServiceUnavailableException',
    });
  });

  test('tokens are counted', async () => {
    const counted = await signing.send(
      new CountTokensCommand({ modelId: MODEL, input: { invokeModel: { body: Buffer.from(body('Say hello')) } } }),
    );
    expect(counted.inputTokens).toBeGreaterThan(0);
  });

  test('errors have the names that the client knows', async () => {
    const invoke = (prompt: string, more: object = {}) =>
      signing.send(new InvokeModelCommand({ modelId: MODEL, body: body(prompt, more) }));
    await expect(invoke('Busy [[sandbox:429]]')).rejects.toBeInstanceOf(ThrottlingException);
    await expect(invoke('Hi', { stream: true })).rejects.toBeInstanceOf(ValidationException);
    await expect(invoke('Hi', { anthropic_beta: ['files-api-2025-04-14'] })).rejects.toThrow('invalid beta flag');
  });

  test('another secret is refused', async () => {
    const thief = clientWith({ credentials: { accessKeyId: 'sandbox', secretAccessKey: 'other' } });
    await expect(thief.send(new InvokeModelCommand({ modelId: MODEL, body: body('Hi') }))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      $metadata: { httpStatusCode: 403 },
    });
    thief.destroy();
  });
});

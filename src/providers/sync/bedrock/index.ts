import { Readable } from 'node:stream';
import {
  BedrockRuntimeClient,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  type ResponseStream,
} from '@aws-sdk/client-bedrock-runtime';
import { z } from 'zod';
import type { JsonObject } from '../../../common/json.js';
import { ProviderError } from '../../contract.js';
import type { SyncAdapter, SyncCall, SyncContext, SyncResponse } from '../contract.js';
import { toBedrockError } from './error.js';
import { egressHandler } from './handler.js';

/** What InvokeModel wants in the body in place of a header (AWS, "Anthropic Claude Messages API"). */
const BEDROCK_VERSION = 'bedrock-2023-05-31';

/** Fields of a messages request that InvokeModel takes; anything else is a ValidationException there. */
const FIELDS = [
  'max_tokens',
  'messages',
  'system',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'metadata',
];

const settings = z.strictObject({
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be an AWS region'),
  /** Values of `anthropic-beta` that this model takes on Bedrock; others are left out. */
  betas: z.array(z.string()).default([]),
  /** Body fields that this model takes on Bedrock; others are left out. */
  fields: z.array(z.string()).default(FIELDS),
});
type Settings = z.output<typeof settings>;

/** The client's body as InvokeModel takes it: what this model does not know there is left out. */
export function invokeBody(call: Pick<SyncCall, 'body' | 'anthropic'>, { fields, betas }: Settings): JsonObject {
  const known = Object.entries(call.body).filter(([name]) => fields.includes(name));
  const allowed = (call.anthropic?.betas ?? []).filter((beta) => betas.includes(beta));
  return {
    anthropic_version: BEDROCK_VERSION,
    ...(allowed.length === 0 ? {} : { anthropic_beta: allowed }),
    ...Object.fromEntries(known),
  };
}

function clientFor(ctx: SyncContext, call: SyncCall): BedrockRuntimeClient {
  const { region } = call.settings as unknown as Settings;
  const { credential } = ctx;
  if (credential === null || credential.kind === 'google_service_account')
    throw new ProviderError('auth', 'rejected', 'Bedrock takes an API key or AWS credentials');
  const auth =
    credential.kind === 'aws'
      ? { credentials: credential, authSchemePreference: ['sigv4'] }
      : {
          token: { token: credential.kind === 'api_key' ? credential.key : credential.token },
          authSchemePreference: ['httpBearerAuth'],
        };
  return new BedrockRuntimeClient({
    region,
    endpoint: ctx.endpoint,
    // The router decides about trying again.
    maxAttempts: 1,
    requestHandler: egressHandler(call, ctx),
    ...auth,
  });
}

const decoder = new TextDecoder();

/** Anthropic's events as they stand in the frames, as server-sent events. An exception frame becomes an error event. */
async function* sse(stream: AsyncIterable<ResponseStream>): AsyncGenerator<string> {
  try {
    for await (const event of stream) {
      if (event.chunk?.bytes === undefined) continue;
      const data = decoder.decode(event.chunk.bytes);
      const { type } = JSON.parse(data) as { type?: unknown };
      yield `event: ${typeof type === 'string' ? type : 'message'}\ndata: ${data}\n\n`;
    }
  } catch (error) {
    const { message, kind } = toBedrockError(error);
    const type =
      kind === 'rate_limited' ? 'rate_limit_error' : kind === 'timeout' ? 'timeout_error' : 'overloaded_error';
    yield `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message } })}\n\n`;
  }
}

const answer = (body: Readable, contentType: string): SyncResponse => ({ contentType, headers: new Headers(), body });

/** Claude on AWS Bedrock by InvokeModel: AWS's client signs and unpacks the event stream, Kiln's egress carries it. */
export const bedrock: SyncAdapter = {
  id: 'bedrock',
  settings,
  kinds: () => ['messages', 'count_tokens'],
  async send(call: SyncCall, ctx: SyncContext): Promise<SyncResponse> {
    const client = clientFor(ctx, call);
    const body = JSON.stringify(invokeBody(call, call.settings as unknown as Settings));
    const input = { modelId: call.model, contentType: 'application/json', accept: 'application/json', body };
    try {
      if (call.kind === 'count_tokens') {
        const counted = await client.send(
          new CountTokensCommand({
            modelId: call.model,
            input: { invokeModel: { body: Buffer.from(countable(body)) } },
          }),
        );
        const text = JSON.stringify({ input_tokens: counted.inputTokens ?? 0 });
        return answer(Readable.from([Buffer.from(text)]), 'application/json');
      }
      if (call.stream) {
        const { body: stream } = await client.send(new InvokeModelWithResponseStreamCommand(input));
        if (!stream) throw new ProviderError('internal', 'rejected', 'the answer has no stream');
        return answer(Readable.from(sse(stream), { objectMode: false }), 'text/event-stream');
      }
      const { body: bytes } = await client.send(new InvokeModelCommand(input));
      return answer(Readable.from([Buffer.from(bytes ?? [])], { objectMode: false }), 'application/json');
    } catch (error) {
      throw toBedrockError(error);
    }
  },
};

/** CountTokens wants a body that could be invoked, so with a `max_tokens`, which a client that counts does not send. */
const countable = (body: string): string =>
  JSON.stringify({ max_tokens: 1, ...(JSON.parse(body) as Record<string, unknown>) });

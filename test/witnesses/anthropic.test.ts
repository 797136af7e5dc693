import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic, { InternalServerError, RateLimitError } from '@anthropic-ai/sdk';
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';

// Anthropic's own client and Vercel's, which know nothing of the sandbox but its address.

const KEY = 'witness';
const OPUS = 'claude-opus-4-6';
const SONNET = 'claude-sonnet-5-5';
const WEATHER = {
  name: 'get_weather',
  description: 'Current weather of a city',
  input_schema: {
    type: 'object' as const,
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
};

let sandbox: Sandbox;
let client: Anthropic;
let older: Anthropic;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  const options = { baseURL: `${sandbox.url}/anthropic`, apiKey: KEY, maxRetries: 0 };
  client = new Anthropic(options);
  older = new Anthropic({ ...options, defaultHeaders: { 'anthropic-version': '2023-06-01' } });
});
afterAll(() => sandbox.close());

const user = (content: string) => ({ role: 'user' as const, content });

describe('@anthropic-ai/sdk', () => {
  test('a message', async () => {
    const message = await client.messages.create({
      model: OPUS,
      max_tokens: 200,
      system: 'Be brief.',
      messages: [user('Say hello')],
    });
    expect(message).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: OPUS,
      stop_reason: 'end_turn',
      content: [{ type: 'text', text: 'I was told: Be brief.\nYou said: Say hello' }],
    });
    expect(message.usage).toMatchObject({ cache_read_input_tokens: 0, cache_creation_input_tokens: 0 });
    expect(message.usage.input_tokens).toBeGreaterThan(0);
    expect(message._request_id).toMatch(/^req_/);
  });

  test('both versions, by the header: sampling is a field of the older one only', async () => {
    const body = { model: OPUS, max_tokens: 50, messages: [user('Hi')], temperature: 0.5 };
    await expect(client.messages.create(body)).rejects.toThrow(/temperature: Extra inputs are not permitted/);
    expect((await older.messages.create(body)).content).toHaveLength(1);
  });

  test('a stream has the events in order, and their sum is the message', async () => {
    const stream = client.messages.stream({ model: OPUS, max_tokens: 200, messages: [user('Count to ten')] });
    const types: string[] = [];
    stream.on('streamEvent', ({ type }) => types.push(type));
    const message = await stream.finalMessage();
    expect([...new Set(types)]).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(message.content).toMatchObject([{ type: 'text', text: 'You said: Count to ten' }]);
    expect(message).toMatchObject({ stop_reason: 'end_turn' });
    expect(message.usage.output_tokens).toBeGreaterThan(1);
  });

  test('a tool is called, its arguments stream in fragments, its result is told', async () => {
    const messages: Anthropic.MessageParam[] = [user('What is the weather in Paris?')];
    const asked = await client.messages
      .stream({ model: OPUS, max_tokens: 500, tools: [WEATHER], messages })
      .finalMessage();
    expect(asked.stop_reason).toBe('tool_use');
    const call = asked.content.find((block) => block.type === 'tool_use');
    expect(call).toMatchObject({ name: 'get_weather', input: { city: 'Paris' } });
    const told = await client.messages.create({
      model: OPUS,
      max_tokens: 500,
      tools: [WEATHER],
      messages: [
        ...messages,
        { role: 'assistant', content: asked.content as Anthropic.ContentBlockParam[] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: '18 degrees' }] },
      ],
    });
    expect(told.stop_reason).toBe('end_turn');
    expect(told.content).toMatchObject([{ type: 'text', text: expect.stringMatching(/18 degrees/) as string }]);
  });

  test('thinking comes signed and goes back unchanged; a changed one is refused', async () => {
    const ask = { model: SONNET, max_tokens: 2_000, thinking: { type: 'adaptive', display: 'summarized' } } as const;
    const first = await client.messages.stream({ ...ask, messages: [user('Think')] }).finalMessage();
    const [thinking] = first.content;
    expect(thinking).toMatchObject({ type: 'thinking', thinking: expect.stringMatching(/Think/) as string });
    expect(first.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0);
    const next = (content: unknown) =>
      client.messages.create({
        ...ask,
        messages: [
          user('Think'),
          { role: 'assistant', content: content as Anthropic.ContentBlockParam[] },
          user('Go on'),
        ],
      });
    expect((await next(first.content)).stop_reason).toBe('end_turn');
    await expect(next([{ ...thinking, thinking: 'other' }, ...first.content.slice(1)])).rejects.toThrow(
      /Invalid `signature` in `thinking` block/,
    );
  });

  test('a model that thinks by itself says so without its words', async () => {
    const message = await client.messages.create({ model: SONNET, max_tokens: 500, messages: [user('Hi')] });
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: '', signature: expect.stringMatching(/.+/) as string },
      { type: 'text', text: 'You said: Hi' },
    ]);
  });

  test('a picture', async () => {
    const data = (
      await sharp({ create: { width: 64, height: 48, channels: 3, background: '#336699' } })
        .png()
        .toBuffer()
    ).toString('base64');
    const message = await client.messages.create({
      model: OPUS,
      max_tokens: 200,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
            { type: 'text', text: 'What is this?' },
          ],
        },
      ],
    });
    expect(message.content).toMatchObject([{ text: expect.stringMatching(/image\/png 64x48/) as string }]);
  });

  test('structured output', async () => {
    const message = await client.messages.create({
      model: OPUS,
      max_tokens: 500,
      messages: [user('Who is in Paris?')],
      output_config: {
        format: {
          type: 'json_schema',
          schema: {
            type: 'object',
            properties: { name: { type: 'string' }, age: { type: 'integer' } },
            required: ['name', 'age'],
            additionalProperties: false,
          },
        },
      },
    });
    const [block] = message.content;
    const parsed = JSON.parse(block?.type === 'text' ? block.text : '') as Record<string, unknown>;
    expect(parsed).toEqual({ name: expect.any(String) as string, age: expect.any(Number) as number });
  });

  test('tokens are counted as they are billed', async () => {
    const body = { model: OPUS, system: 'Be brief.', messages: [user('Say hello')] };
    const { input_tokens: counted } = await client.messages.countTokens(body);
    const { usage } = await client.messages.create({ ...body, max_tokens: 10 });
    expect(counted).toBe(usage.input_tokens);
  });

  test('a cached prefix is written once and read after that', async () => {
    const body: Anthropic.MessageCreateParamsNonStreaming = {
      model: 'claude-sonnet-4-6',
      max_tokens: 50,
      system: [{ type: 'text', text: 'Rules. '.repeat(1_000), cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [user('One')],
    };
    const { usage: first } = await client.messages.create(body);
    const { usage: second } = await client.messages.create({ ...body, messages: [user('Another one')] });
    const written = first.cache_creation_input_tokens;
    expect(written).toBeGreaterThan(1_024);
    expect(first).toMatchObject({
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_1h_input_tokens: written, ephemeral_5m_input_tokens: 0 },
    });
    expect(second).toMatchObject({ cache_read_input_tokens: written, cache_creation_input_tokens: 0 });
    expect(first.input_tokens).toBeLessThan(20);
  });

  test('the models, page by page, and one', async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list({ limit: 4 })) ids.push(id);
    expect(ids).toContain(OPUS);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await client.models.retrieve('claude-haiku-4-5')).toMatchObject({
      id: 'claude-haiku-4-5-20251001',
      max_tokens: 64_000,
      capabilities: { thinking: { types: { adaptive: { supported: false }, enabled: { supported: true } } } },
    });
  });

  test('betas go in the header, and open their fields', async () => {
    await client.beta.messages.create({
      model: OPUS,
      max_tokens: 50,
      messages: [user('With a beta')],
      betas: ['context-management-2025-06-27', 'something-new-2026-12-01'],
      context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
    });
    const [request] = sandbox.requests({ provider: 'anthropic', contains: 'With a beta' });
    expect(request?.body).toMatchObject({
      '(anthropic-beta)': ['context-management-2025-06-27', 'something-new-2026-12-01'],
      '(anthropic-version)': '2026-10-21',
    });
  });

  test.each([
    ['429', 429, RateLimitError],
    ['500', 500, InternalServerError],
    ['503', 529, InternalServerError],
  ])('%s is what the client knows it as', async (fault, status, type) => {
    const failed = client.messages.create({
      model: OPUS,
      max_tokens: 50,
      messages: [user(`Fail [[sandbox:${fault}]]`)],
    });
    await expect(failed).rejects.toBeInstanceOf(type);
    await expect(failed).rejects.toMatchObject({ status, requestID: expect.stringMatching(/^req_/) as string });
  });

  test('a stream that is overloaded halfway ends with its error', async () => {
    const stream = client.messages.stream({
      model: OPUS,
      max_tokens: 500,
      messages: [user('Break [[sandbox:error-after=1]]')],
    });
    await expect(stream.finalMessage()).rejects.toThrow(/Overloaded/);
  });
});

describe('ai with @ai-sdk/anthropic', () => {
  const model = (id: string) => createAnthropic({ baseURL: `${sandbox.url}/anthropic/v1`, apiKey: KEY })(id);

  test('generates', async () => {
    const { text, usage, finishReason } = await generateText({
      model: model(OPUS),
      system: 'Be brief.',
      prompt: 'Say hello',
      temperature: 0.5,
      maxRetries: 0,
    });
    expect(text).toBe('I was told: Be brief.\nYou said: Say hello');
    expect(finishReason).toBe('stop');
    expect(usage.outputTokens).toBeGreaterThan(0);
  });

  test('streams, with reasoning apart from the text', async () => {
    const result = streamText({
      model: model(SONNET),
      prompt: 'Think about it',
      providerOptions: { anthropic: { thinking: { type: 'adaptive', display: 'summarized' } } },
      maxRetries: 0,
    });
    let text = '';
    for await (const piece of result.textStream) text += piece;
    expect(text).toBe('You said: Think about it');
    expect(await result.reasoningText).toMatch(/Think about it/);
  });

  test('runs a tool and goes on with its result', async () => {
    const { text, steps } = await generateText({
      model: model(SONNET),
      prompt: 'What is the weather in Paris?',
      tools: {
        get_weather: tool({
          description: 'Current weather of a city',
          inputSchema: jsonSchema<{ city: string }>({
            type: 'object',
            properties: { city: { type: 'string' } },
            required: ['city'],
          }),
          execute: async ({ city }) => `18 degrees in ${city}`,
        }),
      },
      stopWhen: stepCountIs(3),
      maxRetries: 0,
    });
    expect(steps).toHaveLength(2);
    expect(text).toMatch(/18 degrees in Paris/);
  });

  test('structured output', async () => {
    const { output } = await generateText({
      model: model(OPUS),
      prompt: 'Who is in Paris?',
      output: Output.object({
        schema: jsonSchema<{ name: string }>({
          type: 'object',
          properties: { name: { type: 'string' } },
          required: ['name'],
          additionalProperties: false,
        }),
      }),
      maxRetries: 0,
    });
    expect(output.name).not.toBe('');
  });
});

import { call } from '../../test-client.js';
import { chunksIn, openText, textIn, WEATHER } from '../test-text.js';

let wire: Awaited<ReturnType<typeof openText>>;
beforeAll(async () => {
  wire = await openText();
});
afterEach(() => wire.sandbox.clearFaults());
afterAll(() => wire.sandbox.close());

/** Each vendor's base, and a model of it. */
const VENDORS = [
  ['openai', '/openai/v1', 'gpt-4o'],
  ['google', '/google/v1beta/openai', 'gemini-3-flash-preview'],
  ['openrouter', '/openrouter/api/v1', 'anthropic/claude-sonnet-4.6'],
  ['deepseek', '/deepseek', 'deepseek-chat'],
  ['moonshot', '/moonshot/v1', 'kimi-k2.6'],
  ['groq', '/groq/openai/v1', 'openai/gpt-oss-120b'],
  ['deepinfra', '/deepinfra/v1/openai', 'Qwen/Qwen3-30B-A3B'],
  ['vllm', '/vllm/v1', 'Qwen/Qwen3-30B-A3B-AWQ'],
] as const;

describe.each(VENDORS)('%s', (provider, base, model) => {
  it('answers, streams, calls tools and lists its models', async () => {
    const { body } = await wire.ask(base, model, 'Hello there');
    expect(body.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'You said: Hello there' } });
    const streamed = await wire.stream(base, model, 'Hello there');
    expect(textIn(chunksIn(streamed))).toBe('You said: Hello there');
    expect(streamed.endsWith('data: [DONE]\n\n')).toBe(true);
    const { choices } = (await wire.ask(base, model, 'The weather in Oslo', { tools: [WEATHER] })).body;
    expect(choices[0]?.message.tool_calls?.[0]?.function).toEqual({
      name: 'get_weather',
      arguments: '{"city":"Oslo"}',
    });
    const url = `${wire.sandbox.url}${base}/models`;
    const { body: list } = await call<{ data: { id: string }[] }>(url, {
      headers: { authorization: 'Bearer test-key' },
    });
    expect(list.data.map(({ id }) => id.replace('models/', ''))).toContain(model);
  });

  it('can be broken while the others work', async () => {
    wire.sandbox.arm({ provider, fault: '503' });
    const others = VENDORS.filter(([name]) => name !== provider);
    for (const [, otherBase, otherModel] of others)
      expect((await wire.ask(otherBase, otherModel, 'Hi')).status).toBe(200);
    expect((await wire.ask(base, model, 'Hi')).status).toBe(503);
    expect((await wire.ask(base, model, 'Hi')).status).toBe(200);
    expect(wire.sandbox.requests({ provider }).at(-2)).toMatchObject({ outcome: 'refused', fault: '503' });
  });

  it('treats an unknown field as it does', async () => {
    const { status, body } = await wire.ask(base, model, 'Hi', { chat_template_kwargs: {} });
    const refused: Record<string, RegExp> = {
      openai: /Unknown parameter: 'chat_template_kwargs'/,
      google: /Unknown name \\"chat_template_kwargs\\": Cannot find field/,
      groq: /property 'chat_template_kwargs' is unsupported/,
    };
    expect(status).toBe(provider in refused ? 400 : 200);
    expect(JSON.stringify(body)).toMatch(refused[provider] ?? /You said/);
  });
});

it.each([
  ['google', 400, [{ error: { code: 400, status: 'INVALID_ARGUMENT' } }]],
  ['openrouter', 400, { error: { code: 400 }, user_id: 'user_sandbox' }],
  ['deepseek', 400, { error: { type: 'invalid_request_error', code: 'invalid_request_error', param: null } }],
  ['moonshot', 400, { error: { type: 'invalid_request_error' } }],
  ['groq', 400, { error: { type: 'invalid_request_error', code: 'context_length_exceeded' } }],
  ['deepinfra', 400, { error: { type: 'invalid_request_error' } }],
  ['vllm', 400, { error: { type: 'BadRequestError', code: 400 } }],
])('%s refuses a long prompt in its shape', async (provider, status, shape) => {
  const [, base, model] = VENDORS.find(([name]) => name === provider) ?? VENDORS[0];
  expect(await wire.ask(base, model, 'x [[sandbox:context-length]]')).toMatchObject({ status, body: shape });
});

describe('reasoning and usage', () => {
  it('of DeepSeek: reasoning_content, cache hits and misses, comments', async () => {
    const { body } = await wire.ask('/deepseek', 'deepseek-reasoner', 'Why?');
    expect(body.choices[0]?.message).toMatchObject({ reasoning_content: expect.stringContaining('Why?') as string });
    const { prompt_tokens: tokens } = body.usage ?? {};
    expect(body.usage).toMatchObject({ prompt_cache_hit_tokens: 0, prompt_cache_miss_tokens: tokens });
    const developer = { messages: [{ role: 'developer', content: 'x' }] };
    expect((await wire.ask('/deepseek', 'deepseek-chat', '', developer)).status).toBe(400);
    const format = { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {} } } };
    expect((await wire.ask('/deepseek', 'deepseek-chat', 'Why?', format)).status).toBe(400);
    const streamed = await wire.stream('/deepseek/v1', 'deepseek-chat', 'Why?', { thinking: { type: 'enabled' } });
    expect(streamed.startsWith(': keep-alive\n\n')).toBe(true);
    expect(chunksIn(streamed)[1]?.choices[0]?.delta).toHaveProperty('reasoning_content');
  });

  it('of Moonshot: usage in the choice that finishes; only its own temperature', async () => {
    const chunks = chunksIn(await wire.stream('/moonshot/v1', 'kimi-k2.6', 'Why?'));
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ finish_reason: 'stop', usage: { prompt_tokens: 5 } });
    const long = { system: 'a rule '.repeat(1000) };
    const messages = [
      { role: 'system', content: long.system },
      { role: 'user', content: 'Hi' },
    ];
    await wire.ask('/moonshot/v1', 'kimi-k2.6', 'Hi', { messages });
    expect((await wire.ask('/moonshot/v1', 'kimi-k2.6', 'Hi', { messages })).body.usage).toMatchObject({
      cached_tokens: 1664,
    });
    expect(await wire.ask('/moonshot/v1', 'kimi-k2.6', 'Hi', { temperature: 0.7 })).toMatchObject({
      status: 400,
      body: { error: { message: 'invalid temperature: only 1 is allowed for this model' } },
    });
  });

  it('of Groq: x_groq in the first and the last chunk', async () => {
    const chunks = chunksIn(await wire.stream('/groq/openai/v1', 'openai/gpt-oss-120b', 'Why?'));
    expect(chunks[0]?.x_groq).toEqual({ id: expect.stringMatching(/^req_/) as string });
    expect(chunks.at(-1)?.x_groq).toMatchObject({ usage: { total_time: expect.any(Number) as number } });
    expect(chunks[1]?.choices[0]?.delta).toHaveProperty('reasoning');
  });

  it('of OpenRouter: a comment, the cost by the listed price, in the last event', async () => {
    const model = 'anthropic/claude-sonnet-4.6';
    const streamed = await wire.stream('/openrouter/api/v1', model, 'Why?', { reasoning: { effort: 'low' } });
    expect(streamed.startsWith(': OPENROUTER PROCESSING\n\n')).toBe(true);
    const chunks = chunksIn(streamed);
    expect(chunks[1]?.choices[0]?.delta).toHaveProperty('reasoning_details');
    const { prompt_tokens: input, completion_tokens: output, cost } = chunks.at(-1)?.usage ?? {};
    const { body } = await call<{ data: { id: string; pricing: Record<string, string> }[] }>(
      `${wire.sandbox.url}/openrouter/api/v1/models`,
    );
    const { prompt, completion } = body.data.find(({ id }) => id === model)?.pricing ?? {};
    expect(cost).toBeCloseTo(Number(input) * Number(prompt) + Number(output) * Number(completion), 10);
    expect((await wire.ask('/openrouter/api/v1', 'someone/some-model:free', 'Hi')).body.usage).toMatchObject({
      cost: 0,
    });
  });

  it('of Google: thinking in the total only, calls whole and signed, and signed they must come back', async () => {
    const base = '/google/v1beta/openai';
    const model = 'gemini-3-flash-preview';
    const { usage } = (await wire.ask(base, model, 'Why?', { reasoning_effort: 'low' })).body;
    const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usage ?? {};
    expect(Number(total)).toBeGreaterThan(Number(input) + Number(output));
    const question = { role: 'user', content: 'The weather in Oslo' };
    const { choices } = (await wire.ask(base, model, '', { messages: [question], tools: [WEATHER] })).body;
    const message = choices[0]?.message;
    const [signed] = message?.tool_calls ?? [];
    expect(signed?.extra_content).toHaveProperty('google.thought_signature');
    const then = (call: object) => ({
      tools: [WEATHER],
      messages: [
        question,
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: signed?.id, content: '3 degrees' },
      ],
    });
    expect((await wire.ask(base, model, '', then({ type: 'function', ...signed }))).status).toBe(200);
    const { extra_content: _signature, ...unsigned } = signed ?? {};
    expect(await wire.ask(base, model, '', then({ type: 'function', ...unsigned }))).toMatchObject({
      status: 400,
      body: [{ error: { message: expect.stringContaining('thought_signature') as string } }],
    });
  });

  it('of DeepInfra: an estimated cost; of vLLM: two names for reasoning', async () => {
    const { body } = await wire.ask('/deepinfra/v1/openai', 'Qwen/Qwen3-30B-A3B', 'Hi');
    expect(body.usage).toMatchObject({ estimated_cost: expect.any(Number) as number });
    const thinking = await wire.ask('/vllm/v1', 'Qwen/QwQ-32B', 'Hi');
    expect(thinking.body.choices[0]?.message).toMatchObject({ reasoning: /says/, reasoning_content: /says/ } as never);
  });
});

it('vLLM is ready without a key, and cold when it has scaled to zero', async () => {
  const { url } = wire.sandbox;
  expect((await call(`${url}/vllm/health`)).status).toBe(200);
  await call(`${url}/_sandbox/sleep`, { json: { prefix: '/vllm', mode: '503', wake_ms: 60_000 } });
  expect((await call(`${url}/vllm/health`)).status).toBe(503);
  expect((await wire.ask('/vllm/v1', 'Qwen/QwQ-32B', 'Hi')).status).toBe(503);
});

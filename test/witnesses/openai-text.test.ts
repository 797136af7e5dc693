import { createOpenAI } from '@ai-sdk/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, isStepCount, Output, streamText, tool } from 'ai';
import OpenAI, { RateLimitError } from 'openai';
import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';

/** The clients that speak OpenAI's text APIs against the sandbox: what they send is taken, and what they read is there. */
const KEY = 'test-key';

let sandbox: Sandbox;
let client: OpenAI;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  client = new OpenAI({ apiKey: KEY, baseURL: `${sandbox.url}/openai/v1`, maxRetries: 0 });
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const WEATHER = {
  name: 'get_weather',
  description: 'Current weather in a city',
  parameters: z.object({ city: z.string() }),
};

describe('openai, chat completions', () => {
  test('an answer and its usage', async () => {
    const { choices, usage } = await client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'Be brief' },
        { role: 'user', content: 'Hello there' },
      ],
    });
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { role: 'assistant', content: 'I was told: Be brief\nYou said: Hello there', refusal: null },
    });
    expect(usage).toMatchObject({ prompt_tokens: 13, completion_tokens: 11, total_tokens: 24 });
  });

  test('a stream with usage at its end', async () => {
    const stream = await client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Count to three' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collected(stream);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('You said: Count to three');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) as number } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test('runs tools by its helper, in a stream', async () => {
    const asked: string[] = [];
    const runner = client.chat.completions.runTools({
      model: 'gpt-4o',
      stream: true,
      messages: [{ role: 'user', content: "What's the weather in Tokyo and Paris?" }],
      tools: [
        zodFunction({
          ...WEATHER,
          function: ({ city }) => {
            asked.push(city);
            return `${city}: 21 degrees`;
          },
        }),
      ],
    });
    expect(await runner.finalContent()).toContain('get_weather says: Tokyo: 21 degrees\nget_weather says: Paris: 21');
    expect(asked).toEqual(['Tokyo', 'Paris']);
  });

  test('parses JSON by a schema', async () => {
    const Person = z.object({
      name: z.string(),
      age: z.int().min(0).max(120),
      tags: z.array(z.enum(['a', 'b'])).min(2),
    });
    const { choices } = await client.chat.completions.parse({
      model: 'gpt-5.4',
      messages: [{ role: 'user', content: 'A person called "Ada", 36 years old' }],
      response_format: zodResponseFormat(Person, 'person'),
    });
    expect(choices[0]?.message.parsed).toEqual({ name: 'Ada', age: 36, tags: ['a', 'b'] });
  });

  test('errors are those it knows', async () => {
    const ask = (content: string) =>
      client.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content }] });
    await expect(ask('[[sandbox:429]]')).rejects.toBeInstanceOf(RateLimitError);
    await expect(ask('[[sandbox:context-length]]')).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
    const stream = client.chat.completions.stream({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'a b c d [[sandbox:error-after=2]]' }],
    });
    await expect(stream.finalContent()).rejects.toMatchObject({ error: { type: 'server_error' } });
  });

  test('models', async () => {
    const ids = (await collected(client.models.list())).map(({ id }) => id);
    expect(ids).toContain('gpt-5.4');
    expect(await client.models.retrieve('gpt-5.4')).toMatchObject({ object: 'model' });
  });
});

describe('openai, responses', () => {
  test('text, usage, reasoning with its summary', async () => {
    const response = await client.responses.create({
      model: 'gpt-5.4',
      instructions: 'Be brief',
      input: 'Hello there',
      reasoning: { effort: 'low', summary: 'auto' },
    });
    expect(response.output_text).toBe('I was told: Be brief\nYou said: Hello there');
    expect(response.output[0]).toMatchObject({ type: 'reasoning', summary: [{ type: 'summary_text' }] });
    expect(response.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    expect(response).toMatchObject({ object: 'response', status: 'completed', error: null });
  });

  test('its stream helper builds the same response from events that are numbered', async () => {
    const stream = client.responses.stream({
      model: 'gpt-5.4',
      input: 'Tell me about the weather in Rome',
      reasoning: { effort: 'low', summary: 'auto' },
      tools: [{ type: 'function', name: 'get_weather', strict: null, parameters: z.toJSONSchema(WEATHER.parameters) }],
    });
    const events = await collected(stream);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect([...new Set(events.map(({ type }) => type))]).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.completed',
    ]);
    const [, call] = (await stream.finalResponse()).output;
    expect(call).toMatchObject({ type: 'function_call', name: 'get_weather', arguments: '{"city":"Rome"}' });
  });

  test('parses JSON by a schema, and is told of an end that came early', async () => {
    const { output_parsed: parsed } = await client.responses.parse({
      model: 'gpt-4.1',
      input: 'The capital of France',
      text: { format: zodTextFormat(z.object({ capital: z.string(), population: z.int().nullable() }), 'capital') },
    });
    expect(parsed).toEqual({ capital: 'France', population: 1 });
    const cut = await client.responses.create({ model: 'gpt-4.1', input: 'word '.repeat(99), max_output_tokens: 16 });
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });

  test('an error in the middle', async () => {
    const stream = await client.responses.create({
      model: 'gpt-4.1',
      input: 'one two three [[sandbox:error-after=2]]',
      stream: true,
    });
    const types: string[] = [];
    const reading = (async () => {
      for await (const { type } of stream) types.push(type);
    })();
    await expect(reading).rejects.toThrow('The server had an error');
    expect(types.filter((type) => type === 'response.output_text.delta')).toHaveLength(2);
  });
});

describe.each(['its default', 'chat'] as const)('ai with @ai-sdk/openai, %s', (kind) => {
  const model = () => {
    const provider = createOpenAI({ apiKey: KEY, baseURL: `${sandbox.url}/openai/v1` });
    return kind === 'chat' ? provider.chat('gpt-5.4') : provider('gpt-5.4');
  };
  const tools = () => ({
    get_weather: tool({
      description: WEATHER.description,
      inputSchema: WEATHER.parameters,
      execute: async ({ city }) => `${city}: 21 degrees`,
    }),
  });

  test('text and usage', async () => {
    const { text, usage, finishReason } = await generateText({ model: model(), prompt: 'Hello there' });
    expect(text).toBe('You said: Hello there');
    expect(finishReason).toBe('stop');
    expect(usage.totalTokens).toBeGreaterThan(8);
  });

  test('a stream with tools in several steps', async () => {
    const { textStream, steps } = streamText({
      model: model(),
      prompt: "What's the weather in Tokyo and Paris?",
      tools: tools(),
      stopWhen: isStepCount(3),
    });
    const text = (await collected(textStream)).join('');
    expect(text).toContain('get_weather says: Tokyo: 21 degrees');
    expect((await steps)[0]?.toolCalls.map(({ input }) => input)).toEqual([{ city: 'Tokyo' }, { city: 'Paris' }]);
  });

  test('an object by its schema', async () => {
    const { output } = await generateText({
      model: model(),
      prompt: 'A recipe for "Soup"',
      output: Output.object({ schema: z.object({ name: z.string(), minutes: z.number().max(30) }) }),
    });
    expect(output).toEqual({ name: 'Soup', minutes: 1 });
  });
});

describe.each([false, true])('@langchain/openai, responses API: %s', (useResponsesApi) => {
  const model = () =>
    new ChatOpenAI({
      model: 'gpt-5.4',
      apiKey: KEY,
      maxRetries: 0,
      useResponsesApi,
      configuration: { baseURL: `${sandbox.url}/openai/v1` },
    });

  test('an answer, a stream, a tool and its result', async () => {
    expect((await model().invoke('Hello there')).text).toBe('You said: Hello there');
    const pieces = await collected(await model().stream('Hello there'));
    expect(pieces.map(({ text }) => text).join('')).toBe('You said: Hello there');
    const bound = model().bindTools(
      [{ ...WEATHER, schema: WEATHER.parameters }].map(({ name, description, schema }) => ({
        type: 'function' as const,
        function: { name, description, parameters: z.toJSONSchema(schema) },
      })),
    );
    const question = new HumanMessage('The weather in Oslo');
    const called = await bound.invoke([question]);
    expect(called.tool_calls).toMatchObject([{ name: 'get_weather', args: { city: 'Oslo' } }]);
    const answered = await bound.invoke([
      question,
      called,
      new ToolMessage({ tool_call_id: called.tool_calls?.[0]?.id ?? '', content: '3 degrees' }),
    ]);
    expect(answered.text).toContain('get_weather says: 3 degrees');
  });

  test('structured output', async () => {
    const schema = z.object({ city: z.string() });
    expect(await model().withStructuredOutput(schema).invoke('The best city in Chile')).toEqual({ city: 'Chile' });
  });
});

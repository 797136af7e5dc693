import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
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
    const chunks = await Array.fromAsync(stream);
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
    await expect(ask('[[sandbox:429]]')).rejects.toBeInstanceOf(OpenAI.RateLimitError);
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
    const ids = (await Array.fromAsync(client.models.list())).map(({ id }) => id);
    expect(ids).toContain('gpt-5.4');
    expect(await client.models.retrieve('gpt-5.4')).toMatchObject({ object: 'model' });
  });
});

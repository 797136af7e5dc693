import type Anthropic from '@anthropic-ai/sdk';
import {
  ALIASES,
  CITY_SCHEMA,
  CLAUDES,
  type ClientsKiln,
  PNG_BASE64,
  PROVIDER_OF,
  QUESTION,
  startClients,
} from './clients.js';

let kiln: ClientsKiln;
beforeAll(async () => {
  kiln = await startClients();
});
afterAll(() => kiln.end());

const weather: Anthropic.Tool = { name: 'weather', description: 'Weather of a city', input_schema: CITY_SCHEMA };
const textOf = ({ content }: Anthropic.Message): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');
const user = (content: Anthropic.MessageParam['content']): Anthropic.MessageParam => ({ role: 'user', content });

describe.each(ALIASES)('messages of %s', (model) => {
  test('a whole message', async () => {
    const message = await kiln.anthropic.messages.create({
      model,
      max_tokens: 500,
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [user('Hello there')],
    });
    expect(message).toMatchObject({ type: 'message', role: 'assistant', model, stop_reason: 'end_turn' });
    expect(textOf(message)).toContain('I was told: Be brief.');
    expect(textOf(message)).toContain('You said: Hello there');
    expect(message.usage.input_tokens).toBeGreaterThan(0);
    expect(message.usage.output_tokens).toBeGreaterThan(0);
  });

  test('a stream, whose events make the same message', async () => {
    const ask = { model, max_tokens: 500, messages: [user('Tell me of the sea')] };
    const whole = await kiln.anthropic.messages.create(ask);
    const stream = kiln.anthropic.messages.stream(ask);
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    const final = await stream.finalMessage();
    expect(textOf(final)).toBe(textOf(whole));
    expect(final.usage.output_tokens).toBe(whole.usage.output_tokens);
    expect(final.stop_reason).toBe('end_turn');
    expect(types.filter((type, at) => type !== 'ping' && type !== types[at - 1])).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  test.each([{ stream: false }, { stream: true }])(
    'parallel tools, their results and the answer, stream $stream',
    async ({ stream }) => {
      const ask = (messages: Anthropic.MessageParam[]) => {
        const params = { model, max_tokens: 500, messages, tools: [weather] };
        return stream ? kiln.anthropic.messages.stream(params).finalMessage() : kiln.anthropic.messages.create(params);
      };
      const messages = [user(QUESTION)];
      const first = await ask(messages);
      expect(first.stop_reason).toBe('tool_use');
      const calls = first.content.filter((block) => block.type === 'tool_use');
      expect(calls.map(({ input }) => input)).toEqual([{ city: 'Tokyo' }, { city: 'Paris' }]);
      messages.push({ role: 'assistant', content: first.content });
      messages.push(
        user(
          calls.map(({ id }, at) => ({
            type: 'tool_result' as const,
            tool_use_id: id,
            content: at === 0 ? `sun over ${id}` : [{ type: 'text' as const, text: `sun over ${id}` }],
          })),
        ),
      );
      const second = await ask(messages);
      expect(second.stop_reason).toBe('end_turn');
      for (const { id } of calls) expect(textOf(second)).toContain(`weather says: sun over ${id}`);
    },
  );

  test.each<Anthropic.ToolChoice>([{ type: 'any' }, { type: 'tool', name: 'clock' }, { type: 'none' }])(
    'tool_choice %j',
    async (choice) => {
      const clock: Anthropic.Tool = { name: 'clock', input_schema: { type: 'object', properties: {} } };
      const message = await kiln.anthropic.messages.create({
        model,
        max_tokens: 500,
        messages: [user('Hello')],
        tools: [weather, clock],
        tool_choice: choice,
      });
      const names = message.content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : []));
      if (choice.type === 'none') expect(names).toEqual([]);
      else expect(names).toEqual(choice.type === 'any' ? [expect.any(String)] : ['clock']);
    },
  );

  test('pictures inline and by their address', async () => {
    const message = await kiln.anthropic.messages.create({
      model,
      max_tokens: 500,
      messages: [
        user([
          { type: 'text', text: 'What do you see?' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG_BASE64 } },
          ...(PROVIDER_OF[model] === 'bedrock'
            ? []
            : [{ type: 'image' as const, source: { type: 'url' as const, url: 'https://example.com/cat.jpg' } }]),
        ]),
      ],
    });
    expect(textOf(message)).toContain('image/png');
    if (PROVIDER_OF[model] !== 'bedrock') expect(textOf(message)).toContain('https://example.com/cat.jpg');
  });

  test.each([{ stream: false }, { stream: true }])(
    'the limit of tokens and stop sequences, stream $stream',
    async ({ stream }) => {
      const ask = (more: Partial<Anthropic.MessageCreateParamsNonStreaming>) => {
        const params = { model, max_tokens: 500, messages: [user('A story of the sea and the wind')], ...more };
        return stream ? kiln.anthropic.messages.stream(params).finalMessage() : kiln.anthropic.messages.create(params);
      };
      expect((await ask({ max_tokens: 16, messages: [user('word '.repeat(40))] })).stop_reason).toBe('max_tokens');
      // The responses API, which serves none of these routes, would not know stop sequences; chat does not tell which one it was.
      const stopped = await ask(model === 'gpt-5.4' ? {} : { stop_sequences: ['sea'] });
      if (model.startsWith('claude'))
        expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'sea' });
      else expect(stopped.stop_reason).toBe('end_turn');
    },
  );

  test('a refusal is told as one', async () => {
    const message = await kiln.anthropic.messages.create({
      model,
      max_tokens: 500,
      messages: [user('Do harm [[sandbox:refusal]]')],
    });
    expect(message.stop_reason).toBe('refusal');
  });

  test('countTokens, and its beta', async () => {
    const ask = { model, messages: [user('How many tokens are these?')], tools: [weather] };
    const { input_tokens: tokens } = await kiln.anthropic.messages.countTokens(ask);
    expect(tokens).toBeGreaterThan(5);
    const long = await kiln.anthropic.beta.messages.countTokens({ ...ask, messages: [user('word '.repeat(1000))] });
    expect(long.input_tokens).toBeGreaterThan(tokens + 500);
  });

  test('an answer by a JSON schema', async () => {
    const message = await kiln.anthropic.messages.create({
      model,
      max_tokens: 500,
      messages: [user('Weather for Tokyo')],
      output_config: { format: { type: 'json_schema', schema: CITY_SCHEMA } },
    });
    expect(JSON.parse(textOf(message))).toEqual({ city: 'Tokyo' });
  });

  test('the beta client, whole and streamed, with the beta tool runner', async () => {
    const ask = { model, max_tokens: 500, messages: [{ role: 'user' as const, content: 'Hello there' }] };
    const whole = await kiln.anthropic.beta.messages.create(ask);
    const streamed = await kiln.anthropic.beta.messages.stream(ask).finalMessage();
    expect(streamed.content).toEqual(whole.content);
    const cities: string[] = [];
    const final = await kiln.anthropic.beta.messages.toolRunner({
      ...ask,
      messages: [{ role: 'user', content: QUESTION }],
      tools: [
        {
          ...weather,
          type: 'custom',
          parse: (input: unknown) => input as { city: string },
          run: ({ city }: { city: string }) => {
            cities.push(city);
            return `rain in ${city}`;
          },
        },
      ],
    });
    expect(cities).toEqual(['Tokyo', 'Paris']);
    expect(JSON.stringify(final.content)).toContain('weather says: rain in Paris');
  });
});

describe.each(CLAUDES)('thinking of %s', (model) => {
  test.each([{ stream: false }, { stream: true }])(
    'goes back to Anthropic unchanged with its signature, stream $stream',
    async ({ stream }) => {
      const ask = (messages: Anthropic.MessageParam[]) => {
        const params = {
          model,
          max_tokens: 4000,
          thinking: { type: 'enabled' as const, budget_tokens: 1024 },
          messages,
          tools: [weather],
        };
        return stream ? kiln.anthropic.messages.stream(params).finalMessage() : kiln.anthropic.messages.create(params);
      };
      const first = await ask([user(QUESTION)]);
      const [thinking] = first.content;
      expect(thinking).toMatchObject({
        type: 'thinking',
        thinking: expect.stringMatching(/./),
        signature: expect.stringMatching(/./),
      });
      const results = first.content.flatMap((block) =>
        block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'sun' }] : [],
      );
      const second = await ask([user(QUESTION), { role: 'assistant', content: first.content }, user(results)]);
      expect(second.stop_reason).toBe('end_turn');
      const seen = (await kiln.lastBody(PROVIDER_OF[model])) as { messages?: { content: unknown[] }[] };
      expect(seen.messages?.[1]?.content[0]).toEqual(thinking);
    },
  );

  test.each(['2023-06-01', '2026-10-21'])('anthropic-version %s', async (version) => {
    const message = await kiln.anthropic.messages.create(
      { model, max_tokens: 100, messages: [user('Hello there')] },
      { headers: { 'anthropic-version': version } },
    );
    expect(textOf(message)).toContain('You said: Hello there');
  });
});

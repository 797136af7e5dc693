import { zodResponseFormat } from 'openai/helpers/zod';
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions';
import { z } from 'zod';
import { ALIASES, CITY_SCHEMA, type ClientsKiln, PNG_BASE64, QUESTION, silentWav, startClients } from './clients.js';

let kiln: ClientsKiln;
beforeAll(async () => {
  kiln = await startClients();
});
afterAll(() => kiln.end());

const weather: ChatCompletionTool = {
  type: 'function',
  function: { name: 'weather', description: 'Weather of a city', parameters: CITY_SCHEMA },
};

describe.each(ALIASES)('chat completions of %s', (model) => {
  test('a whole answer', async () => {
    const { data, response } = await kiln.openai.chat.completions
      .create({
        model,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello there' },
        ],
      })
      .withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant' } }],
    });
    expect(data.choices[0]?.message.content).toContain('I was told: Be brief.');
    expect(data.choices[0]?.message.content).toContain('You said: Hello there');
    const { usage } = data;
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
    expect(usage?.completion_tokens).toBeGreaterThan(0);
    expect(response.headers.get('x-kiln-route')).toMatch(new RegExp(`^${model}/`));
  });

  test('a stream with usage, which is the same answer', async () => {
    const ask = { model, messages: [{ role: 'user' as const, content: 'Tell me of the sea' }] };
    const whole = await kiln.openai.chat.completions.create(ask);
    const stream = await kiln.openai.chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    const finishes: (string | null)[] = [];
    const usages: unknown[] = [];
    for await (const chunk of stream) {
      expect(chunk).toMatchObject({ object: 'chat.completion.chunk', model });
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.choices[0]?.finish_reason) finishes.push(chunk.choices[0].finish_reason);
      if (chunk.usage) usages.push(chunk.usage);
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(finishes).toEqual(['stop']);
    expect(usages).toMatchObject([
      { prompt_tokens: whole.usage?.prompt_tokens, completion_tokens: whole.usage?.completion_tokens },
    ]);
  });

  test('a stream without usage where none was asked for', async () => {
    const stream = await kiln.openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Hi' }],
      stream: true,
    });
    for await (const chunk of stream) {
      expect(chunk.usage ?? null).toBeNull();
      expect(chunk.choices).toHaveLength(1);
    }
  });

  test('parallel calls, their results and the answer, turn by turn', async () => {
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: QUESTION }];
    const first = await kiln.openai.chat.completions.create({ model, messages, tools: [weather] });
    const [choice] = first.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    const calls = choice?.message.tool_calls?.flatMap((call) => (call.type === 'function' ? [call] : [])) ?? [];
    expect(calls.map((call) => JSON.parse(call.function.arguments) as unknown)).toEqual([
      { city: 'Tokyo' },
      { city: 'Paris' },
    ]);
    messages.push(choice!.message);
    for (const call of calls) messages.push({ role: 'tool', tool_call_id: call.id, content: `sun over ${call.id}` });
    const second = await kiln.openai.chat.completions.create({ model, messages, tools: [weather] });
    expect(second.choices[0]?.finish_reason).toBe('stop');
    for (const call of calls) expect(second.choices[0]?.message.content).toContain(`weather says: sun over ${call.id}`);
  });

  test.each([{ stream: false as const }, { stream: true as const }])(
    'runTools to the end, stream $stream',
    async ({ stream }) => {
      const cities: string[] = [];
      const params = {
        model,
        messages: [{ role: 'user' as const, content: QUESTION }],
        tools: [
          {
            type: 'function' as const,
            function: {
              name: 'weather',
              description: 'Weather of a city',
              parameters: CITY_SCHEMA,
              parse: (text: string) => JSON.parse(text) as { city: string },
              function: ({ city }: { city: string }) => {
                cities.push(city);
                return `rain in ${city}`;
              },
            },
          },
        ],
      };
      const runner = stream
        ? kiln.openai.chat.completions.runTools({ ...params, stream })
        : kiln.openai.chat.completions.runTools(params);
      const content = await runner.finalContent();
      expect(cities).toEqual(['Tokyo', 'Paris']);
      expect(content).toContain('weather says: rain in Tokyo');
      expect(content).toContain('weather says: rain in Paris');
    },
  );

  test.each(['required', { type: 'function', function: { name: 'clock' } }, 'none'] as const)(
    'tool_choice %j',
    async (choice) => {
      const clock: ChatCompletionTool = {
        type: 'function',
        function: { name: 'clock', parameters: { type: 'object', properties: {} } },
      };
      const answer = await kiln.openai.chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'Hello' }],
        tools: [weather, clock],
        tool_choice: choice,
      });
      const names = answer.choices[0]?.message.tool_calls?.map((call) =>
        call.type === 'function' ? call.function.name : call.type,
      );
      if (choice === 'none') expect(names ?? []).toEqual([]);
      else expect(names).toEqual(choice === 'required' ? [expect.any(String)] : ['clock']);
    },
  );

  test.each([{ stream: false }, { stream: true }])('parse with a zod schema, stream $stream', async ({ stream }) => {
    const Person = z.object({ name: z.string(), age: z.number(), tags: z.array(z.string()) });
    const params = {
      model,
      messages: [{ role: 'user' as const, content: 'A letter to Ada, who is 36' }],
      response_format: zodResponseFormat(Person, 'person'),
    };
    const answer = stream
      ? await kiln.openai.chat.completions.stream(params).finalChatCompletion()
      : await kiln.openai.chat.completions.parse(params);
    expect(answer.choices[0]?.message.parsed).toMatchObject({ name: 'Ada', age: 36 });
  });

  test('JSON mode', async () => {
    const answer = await kiln.openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Answer as JSON' }],
      response_format: { type: 'json_object' },
    });
    // Claude has no such mode: it is told, and the emulated one only repeats what it was told.
    if (model.startsWith('claude')) return expect(answer.choices[0]?.message.content).toMatch(/I was told: .*JSON/);
    expect(typeof JSON.parse(answer.choices[0]?.message.content ?? '')).toBe('object');
  });

  test('a picture inline and one by its address', async () => {
    const answer = await kiln.openai.chat.completions.create({
      model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What do you see?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG_BASE64}` } },
            { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg', detail: 'low' } },
          ],
        },
      ],
    });
    const content = answer.choices[0]?.message.content ?? '';
    expect(content).toContain('image/png');
    expect(content).toContain('https://example.com/cat.jpg');
  });

  test.each([{ stream: false as const }, { stream: true as const }])(
    'the limit of tokens ends it, stream $stream',
    async ({ stream }) => {
      const params = {
        model,
        messages: [{ role: 'user' as const, content: 'A long story about the sea and everything in it' }],
        max_completion_tokens: 4,
      };
      const answer = stream
        ? await kiln.openai.chat.completions
            .stream(params)
            .finalChatCompletion()
            .catch((error: unknown) => error)
        : await kiln.openai.chat.completions.create(params);
      expect(answer).toMatchObject({ choices: [{ finish_reason: 'length' }] });
    },
  );

  test('a refusal is told as one', async () => {
    const answer = await kiln.openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Do harm [[sandbox:refusal]]' }],
    });
    const [choice] = answer.choices;
    const refused = choice?.message.refusal ?? choice?.message.content;
    expect(refused).toContain("can't help with that");
    if (model.startsWith('claude')) expect(choice?.finish_reason).toBe('content_filter');
  });
});

test('sound that the model can hear', async () => {
  const answer = await kiln.openai.chat.completions.create({
    model: 'open-model',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What do you hear?' },
          { type: 'input_audio', input_audio: { data: silentWav().toString('base64'), format: 'wav' } },
        ],
      },
    ],
  });
  expect(answer.choices[0]?.message.content).toMatch(/I see: audio/);
});

test('sound is refused by name where the model hears none', async () => {
  const asking = kiln.openai.chat.completions.create({
    model: 'claude-sonnet',
    messages: [
      {
        role: 'user',
        content: [{ type: 'input_audio', input_audio: { data: silentWav().toString('base64'), format: 'wav' } }],
      },
    ],
  });
  await expect(asking).rejects.toMatchObject({ status: 400, message: expect.stringContaining('input_audio') });
});

import type { ResponseInput, ResponseInputItem, ResponseOutputItem, Tool } from 'openai/resources/responses/responses';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { ALIASES, CITY_SCHEMA, type ClientsKiln, PNG_BASE64, QUESTION, startClients } from './clients.js';

let kiln: ClientsKiln;
beforeAll(async () => {
  kiln = await startClients();
});
afterAll(() => kiln.end());

const weather: Tool = {
  type: 'function',
  name: 'weather',
  description: 'Weather of a city',
  parameters: CITY_SCHEMA,
  strict: true,
};

/** An item of an answer as part of the next request, which its type does not say it can be. */
const again = (item: ResponseOutputItem): ResponseInputItem => item as ResponseInputItem;

describe.each(ALIASES)('responses of %s', (model) => {
  test('a whole response', async () => {
    const response = await kiln.openai.responses.create({ model, instructions: 'Be brief.', input: 'Hello there' });
    expect(response).toMatchObject({ object: 'response', model, status: 'completed', error: null });
    expect(response.output_text).toContain('I was told: Be brief.');
    expect(response.output_text).toContain('You said: Hello there');
    expect(response.usage?.total_tokens).toBe(
      (response.usage?.input_tokens ?? 0) + (response.usage?.output_tokens ?? 0),
    );
  });

  test('a stream, whose events make the same response', async () => {
    const whole = await kiln.openai.responses.create({ model, input: 'Tell me of the sea' });
    const stream = kiln.openai.responses.stream({ model, input: 'Tell me of the sea' });
    let text = '';
    const sequence: number[] = [];
    const types: string[] = [];
    for await (const event of stream) {
      types.push(event.type);
      sequence.push(event.sequence_number);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    const final = await stream.finalResponse();
    expect(text).toBe(whole.output_text);
    expect(final.output_text).toBe(whole.output_text);
    expect(final.usage?.output_tokens).toBe(whole.usage?.output_tokens);
    expect(types[0]).toBe('response.created');
    expect(types.at(-1)).toBe('response.completed');
    expect(sequence).toEqual(sequence.map((_number, at) => at));
  });

  test.each([{ by: 'items' }, { by: 'references' }])('tools over two turns, the past sent as $by', async ({ by }) => {
    const input: ResponseInput = [{ role: 'user', content: QUESTION }];
    const first = await kiln.openai.responses.create({ model, input, tools: [weather] });
    const calls = first.output.filter((item) => item.type === 'function_call');
    expect(calls.map((call) => JSON.parse(call.arguments) as unknown)).toEqual([{ city: 'Tokyo' }, { city: 'Paris' }]);
    for (const item of first.output)
      input.push(by === 'items' ? again(item) : { type: 'item_reference', id: item.id ?? '' });
    for (const call of calls)
      input.push({ type: 'function_call_output', call_id: call.call_id, output: `sun over ${call.call_id}` });
    const second = await kiln.openai.responses.create({ model, input, tools: [weather] });
    for (const call of calls) expect(second.output_text).toContain(`weather says: sun over ${call.call_id}`);
    for (const item of second.output)
      input.push(by === 'items' ? again(item) : { type: 'item_reference', id: item.id ?? '' });
    input.push({ role: 'user', content: 'Thanks' });
    const third = await kiln.openai.responses.create({ model, input });
    expect(third.output_text).toContain('You said: Thanks');
  });

  test('tools in a stream', async () => {
    const stream = kiln.openai.responses.stream({ model, input: QUESTION, tools: [weather] });
    const fragments: Record<string, string> = {};
    for await (const event of stream)
      if (event.type === 'response.function_call_arguments.delta')
        fragments[event.item_id] = (fragments[event.item_id] ?? '') + event.delta;
    const final = await stream.finalResponse();
    const calls = final.output.filter((item) => item.type === 'function_call');
    expect(calls).toHaveLength(2);
    for (const call of calls) expect(fragments[call.id ?? '']).toBe(call.arguments);
  });

  test.each([{ stream: false }, { stream: true }])(
    'text.format with a zod schema, stream $stream',
    async ({ stream }) => {
      const Person = z.object({ name: z.string(), age: z.number() });
      const params = { model, input: 'A letter to Ada, who is 36', text: { format: zodTextFormat(Person, 'person') } };
      const response = stream
        ? await kiln.openai.responses.stream(params).finalResponse()
        : await kiln.openai.responses.parse(params);
      expect(response.output_parsed).toEqual({ name: 'Ada', age: 36 });
    },
  );

  test('pictures inline and by their address', async () => {
    const response = await kiln.openai.responses.create({
      model,
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What do you see?' },
            { type: 'input_image', image_url: `data:image/png;base64,${PNG_BASE64}`, detail: 'auto' },
            { type: 'input_image', image_url: 'https://example.com/cat.jpg', detail: 'auto' },
          ],
        },
      ],
    });
    expect(response.output_text).toContain('image/png');
    expect(response.output_text).toContain('https://example.com/cat.jpg');
  });

  test.each([{ stream: false }, { stream: true }])(
    'the limit of tokens leaves it incomplete, stream $stream',
    async ({ stream }) => {
      const params = { model, input: 'A long story about the sea and everything that is in it', max_output_tokens: 16 };
      const response = stream
        ? await kiln.openai.responses.stream(params).finalResponse()
        : await kiln.openai.responses.create(params);
      expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    },
  );

  test('reasoning comes back sealed and is taken again without a store', async () => {
    const ask = {
      model,
      store: false,
      include: ['reasoning.encrypted_content' as const],
      reasoning: { effort: 'low' as const, summary: 'auto' as const },
      tools: [weather],
    };
    const input: ResponseInput = [{ role: 'user', content: QUESTION }];
    const first = await kiln.openai.responses.create({ ...ask, input });
    const reasoning = first.output.find((item) => item.type === 'reasoning');
    // Only what a provider has sealed: the open server's reasoning is plain text.
    if (model === 'open-model') expect(reasoning?.summary).not.toEqual([]);
    else expect(reasoning?.encrypted_content).toEqual(expect.any(String));
    const calls = first.output.filter((item) => item.type === 'function_call');
    input.push(
      ...first.output.map(again),
      ...calls.map(({ call_id }) => ({ type: 'function_call_output' as const, call_id, output: 'sun' })),
    );
    const second = await kiln.openai.responses.create({ ...ask, input });
    expect(second.status).toBe('completed');
    expect(second.output_text).toContain('weather says: sun');
  });
});

test('what another key was answered can not be referred to', async () => {
  const { output } = await kiln.openai.responses.create({ model: 'claude-sonnet', input: 'A secret' });
  const input: ResponseInput = [
    { type: 'item_reference', id: output[0]?.id ?? '' },
    { role: 'user', content: 'Repeat it' },
  ];
  await expect(kiln.openai.responses.create({ model: 'claude-sonnet', input })).resolves.toBeDefined();
  const { secret } = await kiln.newKey();
  const other = kiln.openai.withOptions({ apiKey: secret });
  await expect(other.responses.create({ model: 'claude-sonnet', input })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining(output[0]?.id ?? 'no id'),
  });
});

test('what was not to be stored can not be referred to', async () => {
  const { output } = await kiln.openai.responses.create({ model: 'gpt-5.4', input: 'A secret', store: false });
  const input: ResponseInput = [
    { type: 'item_reference', id: output[0]?.id ?? '' },
    { role: 'user', content: 'Repeat it' },
  ];
  await expect(kiln.openai.responses.create({ model: 'gpt-5.4', input })).rejects.toMatchObject({ status: 400 });
});

test('previous_response_id is refused by name', async () => {
  const asking = kiln.openai.responses.create({ model: 'gpt-5.4', input: 'hi', previous_response_id: 'resp_1' });
  await expect(asking).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
});

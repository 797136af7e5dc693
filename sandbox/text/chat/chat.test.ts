import sharp from 'sharp';
import { call } from '../../test-client.js';
import { chunksIn, eventsIn, openText, WEATHER } from '../test-text.js';

let wire: Awaited<ReturnType<typeof openText>>;
beforeAll(async () => {
  wire = await openText();
});
afterAll(() => wire.sandbox.close());

const BASE = '/openai/v1';
const ask = (content: unknown, more: object = {}) => wire.ask(BASE, 'gpt-4o', content, more);
const stream = (content: unknown, more: object = {}) => wire.stream(BASE, 'gpt-4o', content, more);

describe('a stream', () => {
  it('opens with the role, ends with the reason and [DONE], and says no usage unasked', async () => {
    const events = eventsIn(await stream('Hello there'));
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1);
    expect(chunks[0]).toMatchObject({
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
    });
    expect(chunks.at(-1)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }] });
    expect(chunks.every((chunk) => typeof chunk !== 'string' && !('usage' in chunk))).toBe(true);
  });

  it('gives a call by its index, its arguments in fragments', async () => {
    const chunks = chunksIn(await stream('The weather in Tokyo and Paris', { tools: [WEATHER] }));
    const deltas = chunks.flatMap(
      ({ choices }) => (choices[0]?.delta['tool_calls'] ?? []) as Record<string, unknown>[],
    );
    expect(deltas[0]).toEqual({
      index: 0,
      id: expect.stringMatching(/^call_/) as string,
      type: 'function',
      function: { name: 'get_weather', arguments: '' },
    });
    const written = (index: number) =>
      deltas
        .filter((delta) => delta['index'] === index)
        .map((delta) => (delta['function'] as { arguments: string }).arguments);
    expect([written(0).join(''), written(1).join('')]).toEqual(['{"city":"Tokyo"}', '{"city":"Paris"}']);
    expect(written(0).length).toBeGreaterThan(2);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('has n choices, and logprobs where asked', async () => {
    const chunks = chunksIn(await stream('Hi', { n: 2, logprobs: true, top_logprobs: 1 }));
    expect(new Set(chunks.flatMap(({ choices }) => choices.map(({ index }) => index)))).toEqual(new Set([0, 1]));
    expect(chunks[2]).toMatchObject({ choices: [{ logprobs: { content: [{ token: 'You', top_logprobs: [{}] }] } }] });
  });
});

describe('an answer', () => {
  it('names what it was shown', async () => {
    const png = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const parts = [
      { type: 'text', text: 'Look' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${png.toString('base64')}` } },
      { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg', detail: 'low' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
    ];
    const { body } = await ask(parts);
    expect(body.choices[0]?.message.content).toBe(
      'I see: image (image/png 64x48), image (https://example.com/cat.jpg), document (a.pdf application/pdf 3 bytes)\nYou said: Look',
    );
    const sound = [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }];
    expect((await wire.ask(BASE, 'gpt-audio', sound)).body.choices[0]?.message.content).toContain(
      'audio (wav 3 bytes)',
    );
  });

  it('reads what began alike from the cache', async () => {
    const messages = (end: string) => ({
      model: 'gpt-4o',
      messages: [
        { role: 'system', content: 'a rule '.repeat(1000) },
        { role: 'user', content: end },
      ],
    });
    const first = await wire.post(`${BASE}/chat/completions`, messages('one'));
    const second = await wire.post(`${BASE}/chat/completions`, messages('two'));
    expect(first.body.usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 0 } });
    expect(second.body.usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 1664 } });
  });

  it('refuses, is filtered, is cut', async () => {
    const ended = async (content: string, more: object = {}) => (await ask(content, more)).body.choices[0];
    expect(await ended('x [[sandbox:refusal]]')).toMatchObject({
      message: { content: null, refusal: /sorry/ } as never,
    });
    expect(await ended('x y z [[sandbox:filter]]')).toMatchObject({ finish_reason: 'content_filter' });
    expect(await ended('x y z', { max_tokens: 1 })).toMatchObject({
      finish_reason: 'length',
      message: { content: 'You ' },
    });
    expect(await ended('x STOP y', { stop: 'STOP' })).toMatchObject({ finish_reason: 'stop' });
  });
});

const user = { role: 'user', content: 'x' };
const called = {
  role: 'assistant',
  content: null,
  tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }],
};
const open = { type: 'object', properties: { a: { type: 'string' } } };

it.each<[string, object, string | null, string | null]>([
  ['an unknown field', { foo: 1 }, 'unknown_parameter', 'foo'],
  ['an unknown field of a message', { messages: [{ ...user, id: 1 }] }, 'unknown_parameter', 'messages[0].id'],
  ['no messages', { messages: undefined }, 'missing_required_parameter', 'messages'],
  ['no model', { model: undefined }, 'missing_required_parameter', 'model'],
  ['another model', { model: 'gpt-9' }, 'model_not_found', 'model'],
  ['a temperature that is text', { temperature: '1' }, 'invalid_type', 'temperature'],
  ['a temperature above 2', { temperature: 3 }, 'invalid_value', 'temperature'],
  ['a role that is none', { messages: [{ role: 'robot', content: 'x' }] }, 'invalid_value', 'messages[0].role'],
  [
    'audio for a model that does not hear',
    { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }] }] },
    'invalid_value',
    'messages[0].content[0].type',
  ],
  [
    'a picture that is none',
    {
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }],
    },
    'invalid_value',
    'messages[0].content[0].image_url.url',
  ],
  [
    'a result nobody asked for',
    { messages: [{ role: 'tool', tool_call_id: 'x', content: 'y' }] },
    'invalid_value',
    'messages[0].role',
  ],
  ['a call without a result', { messages: [user, called, user] }, 'invalid_value', 'messages[2].role'],
  ['a tool choice without tools', { tool_choice: 'required' }, 'invalid_value', 'tool_choice'],
  [
    'a tool with a name of two words',
    { tools: [{ type: 'function', function: { name: 'a b' } }] },
    'invalid_value',
    'tools[0].function.name',
  ],
  [
    'JSON mode that the messages do not mention',
    { response_format: { type: 'json_object' } },
    'invalid_value',
    'messages',
  ],
  [
    'a strict schema that is open',
    { response_format: { type: 'json_schema', json_schema: { name: 'n', strict: true, schema: open } } },
    'invalid_value',
    'response_format',
  ],
  ['five stop sequences', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'invalid_value', 'stop'],
  ['more output than the model has', { max_tokens: 99_999 }, 'invalid_value', 'max_tokens'],
  ['max_tokens for a model that reasons', { model: 'gpt-5.4', max_tokens: 9 }, 'unsupported_parameter', 'max_tokens'],
  [
    'a temperature while it reasons',
    { model: 'gpt-5.4', reasoning_effort: 'low', temperature: 0.5 },
    'invalid_value',
    'temperature',
  ],
  [
    'a prompt above the context',
    { messages: [{ role: 'user', content: 'x'.repeat(600_000) }] },
    'context_length_exceeded',
    'messages',
  ],
  ['a marker that is none', { messages: [{ role: 'user', content: '[[sandbox:nope]]' }] }, 'invalid_value', 'messages'],
])('refuses %s', async (_what, more, code, param) => {
  const { status, body } = await wire.post(`${BASE}/chat/completions`, {
    model: 'gpt-4o',
    messages: [user],
    ...more,
  });
  expect([status, body.error]).toMatchObject([
    code === 'model_not_found' ? 404 : 400,
    { code, param, type: 'invalid_request_error' },
  ]);
});

it('wants the key', async () => {
  const headers = { authorization: 'Bearer other' };
  const { status, body } = await call(`${wire.sandbox.url}${BASE}/chat/completions`, { headers, json: {} });
  expect([status, body]).toMatchObject([401, { error: { code: 'invalid_api_key' } }]);
});

import { unanswered } from '../test-client.js';
import { AUTH, asked, type MessageBody, openWire } from './test-wire.js';

let wire: Awaited<ReturnType<typeof openWire>>;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire.sandbox.close());

const says = (content: string, more: object = {}) => asked({ messages: [{ role: 'user', content }], ...more });
const tool = {
  name: 'get_weather',
  description: 'Weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const namesOf = (events: { name: string }[]): string => events.map(({ name }) => name).join(' ');

describe('a stream', () => {
  test('of text: each event once in its place, a name that is the type, usage at both ends', async () => {
    const events = await wire.stream(says('one two'));
    expect(namesOf(events).replaceAll(/(content_block_delta ?)+/g, 'deltas ')).toBe(
      'message_start content_block_start ping deltas content_block_stop message_delta message_stop',
    );
    expect(events.every(({ name, data }) => name === data.type)).toBe(true);
    const [start] = events;
    expect(start?.data.message).toMatchObject({ content: [], stop_reason: null, usage: { output_tokens: 1 } });
    const text = events.map(({ data }) => data.delta?.['text'] ?? '').join('');
    expect(text).toBe('You said: one two');
    const { body: whole } = await wire.post<MessageBody>(says('one two'));
    expect(events.at(-2)?.data).toMatchObject({
      delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null },
      usage: { input_tokens: whole.usage['input_tokens'], output_tokens: whole.usage['output_tokens'] },
    });
  });

  test('of a call: its block opens empty, its arguments come in fragments', async () => {
    const events = await wire.stream(says('What is the weather in Paris?', { tools: [tool] }));
    const start = events.find(({ name }) => name === 'content_block_start');
    expect(start?.data.content_block).toMatchObject({ type: 'tool_use', name: 'get_weather', input: {} });
    const pieces = events.flatMap(({ data }) =>
      data.delta?.['type'] === 'input_json_delta' ? [String(data.delta['partial_json'])] : [],
    );
    expect(pieces[0]).toBe('');
    expect(pieces.length).toBeGreaterThan(2);
    expect(JSON.parse(pieces.join(''))).toEqual({ city: 'Paris' });
    expect(events.at(-2)?.data.delta?.['stop_reason']).toBe('tool_use');
  });

  test('of a call without arguments: one empty fragment', async () => {
    const ping = { name: 'ping_host', input_schema: { type: 'object', properties: {} } };
    const events = await wire.stream(says('ping_host please', { tools: [ping] }));
    expect(events.filter(({ name }) => name === 'content_block_delta').map(({ data }) => data.delta)).toEqual([
      { type: 'input_json_delta', partial_json: '' },
    ]);
  });

  test('of thinking: its words, then its signature, then the text in a block of its own', async () => {
    const thinking = { type: 'adaptive', display: 'summarized' };
    const events = await wire.stream(says('Why?', { thinking, max_tokens: 500 }));
    const kinds = events.flatMap(({ data }) =>
      data.type === 'content_block_delta' ? [`${data.index} ${String(data.delta?.['type'])}`] : [],
    );
    expect([...new Set(kinds)]).toEqual(['0 thinking_delta', '0 signature_delta', '1 text_delta']);
  });

  test('of thinking that is omitted: a signature alone', async () => {
    const events = await wire.stream(says('Why?', { thinking: { type: 'adaptive', display: 'omitted' } }));
    expect(events.filter(({ data }) => data.index === 0 && data.delta).map(({ data }) => data.delta?.['type'])).toEqual(
      ['signature_delta'],
    );
  });

  test('that breaks: an error event, and nothing after it', async () => {
    const events = await wire.stream(says('a b c d [[sandbox:error-after=2]]'));
    expect(events.at(-1)?.data).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });
    expect(events.filter(({ name }) => name === 'content_block_delta')).toHaveLength(2);
    expect(namesOf(events)).not.toMatch(/message_stop/);
  });

  test('without usage, as asked', async () => {
    const events = await wire.stream(says('Hi [[sandbox:no-usage]]'));
    expect(events.at(-2)?.data).not.toHaveProperty('usage');
    expect(events[0]?.data.message).not.toHaveProperty('usage');
  });
});

describe('an answer', () => {
  test.each([
    ['at the limit', { max_tokens: 2 }, { stop_reason: 'max_tokens' }],
    ['at a stop sequence', { stop_sequences: ['two'] }, { stop_reason: 'stop_sequence', stop_sequence: 'two' }],
    ['with a warm cache only', { max_tokens: 0 }, { stop_reason: 'max_tokens', content: [] }],
  ])('ends %s', async (_what, more, ending) => {
    expect((await wire.post<MessageBody>(says('one two three', more))).body).toMatchObject(ending);
  });

  test('that refuses says why', async () => {
    const { body } = await wire.post<MessageBody>(says('Do it [[sandbox:refusal]]'));
    expect(body).toMatchObject({ stop_reason: 'refusal', content: [], stop_details: { type: 'refusal' } });
  });

  test('with one call where two may not be', async () => {
    const prompt = 'What is the weather in Paris and Rome?';
    const calls = async (choice: object) => {
      const { body } = await wire.post<MessageBody>(says(prompt, { tools: [tool], tool_choice: choice }));
      return body.content.filter(({ type }) => type === 'tool_use').map(({ input }) => input);
    };
    expect(await calls({ type: 'auto' })).toEqual([{ city: 'Paris' }, { city: 'Rome' }]);
    expect(await calls({ type: 'auto', disable_parallel_tool_use: true })).toHaveLength(1);
    expect(await calls({ type: 'none' })).toEqual([]);
  });

  test('is the same for the same request, but for its id', async () => {
    const ask = () => wire.post<MessageBody>(says('Again?', { tools: [tool], tool_choice: { type: 'any' } }));
    const [{ body: one }, { body: other }] = [await ask(), await ask()];
    expect({ ...one, id: '' }).toEqual({ ...other, id: '' });
    expect(one.id).not.toBe(other.id);
  });
});

describe('the cache', () => {
  const mark = { type: 'ephemeral' };
  const long = (word: string) => ({ type: 'text', text: `${word} `.repeat(4_000), cache_control: mark });
  const usage = async (more: object) => {
    const { body } = await wire.post<MessageBody>(asked(more));
    const { input_tokens: input, cache_creation_input_tokens: written, cache_read_input_tokens: read } = body.usage;
    return { input: input ?? 0, written: written ?? 0, read: read ?? 0 };
  };
  const turn = (content: unknown) => ({ role: 'user', content });

  test('writes the tail behind a prefix that it reads', async () => {
    const first = await usage({ system: [long('alpha')] });
    expect(first).toMatchObject({ read: 0 });
    const grown = await usage({ system: [long('alpha')], messages: [turn([long('beta')])] });
    expect(grown.read).toBe(first.written);
    expect(grown.written).toBeGreaterThan(0);
    const again = await usage({ system: [long('alpha')], messages: [turn([long('beta')])] });
    expect(again).toEqual({ input: grown.input, written: 0, read: grown.read + grown.written });
  });

  test('is of one model, and of an exact prefix', async () => {
    await usage({ system: [long('gamma')] });
    expect(await usage({ system: [long('gamma')], model: 'claude-sonnet-4-6' })).toMatchObject({ read: 0 });
    expect(await usage({ system: [{ type: 'text', text: 'New.' }, long('gamma')] })).toMatchObject({ read: 0 });
  });

  test('does not keep what is too short', async () => {
    const body = { system: [{ type: 'text', text: 'Short.', cache_control: mark }] };
    await usage(body);
    expect(await usage(body)).toMatchObject({ written: 0, read: 0 });
  });

  test('marks the last block by itself where the request says so', async () => {
    const body = { cache_control: mark, messages: [turn('delta '.repeat(4_000))] };
    const { written } = await usage(body);
    expect(written).toBeGreaterThan(0);
    expect(await usage(body)).toMatchObject({ written: 0, read: written, input: 0 });
  });
});

describe('faults', () => {
  test.each([
    ['429', 429, 'rate_limit_error'],
    ['500', 500, 'api_error'],
    ['503', 529, 'overloaded_error'],
    ['policy-submit', 400, 'invalid_request_error'],
    ['context-length', 400, 'invalid_request_error'],
  ])('%s', async (name, status, type) => {
    expect(await wire.post(says(`x [[sandbox:${name}]]`))).toMatchObject({ status, body: { error: { type } } });
  });

  test('a 429 says when to come back, one of a spend limit does not', async () => {
    wire.sandbox.arm({ provider: 'anthropic', fault: '429', value: 7 });
    wire.sandbox.arm({ provider: 'anthropic', fault: '429', value: 0 });
    const passing = await wire.post(says('x'));
    expect(passing.headers.get('retry-after')).toBe('7');
    const spent = await wire.post(says('x'));
    expect(spent.headers.get('retry-after')).toBeNull();
    expect(spent.headers.get('x-should-retry')).toBe('false');
    expect(spent.body.error.details).toEqual({ error_code: 'enforced_spend_limit_reached' });
  });

  test('hang: no answer', async () => {
    const init = {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify(says('x [[sandbox:hang]]')),
    };
    expect(await unanswered(`${wire.base}/messages`, init)).toBe('hang');
  });
});

import { call } from '../../test-client.js';
import { AUTH, openText } from '../test-text.js';

interface Answer {
  id: string;
  status: string;
  output: { type: string; id: string; call_id?: string; content?: unknown[]; encrypted_content?: string }[];
  error?: Record<string, unknown> | null;
}

let wire: Awaited<ReturnType<typeof openText>>;
beforeAll(async () => {
  wire = await openText();
});
afterAll(() => wire.sandbox.close());

const PATH = '/openai/v1/responses';
const ask = (more: object) => wire.post<Answer>(PATH, { model: 'gpt-5.4', input: 'Hello there', ...more });
const streamed = async (more: object): Promise<Record<string, unknown>[]> => {
  const { body } = await wire.post<string>(PATH, { model: 'gpt-5.4', input: 'Hello', stream: true, ...more });
  return body
    .split('\n\n')
    .filter(Boolean)
    .map((event) => {
      const [name = '', data = ''] = event.split('\n');
      const parsed = JSON.parse(data.replace('data: ', '')) as Record<string, unknown>;
      expect(name).toBe(`event: ${String(parsed['type'])}`);
      return parsed;
    });
};

const WEATHER = {
  type: 'function',
  name: 'get_weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

it('answers with every field of a response', async () => {
  const { body } = await ask({ metadata: { a: 'b' } });
  expect(body).toMatchObject({
    object: 'response',
    status: 'completed',
    error: null,
    incomplete_details: null,
    instructions: null,
    output: [
      {
        type: 'message',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'You said: Hello there', annotations: [] }],
      },
    ],
    parallel_tool_calls: true,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    truncation: 'disabled',
    usage: { input_tokens: 7, output_tokens: 6, total_tokens: 13, input_tokens_details: { cached_tokens: 0 } },
    metadata: { a: 'b' },
  });
});

it('knows the items it kept, by reference, and no others', async () => {
  const question = { role: 'user', content: [{ type: 'input_text', text: 'The weather in Oslo' }] };
  const { body } = await ask({ input: [question], tools: [WEATHER] });
  const [made] = body.output;
  const then = (reference: object) =>
    ask({
      tools: [WEATHER],
      input: [question, reference, { type: 'function_call_output', call_id: made?.call_id, output: '3 degrees' }],
    });
  const { body: answered } = await then({ type: 'item_reference', id: made?.id });
  expect(JSON.stringify(answered.output)).toContain('get_weather says: 3 degrees');
  expect(await then({ type: 'item_reference', id: 'fc_other' })).toMatchObject({ status: 404 });
});

it('hands out reasoning sealed where asked', async () => {
  const { body } = await ask({ reasoning: { effort: 'low' }, include: ['reasoning.encrypted_content'], store: false });
  expect(body.output[0]).toMatchObject({ type: 'reasoning', summary: [], encrypted_content: /^[\w+/=]+$/ } as never);
});

it('refuses, is filtered, fails, each in its events', async () => {
  const types = async (marker: string) =>
    (await streamed({ input: `a b c [[sandbox:${marker}]]` })).map(({ type }) => type);
  expect(await types('refusal')).toEqual(expect.arrayContaining(['response.refusal.delta', 'response.refusal.done']));
  expect((await types('filter')).at(-1)).toBe('response.incomplete');
  expect(await types('error-event')).toEqual(['error', 'response.failed']);
  const events = await streamed({ input: 'a b c [[sandbox:error-after=1]]' });
  expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
});

it.each<[string, object, string | null, string | null]>([
  ['an unknown field', { foo: 1 }, 'unknown_parameter', 'foo'],
  ['messages', { messages: [] }, 'unknown_parameter', 'messages'],
  ['an unknown item', { input: [{ type: 'thing' }] }, 'invalid_value', 'input[0].type'],
  [
    'an unknown field of an item',
    { input: [{ role: 'user', content: 'x', foo: 1 }] },
    'unknown_parameter',
    'input[0].foo',
  ],
  [
    'parts of chat completions',
    { input: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] },
    'invalid_value',
    'input[0].content[0].type',
  ],
  [
    'tools of chat completions',
    { tools: [{ type: 'function', function: { name: 'f' } }] },
    'missing_required_parameter',
    'tools[0].name',
  ],
  [
    'a result nobody asked for',
    { input: [{ type: 'function_call_output', call_id: 'x', output: 'y' }] },
    'invalid_value',
    'input',
  ],
  [
    'a call without a result',
    { input: [{ type: 'function_call', call_id: 'x', name: 'f', arguments: '{}' }] },
    'invalid_value',
    'input',
  ],
  ['too few tokens', { max_output_tokens: 5 }, 'invalid_value', 'max_output_tokens'],
  ['a response that was not kept', { previous_response_id: 'resp_1' }, 'invalid_value', 'previous_response_id'],
  [
    'a temperature while it reasons',
    { reasoning: { effort: 'low' }, temperature: 0.5 },
    'unsupported_parameter',
    'temperature',
  ],
  ['a prompt above the context', { input: 'x'.repeat(1_700_000) }, 'context_length_exceeded', 'input'],
  ['a marker that is none', { input: '[[sandbox:nope]]' }, 'invalid_value', 'input'],
])('refuses %s', async (_what, more, code, param) => {
  expect(await ask(more)).toMatchObject({ status: 400, body: { error: { code, param } } });
});

it('refuses a body that is no JSON', async () => {
  const headers = { ...AUTH, 'content-type': 'application/json' };
  const { status, body } = await call(`${wire.sandbox.url}${PATH}`, { method: 'POST', headers, body: '{"model":' });
  expect([status, body]).toMatchObject([400, { error: { type: 'invalid_request_error', code: null } }]);
});

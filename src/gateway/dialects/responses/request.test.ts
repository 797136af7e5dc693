import * as fc from 'fast-check';
import type { JsonObject } from '../../../common/json.js';
import type { Conversation, Turn } from '../conversation.js';
import type { DialectId, ModelTraits } from '../dialect.js';
import requests from './fixtures/requests.json' with { type: 'json' };
import { responses } from './index.js';
import { TRAITS } from './test-wire.js';

const ask = (input: unknown, more: JsonObject = {}): JsonObject => ({ input, ...more }) as JsonObject;
const PLAIN: Conversation = {
  turns: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
  tools: [],
  stream: false,
  includeUsage: false,
  foreign: [],
};

describe('parse', () => {
  it.each(Object.entries(requests.parsed))('reads %s', (_name, { body, conversation }) => {
    expect(responses.parse(body as unknown as JsonObject)).toEqual({
      ...PLAIN,
      ...(conversation as Partial<Conversation>),
    });
  });

  const image = { type: 'input_image' };
  it.each([
    [{}, 'input', /'input' is required: a string or a list/],
    [ask([]), 'input', /got a list of 0/],
    [ask('hi', { previous_response_id: 'resp_1' }), 'previous_response_id', /send the whole conversation/],
    [ask('hi', { conversation: 'conv_1' }), 'conversation', /not kept here/],
    [ask('hi', { prompt: { id: 'pmpt_1' } }), 'prompt', /not kept here/],
    [ask('hi', { background: true }), 'background', /can only be false/],
    [ask([{ role: 'user', content: [{ ...image, image_url: 'ftp://x' }] }]), 'input[0].content[0].image_url', /http/],
    [ask(['x', 'y']), 'input[0]', /expected an object; got "x"/],
    [ask([{ role: 'user', content: [image] }]), 'input[0].content[0].image_url', /file_id/],
    [
      ask([{ role: 'user', content: [{ type: 'text', text: 'a' }] }]),
      'input[0].content[0].type',
      /'input_text'.*got "text"/,
    ],
    [ask([{ role: 'user', content: [{ type: 'input_file' }] }]), 'input[0].content[0]', /exactly one of.*none/],
    [ask([{ role: 'tool', content: 'a' }]), 'input[0].role', /'user', 'assistant', 'system', 'developer'; got "tool"/],
    [
      ask([{ type: 'function_call', name: 'f', arguments: {}, call_id: 'a' }]),
      'input[0].arguments',
      /a string; got an object/,
    ],
    [ask([{ type: 'function_call_output', output: 'a' }]), 'input[0].call_id', /required/],
    [ask([{ type: 'item_reference', id: 'msg_9' }]), 'input[0].id', /got "msg_9"/],
    [ask([{ id: 'msg_9' }]), 'input[0].id', /got "msg_9"/],
    [ask('hi', { temperature: 3 }), 'temperature', /from 0 to 2; got 3/],
    [ask('hi', { max_output_tokens: 0 }), 'max_output_tokens', /an integer from 1; got 0/],
    [ask('hi', { tools: [{ name: 'f' }] }), 'tools[0].type', /required/],
    [ask('hi', { tool_choice: 'any' }), 'tool_choice', /'auto', 'none', 'required'.*got "any"/],
    [ask('hi', { tool_choice: { type: 'function', name: 'f' } }), 'tool_choice.name', /one of the tools/],
    [ask('hi', { text: { format: { type: 'json_schema', name: 'a' } } }), 'text.format.schema', /a JSON Schema/],
    [ask('hi', { reasoning: { effort: 'huge' } }), 'reasoning.effort', /'none', 'minimal'.*got "huge"/],
    [ask('hi', { stream: 'yes' }), 'stream', /true or false; got "yes"/],
  ])('%j is 400 at %s', (body, param, message) => {
    expect(() => responses.parse(body)).toThrow(
      expect.objectContaining({ status: 400, param, message: expect.stringMatching(message) }),
    );
  });
});

const id = fc.stringMatching(/^[a-z0-9]{4,12}$/);
const some = fc.string({ minLength: 1 });
const inputPart = fc.oneof(
  fc.record({ type: fc.constant('input_text'), text: fc.string() }),
  fc.record({ type: fc.constant('input_image'), image_url: fc.webUrl(), detail: fc.constantFrom('low', 'high') }),
  fc.record({ type: fc.constant('input_image'), file_id: id }),
  fc.record({
    type: fc.constant('input_image'),
    image_url: fc.base64String({ minLength: 4 }).map((data) => `data:image/png;base64,${data}`),
  }),
  fc.record({ type: fc.constant('input_file'), file_url: fc.webUrl() }),
  fc.record({
    type: fc.constant('input_file'),
    filename: some,
    file_data: fc.base64String({ minLength: 4 }).map((data) => `data:application/pdf;base64,${data}`),
  }),
);
const audio = fc.record({
  type: fc.constant('input_audio'),
  input_audio: fc.record({ data: fc.base64String({ minLength: 4 }), format: fc.constantFrom('wav', 'mp3') }),
});
const list = <T>(part: fc.Arbitrary<T>) => fc.array(part, { minLength: 1, maxLength: 3 });
const item = fc.oneof(
  fc.record({ role: fc.constant('user'), content: fc.oneof(fc.string(), list(fc.oneof(inputPart, audio))) }),
  fc.record({
    type: fc.constant('message'),
    role: fc.constantFrom('system', 'developer'),
    content: fc.oneof(fc.string(), list(fc.record({ type: fc.constant('input_text'), text: fc.string() }))),
  }),
  fc.record({
    type: fc.constant('message'),
    role: fc.constant('assistant'),
    content: list(
      fc.oneof(
        fc.record({ type: fc.constant('output_text'), text: fc.string(), annotations: fc.constant([]) }),
        fc.record({ type: fc.constant('refusal'), refusal: fc.string() }),
      ),
    ),
  }),
  fc.record({ type: fc.constant('function_call'), call_id: id, name: id, arguments: some }),
  fc.record({ type: fc.constant('function_call_output'), call_id: id, output: fc.oneof(fc.string(), list(inputPart)) }),
  fc.record({
    type: fc.constant('reasoning'),
    id: id.map((suffix) => `rs_${suffix}`),
    summary: fc.array(fc.record({ type: fc.constant('summary_text'), text: some }), { maxLength: 3 }),
    encrypted_content: fc.base64String({ minLength: 4 }),
  }),
);
const functionTool = fc.record({
  type: fc.constant('function'),
  name: id,
  description: some,
  parameters: fc.constant({ type: 'object', properties: { a: { type: 'string' } } }),
  strict: fc.boolean(),
});
const bodies = fc
  .record(
    {
      input: fc.oneof(fc.string(), fc.array(item, { minLength: 1, maxLength: 8 })),
      instructions: fc.string(),
      tools: fc.array(functionTool, { minLength: 1, maxLength: 3 }),
      tool_choice: fc.constantFrom('auto', 'none', 'required'),
      parallel_tool_calls: fc.boolean(),
      max_output_tokens: fc.integer({ min: 16, max: 100_000 }),
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
      top_p: fc.double({ min: 0, max: 1, noNaN: true }),
      text: fc.record({
        format: fc.oneof(
          fc.record({ type: fc.constantFrom('text', 'json_object') }),
          fc.record({
            type: fc.constant('json_schema'),
            name: id,
            schema: fc.constant({ type: 'object' }),
            strict: fc.boolean(),
          }),
        ),
        verbosity: fc.constantFrom('low', 'medium', 'high'),
      }),
      reasoning: fc.record({
        effort: fc.constantFrom('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
        summary: fc.constantFrom('auto', 'detailed'),
      }),
      include: fc.constant(['reasoning.encrypted_content']),
      metadata: fc.dictionary(id, fc.string()),
      user: some,
      service_tier: fc.constantFrom('auto', 'default', 'flex', 'priority'),
      prompt_cache_key: some,
      stream: fc.boolean(),
    },
    { requiredKeys: ['input', 'tools'] },
  )
  .map((body) => JSON.parse(JSON.stringify(body)) as JsonObject);

describe('write', () => {
  it('asks for all that a client of the same API asked for', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const conversation = responses.parse(body);
        expect(responses.unsupported(conversation, TRAITS, 'responses')).toEqual([]);
        const request = responses.write(conversation, TRAITS);
        expect(responses.parse(request)).toEqual(conversation);
        expect(request.store).toBe(false);
      }),
    );
  });

  const written = (more: Partial<Conversation>, traits: Partial<ModelTraits> = {}) =>
    responses.write({ ...PLAIN, ...more }, { ...TRAITS, ...traits });
  const call: Turn = { role: 'assistant', parts: [{ type: 'tool_call', id: 'c', name: 'f', arguments: '' }] };
  const thought: Turn = {
    role: 'assistant',
    parts: [
      { type: 'reasoning', text: 'Hm.', signature: 'sig' },
      { type: 'reasoning', text: '', sealed: { by: 'anthropic', data: 'x' } },
      { type: 'text', text: 'Yes.' },
    ],
  };

  it.each<[string, JsonObject, JsonObject]>([
    ['no arguments are {}', written({ turns: [call] }), { input: [{ type: 'function_call', arguments: '{}' }] }],
    [
      "Anthropic's thinking stays out",
      written({ turns: [thought] }),
      { input: [{ role: 'assistant', content: [{ type: 'output_text', text: 'Yes.' }] }] },
    ],
    ['a limit below the least is the least', written({ maxOutputTokens: 1 }), { max_output_tokens: 16 }],
    [
      'functions are not strict by themselves',
      written({ tools: [{ kind: 'function', name: 'f', parameters: {} }] }),
      { tools: [{ name: 'f', strict: false }] },
    ],
    [
      'thinking with a budget has an effort and a summary',
      written({ reasoning: { mode: 'enabled', budgetTokens: 8000 } }),
      { reasoning: { effort: 'medium', summary: 'auto' } },
    ],
    [
      'thinking that is not to be shown has none',
      written({ reasoning: { mode: 'adaptive', effort: 'max', display: 'omitted' } }, { efforts: ['low', 'high'] }),
      { reasoning: { effort: 'high' } },
    ],
  ])('%s', (_title, request, expected) => {
    expect(request).toMatchObject(expected);
  });

  it('leaves out what the model does not know', () => {
    const request = written(
      {
        reasoning: { effort: 'high', sealed: true },
        temperature: 1,
        seed: 7,
        serviceTier: 'standard_only',
        verbosity: 'max',
      },
      { efforts: [], sampling: false },
    );
    expect(Object.keys(request).toSorted()).toEqual(['input', 'store', 'stream']);
  });
});

describe('unsupported', () => {
  const file: Turn = { role: 'user', parts: [{ type: 'image', source: { kind: 'file', fileId: 'file_1' } }] };
  const seen: Turn = { role: 'user', parts: [{ type: 'image', source: { kind: 'url', url: 'https://x/y.png' } }] };
  const blind = { features: new Set<never>() };

  it.each<[string, Partial<Conversation>, Partial<ModelTraits>, DialectId, RegExp]>([
    ['stop', { stop: ['x'] }, {}, 'messages', /'stop_sequences'/],
    ['n', { n: 2 }, {}, 'chat', /'n'/],
    ['penalties', { presencePenalty: 1 }, {}, 'chat', /'presence_penalty'/],
    ['logprobs', { logprobs: 0 }, {}, 'chat', /'logprobs'/],
    ['hosted tools', { tools: [{ kind: 'hosted', type: 'web_search' }] }, {}, 'responses', /web_search/],
    ['foreign fields', { foreign: ['input[1]'] }, {}, 'responses', /'input\[1\]'/],
    ['pictures', { turns: [seen] }, blind, 'chat', /image/],
    ["Anthropic's files", { turns: [file] }, {}, 'messages', /file/],
    ['sampling', { temperature: 0.5 }, { sampling: false }, 'chat', /'temperature'/],
    [
      'a forced tool',
      { tools: [{ kind: 'function', name: 'f', parameters: {} }], toolChoice: { type: 'required' } },
      { forcedTools: false },
      'chat',
      /'tool_choice'/,
    ],
    ['schemas', { format: { type: 'json_schema', name: 'a', schema: {} } }, blind, 'chat', /'response_format'/],
    [
      'a beginning of the answer',
      { turns: [...PLAIN.turns, { role: 'assistant', parts: [{ type: 'text', text: '{' }] }] },
      { prefill: false },
      'messages',
      /'messages' can't end/,
    ],
  ])('%s', (_title, more, traits, asked, message) => {
    const problems = responses.unsupported({ ...PLAIN, ...more }, { ...TRAITS, ...traits }, asked);
    expect(problems).toEqual([expect.stringMatching(message)]);
  });

  it('neutral values refuse nothing', () => {
    const neutral = {
      n: 1,
      stop: [],
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: {},
      temperature: 1,
      topP: 1,
      seed: 1,
    };
    const problems = responses.unsupported({ ...PLAIN, ...neutral }, { ...TRAITS, sampling: false }, 'chat');
    expect(problems).toEqual([]);
  });
});

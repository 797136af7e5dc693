import { call } from '../test-client.js';
import { AUTH, asked, KEY, NEWER, OLD, openWire } from './test-wire.js';

let wire: Awaited<ReturnType<typeof openWire>>;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire.sandbox.close());

const tool = (more: object = {}) => ({ name: 'f', input_schema: { type: 'object', properties: {} }, ...more });
const user = (...content: object[]) => ({ messages: [{ role: 'user', content }] });
const text = (more: object = {}) => ({ type: 'text', text: 'Hi', ...more });

describe('who may call', () => {
  test.each([
    ['no key', { 'x-api-key': undefined }, /x-api-key header is required/],
    ['another key', { 'x-api-key': 'other' }, /invalid x-api-key/],
    ['another token', { 'x-api-key': undefined, authorization: 'Bearer other' }, /Invalid bearer token/],
    ['both', { authorization: `Bearer ${KEY}` }, /send one/],
  ])('%s: 401', async (_what, changed, message) => {
    const headers = Object.fromEntries(
      Object.entries({ ...AUTH, ...changed }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const { status, body, headers: answered } = await wire.post(asked(), headers);
    expect(status).toBe(401);
    expect(body).toMatchObject({ type: 'error', error: { type: 'authentication_error' } });
    expect(body.error.message).toMatch(message);
    expect(body.request_id).toBe(answered.get('request-id'));
  });

  test('a token instead of a key', async () => {
    const headers = { authorization: `Bearer ${KEY}`, 'anthropic-version': '2026-10-21' };
    expect((await wire.post(asked(), headers)).status).toBe(200);
  });

  test.each([
    ['no version', undefined, /header is required/],
    ['an unknown version', '2024-01-01', /is not a valid version/],
  ])('%s: 400', async (_what, version, message) => {
    const headers = { 'x-api-key': KEY, ...(version === undefined ? {} : { 'anthropic-version': version }) };
    await wire.expectRefused(asked(), message, headers);
  });

  test('rate limits and the organization come with every answer', async () => {
    const { headers } = await wire.post(asked());
    expect(headers.get('anthropic-ratelimit-input-tokens-remaining')).toMatch(/^\d+$/);
    expect(headers.get('anthropic-ratelimit-requests-reset')).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z$/);
    expect(headers.get('anthropic-organization-id')).not.toBeNull();
  });
});

describe('fields', () => {
  test.each([
    ['an unknown field', { foo: 1 }, /^foo: Extra inputs are not permitted$/],
    ['no max_tokens', { max_tokens: undefined }, /^max_tokens: Field required$/],
    ['max_tokens as text', { max_tokens: '5' }, /^max_tokens: Input should be a valid/],
    ['max_tokens beyond the model', { max_tokens: 200_000 }, /^max_tokens: 200000 > 128000/],
    ['no messages', { messages: undefined }, /^messages: Field required$/],
    ['an empty list of messages', { messages: [] }, /^messages: List should have at least 1 items$/],
    ['an unknown role', { messages: [{ role: 'tool', content: 'x' }] }, /^messages\.0\.role: Input tag "tool"/],
    ['a message with more', { messages: [{ role: 'user', content: 'x', name: 'y' }] }, /^messages\.0\.name: Extra/],
    [
      'content of a wrong type',
      { messages: [{ role: 'user', content: 5 }] },
      /^messages\.0\.content: .*string or list/,
    ],
    ['an unknown block', user({ type: 'video' }), /^messages\.0\.content\.0\.type: Input tag "video"/],
    ['a block with more', user(text({ lang: 'en' })), /^messages\.0\.content\.0\.lang: Extra/],
    ['a text without text', user({ type: 'text' }), /^messages\.0\.content\.0\.text: Field required$/],
    ['a cache mark of another kind', user(text({ cache_control: { type: 'x' } })), /cache_control\.type: Input should/],
    [
      'a cache mark with more',
      user(text({ cache_control: { type: 'ephemeral', scope: 'global' } })),
      /^messages\.0\.content\.0\.cache_control\.scope: Extra/,
    ],
    ['temperature beyond 1', { temperature: 1.5 }, /^temperature: Input should be less than or equal to 1$/],
    ['an unknown effort', { output_config: { effort: 'minimal' } }, /^output_config\.effort: Input should be 'low'/],
    ['stop as text', { stop_sequences: 'x' }, /^stop_sequences: Input should be a valid list$/],
    ['a blank stop sequence', { stop_sequences: [' '] }, /must contain non-whitespace/],
    ['metadata with more', { metadata: { user_id: 'a', email: 'b' } }, /^metadata\.email: Extra/],
    ['an unknown service tier', { service_tier: 'flex' }, /^service_tier: Input should be 'auto' or 'standard_only'$/],
    ['a field of a beta without it', { mcp_servers: [] }, /^mcp_servers: Extra/],
    ['a tool without schema', { tools: [{ name: 'f' }] }, /^tools\.0\.input_schema: Field required$/],
    ['a tool of OpenAI', { tools: [{ type: 'function', function: { name: 'f' } }] }, /^tools\.0\.type: Input tag/],
    ['a tool with a bad name', { tools: [tool({ name: 'a b' })] }, /^tools\.0\.name: String should match pattern/],
    ['a server tool by another name', { tools: [{ type: 'web_search_20250305', name: 'find' }] }, /^tools\.0\.name/],
    ['two tools of a name', { tools: [tool(), tool()] }, /Tool names must be unique/],
    ['a choice without tools', { tool_choice: { type: 'auto' } }, /^tool_choice/],
    ['a choice of no tool', { tools: [tool()], tool_choice: { type: 'tool', name: 'g' } }, /'g' not found/],
    ['a flag on none', { tools: [tool()], tool_choice: { type: 'none', disable_parallel_tool_use: true } }, /Extra/],
    ['a choice as text', { tools: [tool()], tool_choice: 'auto' }, /^tool_choice/],
    [
      'an open schema',
      { output_config: { format: { type: 'json_schema', schema: { type: 'object', properties: {} } } } },
      /'additionalProperties' must be explicitly set to false/,
    ],
    [
      'five breakpoints',
      user(...Array.from({ length: 5 }, () => text({ cache_control: { type: 'ephemeral' } }))),
      /maximum of 4 blocks with cache_control may be provided\. Found 5/,
    ],
    [
      'a long breakpoint after a short one',
      user(text({ cache_control: { type: 'ephemeral' } }), text({ cache_control: { type: 'ephemeral', ttl: '1h' } })),
      /ttl='1h' cache_control block must not come after/,
    ],
  ])('%s', async (_what, changed, message) => {
    await wire.expectRefused(asked(changed), message);
  });

  test('an unknown model is 404', async () => {
    const { status, body } = await wire.post(asked({ model: 'claude-9' }));
    expect([status, body.error]).toEqual([404, { type: 'not_found_error', message: 'model: claude-9' }]);
  });

  test('a body that is no JSON, and one that is no object', async () => {
    const init = { method: 'POST', headers: { ...AUTH, 'content-type': 'application/json' } };
    const broken = await call(`${wire.base}/messages`, { ...init, body: '{"model":' });
    expect([broken.status, broken.body['type']]).toEqual([400, 'error']);
    await wire.expectRefused([], /JSON object/);
  });

  test('a body over 32 MB is 413', async () => {
    const { status, body } = await wire.post(asked({ system: 'x'.repeat(33 * 1024 * 1024) }));
    expect([status, body.error.type]).toEqual([413, 'request_too_large']);
  });

  test('an unknown path is 404', async () => {
    const { status, body } = await wire.post({}, AUTH, '/complete');
    expect([status, body.error.type]).toEqual([404, 'not_found_error']);
  });

  test('a beta opens its field, ?beta=true alone does not', async () => {
    const body = asked({ context_management: { edits: [] } });
    const beta = { ...AUTH, 'anthropic-beta': 'a-new-one-2026-12-01, context-management-2025-06-27' };
    expect((await wire.post(body, beta, '/messages?beta=true')).status).toBe(200);
    expect((await wire.post(body, AUTH, '/messages?beta=true')).status).toBe(400);
  });

  test('a count takes neither a limit nor a stream', async () => {
    const { model, messages } = asked();
    const count = (more: object) =>
      wire.post<Record<string, unknown>>({ model, messages, ...more }, AUTH, '/messages/count_tokens');
    expect((await count({})).body).toEqual({ input_tokens: expect.any(Number) as number });
    expect((await count({ max_tokens: 5 })).status).toBe(400);
    expect((await count({ stream: true })).status).toBe(400);
  });
});

describe('schemas of structured outputs and strict tools', () => {
  const object = (properties: object, more: object = {}) => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
    ...more,
  });
  const format = (schema: object) => ({ output_config: { format: { type: 'json_schema', schema } } });
  const many = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`p${index}`, { type: 'string' }]));

  test.each([
    ['a range', object({ age: { type: 'integer', minimum: 0 } }), /For 'integer' type, property 'minimum' is not supp/],
    ['a length', object({ a: { type: 'array', items: { type: 'string', maxLength: 5 } } }), /'string' .* 'maxLength'/],
    ['many items', object({ a: { type: 'array', minItems: 2, items: {} } }), /'minItems' values other than 0 or 1/],
    ['another format', object({ a: { type: 'string', format: 'phone' } }), /format "phone" is not supported/],
    ['oneOf', object({ a: { oneOf: [{ type: 'string' }] } }), /Schema type 'oneOf' is not supported/],
    ['an open object inside', object({ a: { type: 'object' } }), /'additionalProperties' must be explicitly/],
    ['an open definition', { $ref: '#/$defs/A', $defs: { A: { type: 'object' } } }, /'additionalProperties' must be/],
    [
      'a recursion',
      object({ a: { $ref: '#/$defs/A' } }, { $defs: { A: object({ b: { $ref: '#/$defs/A' } }) } }),
      /Circular/,
    ],
    ['a reference outwards', object({ a: { $ref: 'https://example.com/a.json' } }), /must point into this schema/],
    ['much that is optional', object(many, { required: [] }), /too many optional parameters \(25\)/],
  ])('%s is refused', async (_what, schema, message) => {
    await wire.expectRefused(asked(format(schema)), message);
    await wire.expectRefused(
      asked({ tools: [tool({ strict: true, input_schema: { type: 'object', ...schema } })] }),
      message,
    );
  });

  test('a tool that is not strict takes all of JSON Schema', async () => {
    const schema = { type: 'object', properties: { age: { type: 'integer', minimum: 0 }, a: { oneOf: [{}] } } };
    expect((await wire.post(asked({ tools: [tool({ input_schema: schema })] }))).status).toBe(200);
  });

  test('definitions, unions and formats are taken', async () => {
    const schema = object(
      { a: { $ref: '#/$defs/A' }, b: { anyOf: [{ type: 'null' }, { type: 'string', format: 'date' }] } },
      { $defs: { A: object({ c: { enum: ['x', 'y'] } }) } },
    );
    expect((await wire.post(asked({ ...format(schema), max_tokens: 500 }))).status).toBe(200);
  });
});

describe('2026-10-21', () => {
  const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } };
  const location = {
    type: 'char_location',
    cited_text: 'x',
    document_index: 0,
    document_title: null,
    start_char_index: 0,
    end_char_index: 1,
  };
  const conversation = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: [document] },
    { role: 'user', content: 'Go on' },
  ];

  test.each([
    ['sampling at its default', { model: OLD, temperature: 1 }, /^temperature: Extra/],
    ['documents of the assistant', { messages: conversation }, /`document` blocks are not permitted in assistant/],
    ['citations of the user', user(text({ citations: [location] })), /citations are not permitted/],
  ])('refuses %s, which 2023-06-01 takes', async (_what, changed, message) => {
    await wire.expectRefused(asked(changed), message, NEWER);
    expect((await wire.post(asked(changed))).status).toBe(200);
  });
});

describe('models', () => {
  const thinking = (type: string, more: object = {}) => ({ thinking: { type, ...more } });
  const forced = { tools: [tool()], tool_choice: { type: 'any' } };

  test.each([
    ['sampling', 'claude-opus-4-7', { temperature: 0.2 }, /may only be set to 1/],
    ['top_p', 'claude-sonnet-5', { top_p: 0.5 }, /top_p/],
    ['top_k', 'claude-sonnet-5-5', { top_k: 5 }, /top_k/],
    ['temperature with top_p', OLD, { temperature: 0.2, top_p: 0.5 }, /cannot both be specified/],
    ['a thinking budget', 'claude-opus-4-7', thinking('enabled', { budget_tokens: 1024 }), /thinking\.type\.enabled/],
    ['no thinking', 'claude-opus-5-5', thinking('disabled'), /"thinking\.type\.disabled" is not supported/],
    ['thinking between tools', 'claude-opus-5-5', thinking('between_tools'), /between_tools/],
    ['adaptive thinking', OLD, thinking('adaptive'), /adaptive/],
    ['a budget beyond the limit', OLD, thinking('enabled', { budget_tokens: 2048 }), /greater than `thinking.budget/],
    ['effort', OLD, { output_config: { effort: 'low' } }, /does not support the effort parameter/],
    ['the highest effort', 'claude-opus-4-6', { output_config: { effort: 'xhigh' } }, /not supported by this model/],
    [
      'much effort without thinking',
      'claude-haiku-5-5',
      { ...thinking('disabled'), output_config: { effort: 'max' } },
      /not supported when thinking\.type is 'disabled'/,
    ],
    ['forced tools', 'claude-sonnet-5-5', forced, /type "tool" and "any" are not supported for this model/],
    [
      'forced tools with thinking',
      OLD,
      { ...forced, max_tokens: 4096, ...thinking('enabled', { budget_tokens: 1024 }) },
      /when tool_choice forces/,
    ],
  ])('%s is refused by %s', async (_what, model, changed, message) => {
    await wire.expectRefused(asked({ model, ...changed }), message);
  });

  test.each([
    ['claude-haiku-4-5-20251001', { temperature: 0.2, top_k: 5 }],
    ['claude-opus-4-7', { temperature: 1, top_p: 0.99 }],
    ['claude-opus-4-6', thinking('enabled', { budget_tokens: 1024 }), 4096],
    ['claude-sonnet-5-5', thinking('between_tools')],
    ['claude-haiku-5-5', { ...thinking('disabled'), ...forced }],
    ['claude-opus-4-8', { output_config: { effort: 'max' } }],
  ])('%s takes %j', async (model, changed, limit = 100) => {
    expect((await wire.post(asked({ model, max_tokens: limit, ...changed }))).status).toBe(200);
  });
});

import * as fc from 'fast-check';
import type { JsonObject } from '../../common/json.js';
import { chat } from './chat/index.js';
import { messages } from './messages/index.js';
import { ABLE } from './test-dialects.js';

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const words = fc.array(word, { minLength: 1, maxLength: 4 }).map((list) => list.join(' '));
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
/** The fields that were asked for. */
const body = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<JsonObject> =>
  fc
    .record(fields)
    .map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)) as JsonObject);
const schema = fc.constantFrom(
  { type: 'object', properties: {} },
  { type: 'object', properties: { city: { $ref: '#/$defs/city' } }, $defs: { city: { type: 'string' } } },
);
const input = fc.dictionary(word, fc.oneof(words, fc.integer(), fc.boolean(), fc.array(word, { maxLength: 2 })));
const cache = maybe(fc.constantFrom<JsonObject>({ type: 'ephemeral' }, { type: 'ephemeral', ttl: '1h' }));
const png = 'iVBORw0KGgo=';

// Chat: what both APIs can say.
const textPart = body({ type: fc.constant('text'), text: words });
const imagePart = fc.constantFrom<JsonObject>(
  { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
  { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg' } },
);
const filePart = fc.constant<JsonObject>({
  type: 'file',
  file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
});
const mixed = fc
  .tuple(fc.array(fc.oneof(textPart, imagePart, filePart), { maxLength: 3 }), imagePart)
  .map((parts) => parts.flat());
const userMessage = body({ role: fc.constant('user'), content: fc.oneof(words, mixed) });

const chatRound = fc
  .tuple(userMessage, fc.array(fc.tuple(word, input, words), { maxLength: 3 }), words, fc.boolean())
  .map(([user, calls, text, silent]): JsonObject[] => {
    if (calls.length === 0) return [user, { role: 'assistant', content: text }];
    return [
      user,
      {
        role: 'assistant',
        content: silent ? null : text,
        tool_calls: calls.map(([name, args], index) => ({
          id: `call_${name}_${index}`,
          type: 'function',
          function: { name, arguments: JSON.stringify(args) },
        })),
      },
      ...calls.map(([name, , result], index) => ({
        role: 'tool',
        tool_call_id: `call_${name}_${index}`,
        content: result,
      })),
      { role: 'assistant', content: text },
    ];
  });
const chatMessages = fc
  .tuple(maybe(words), fc.array(chatRound, { maxLength: 3 }), userMessage)
  .map(([system, rounds, last]) => [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    ...rounds.flat(),
    last,
  ]);
const chatTool = body({
  type: fc.constant('function'),
  function: body({ name: word, description: maybe(words), parameters: schema, strict: maybe(fc.boolean()) }),
});
const chatChoice = fc.constantFrom('auto', 'none', 'required', { type: 'function', function: { name: 'f' } });
const withTools = (fields: JsonObject): JsonObject => {
  if (fields['tools'] !== undefined) return fields;
  const { tool_choice: _choice, parallel_tool_calls: _parallel, ...rest } = fields;
  return rest;
};

/** `n: 1`, `stream: false` and the like ask for nothing and are left out. */
const shared = {
  messages: chatMessages,
  max_completion_tokens: fc.integer({ min: 1, max: 100_000 }),
  temperature: maybe(fc.constantFrom(0, 0.5, 1)),
  top_p: maybe(fc.constantFrom(0.1, 0.95)),
  stop: maybe(fc.array(word, { minLength: 1, maxLength: 4 })),
  tools: maybe(fc.array(chatTool, { minLength: 1, maxLength: 3 })),
  user: maybe(word),
};

it('keeps a chat request as it is', () => {
  const all = body({
    ...shared,
    temperature: maybe(fc.constantFrom(0, 1, 2)),
    top_k: maybe(fc.integer({ min: 1, max: 100 })),
    n: maybe(fc.integer({ min: 2, max: 4 })),
    seed: maybe(fc.integer()),
    presence_penalty: maybe(fc.constantFrom(-2, 0, 1.5)),
    frequency_penalty: maybe(fc.constantFrom(-2, 0, 1.5)),
    logit_bias: maybe(fc.constant({ '50256': -100 })),
    logprobs: maybe(fc.constant(true)),
    tool_choice: maybe(chatChoice),
    parallel_tool_calls: maybe(fc.boolean()),
    reasoning_effort: maybe(fc.constantFrom('low', 'medium', 'high', 'xhigh')),
    response_format: maybe(
      fc.oneof(
        fc.constant({ type: 'json_object' }),
        fc.record({
          type: fc.constant('json_schema'),
          json_schema: body({ name: word, description: maybe(words), schema, strict: maybe(fc.boolean()) }),
        }),
      ),
    ),
  }).map(withTools);
  fc.assert(fc.property(all, (asked) => expect(chat.write(chat.parse(asked), ABLE)).toEqual(asked)));
});

it('brings a chat request through messages', () => {
  const both = body({
    ...shared,
    tool_choice: fc.constantFrom('auto', 'required', { type: 'function', function: { name: 'f' } }),
    parallel_tool_calls: maybe(fc.boolean()),
    reasoning_effort: maybe(fc.constantFrom('low', 'medium', 'high', 'max')),
    response_format: maybe(
      fc.record({ type: fc.constant('json_schema'), json_schema: fc.record({ name: fc.constant('answer'), schema }) }),
    ),
    stream: maybe(fc.constant(true)),
  }).map(withTools);
  fc.assert(
    fc.property(both, (asked) => {
      const conversation = chat.parse(asked);
      // A model that thinks takes no sampling.
      fc.pre(messages.unsupported(conversation, ABLE, 'chat').length === 0);
      const there = messages.write(conversation, ABLE);
      const back = chat.write(messages.parse(there), ABLE);
      const { stream_options: _usage, ...rest } = back;
      expect(rest).toEqual(asked);
    }),
  );
});

// Messages.
const textBlock = body({ type: fc.constant('text'), text: words, cache_control: cache });
const mediaBlock = body({
  type: fc.constant('image'),
  source: fc.constantFrom(
    { type: 'base64', media_type: 'image/webp', data: png },
    { type: 'url', url: 'https://example.com/cat.jpg' },
    { type: 'file', file_id: 'file_1' },
  ),
  cache_control: cache,
});
const documentBlock = body({
  type: fc.constant('document'),
  source: fc.constantFrom(
    { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
    { type: 'text', media_type: 'text/plain', data: 'plain' },
    { type: 'url', url: 'https://example.com/a.pdf' },
    { type: 'file', file_id: 'file_2' },
  ),
  title: maybe(words),
  cache_control: cache,
});
const userBlocks = fc.array(fc.oneof(textBlock, mediaBlock, documentBlock), { minLength: 1, maxLength: 3 });
const thinkingBlock = fc.constantFrom<JsonObject>(
  { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
  { type: 'thinking', thinking: '', signature: 'c2ln' },
  { type: 'redacted_thinking', data: 'c2VhbA' },
);
const call = fc.tuple(
  word,
  input,
  fc.oneof(words, fc.array(fc.oneof(mediaBlock, documentBlock), { minLength: 1, maxLength: 2 })),
  fc.boolean(),
  cache,
);

const messagesRound = fc
  .tuple(userBlocks, fc.array(thinkingBlock, { maxLength: 2 }), textBlock, fc.array(call, { maxLength: 3 }))
  .map(([user, thinking, text, calls]): JsonObject[] => [
    { role: 'user', content: user },
    {
      role: 'assistant',
      content: [
        ...thinking,
        text,
        ...calls.map(([name, args], index) => ({ type: 'tool_use', id: `toolu_${index}`, name, input: args })),
      ] as JsonObject[],
    },
    ...(calls.length === 0
      ? []
      : [
          {
            role: 'user',
            content: calls.map(([, , result, failed, mark], index) => ({
              type: 'tool_result',
              tool_use_id: `toolu_${index}`,
              content: result,
              ...(failed && { is_error: true }),
              ...(mark !== undefined && { cache_control: mark }),
            })),
          },
          { role: 'assistant', content: [{ type: 'text', text: 'done' }] },
        ]),
  ]);

it('keeps a messages request as it is', () => {
  const all = body({
    max_tokens: fc.integer({ min: 0, max: 100_000 }),
    system: maybe(fc.array(textBlock, { minLength: 1, maxLength: 2 })),
    messages: fc
      .tuple(fc.array(messagesRound, { maxLength: 3 }), userBlocks)
      .map(([rounds, last]) => [...rounds.flat(), { role: 'user', content: last }]),
    tools: fc.array(
      body({
        name: word,
        description: maybe(words),
        input_schema: schema,
        strict: maybe(fc.boolean()),
        cache_control: cache,
      }),
      { minLength: 1, maxLength: 3 },
    ),
    tool_choice: maybe(
      fc.constantFrom(
        { type: 'auto' },
        { type: 'any', disable_parallel_tool_use: true },
        { type: 'tool', name: 'f', disable_parallel_tool_use: false },
        { type: 'none' },
      ),
    ),
    stop_sequences: maybe(fc.array(word, { minLength: 1, maxLength: 6 })),
    stream: maybe(fc.constant(true)),
    thinking: fc.constantFrom(
      { type: 'adaptive', display: 'omitted' },
      { type: 'adaptive' },
      { type: 'disabled' },
      { type: 'between_tools' },
    ),
    output_config: maybe(
      fc.constantFrom(
        { effort: 'low' },
        { effort: 'max', format: { type: 'json_schema', schema: { type: 'object' } } },
        { format: { type: 'json_schema', schema: { type: 'object' } } },
      ),
    ),
    cache_control: cache,
    metadata: maybe(fc.record({ user_id: word })),
    service_tier: maybe(fc.constantFrom('auto', 'standard_only')),
    temperature: maybe(fc.constantFrom(0, 0.5, 1)),
    top_k: maybe(fc.nat(100)),
    top_p: maybe(fc.constantFrom(0.1, 0.95)),
  });
  fc.assert(fc.property(all, (asked) => expect(messages.write(messages.parse(asked), ABLE)).toEqual(asked)));
});

it('keeps a budget where the model thinks by one', () => {
  const budget = { ...ABLE, thinking: 'budget' as const };
  const asked = {
    max_tokens: 4096,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    thinking: { type: 'enabled', budget_tokens: 2048 },
  };
  expect(messages.write(messages.parse(asked), budget)).toEqual(asked);
});

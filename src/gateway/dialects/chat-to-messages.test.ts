import type { JsonObject } from '../../common/json.js';
import { chat } from './chat/index.js';
import type { ModelTraits } from './dialect.js';
import { messages } from './messages/index.js';
import { ABLE } from './test-dialects.js';

const hi: JsonObject[] = [{ role: 'user', content: 'Hi' }];
const user = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const toMessages = (body: JsonObject, traits: ModelTraits = ABLE) =>
  messages.write(chat.parse({ messages: hi, ...body }), traits);

describe('from chat to messages', () => {
  const user1 = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }];
  const tool = { type: 'function', function: { name: 'f' } };
  const written = { name: 'f', input_schema: { type: 'object', properties: {} } };

  it.each<[string, JsonObject, JsonObject]>([
    ['a limit where none was given', {}, { max_tokens: 100_000 }],
    ['max_completion_tokens before max_tokens', { max_completion_tokens: 5, max_tokens: 9 }, { max_tokens: 5 }],
    ['max_tokens', { max_tokens: 9 }, { max_tokens: 9 }],
    ['a limit above what the model writes', { max_tokens: 1_000_000 }, { max_tokens: 100_000 }],
    ['stop as a string', { stop: 'END' }, { stop_sequences: ['END'] }],
    ['stops of white space', { stop: ['\n', 'END'] }, { stop_sequences: ['END'] }],
    ['a tool without parameters', { tools: [tool] }, { tools: [written] }],
    [
      'functions',
      { functions: [{ name: 'f' }], function_call: { name: 'f' } },
      { tools: [written], tool_choice: { type: 'tool', name: 'f' } },
    ],
    ['required', { tools: [tool], tool_choice: 'required' }, { tools: [written], tool_choice: { type: 'any' } }],
    [
      'none',
      { tools: [tool], tool_choice: 'none', parallel_tool_calls: false },
      { tools: [written], tool_choice: { type: 'none' } },
    ],
    [
      'one call at a time',
      { tools: [tool], parallel_tool_calls: false },
      { tools: [written], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
    [
      'allowed tools',
      {
        tools: [tool, { type: 'function', function: { name: 'g' } }],
        tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [tool] } },
      },
      { tools: [written], tool_choice: { type: 'any' } },
    ],
    ['an effort', { reasoning_effort: 'high' }, { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }],
    ['the least effort', { reasoning_effort: 'minimal' }, { output_config: { effort: 'low' } }],
    ['thinking', { thinking: { type: 'enabled', budget_tokens: 2048 } }, { thinking: { type: 'adaptive' } }],
    ['a user', { user: 'u1' }, { metadata: { user_id: 'u1' } }],
    ['a safety identifier', { safety_identifier: 'u2', user: 'u1' }, { metadata: { user_id: 'u2' } }],
    [
      'JSON mode',
      { response_format: { type: 'json_object' } },
      { system: [{ type: 'text', text: expect.stringContaining('JSON') as unknown as string }] },
    ],
    [
      'values that ask for nothing',
      {
        n: 1,
        presence_penalty: 0,
        frequency_penalty: 0,
        logprobs: false,
        top_p: 1,
        seed: 1,
        store: true,
        metadata: { a: 'b' },
      },
      {},
    ],
    ['nulls', { temperature: null, stop: null, tools: null, response_format: null, whatever: null }, {}],
  ])('%s', (_case, body, wanted) => {
    expect(messages.unsupported(chat.parse({ messages: hi, ...body }), ABLE, 'chat')).toEqual([]);
    expect(toMessages(body)).toEqual({ max_tokens: 100_000, messages: user1, ...wanted });
  });

  it('hoists system messages, merges results before the user, and drops empty text', () => {
    const call = (id: string, text: string) => ({ id, type: 'function', function: { name: 'f', arguments: text } });
    const body = toMessages({
      messages: [
        { role: 'system', content: 'A' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: '', tool_calls: [call('functions.f:0', ''), call('b', '{"x":1}')] },
        { role: 'tool', tool_call_id: 'functions.f:0', content: '1' },
        { role: 'developer', content: 'B' },
        { role: 'user', content: 'Go on' },
        { role: 'tool', tool_call_id: 'b', content: '' },
      ],
    });
    expect(body).toMatchObject({
      system: [{ text: 'A' }, { text: 'B' }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'functions_f_0', name: 'f', input: {} },
            { type: 'tool_use', id: 'b', name: 'f', input: { x: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'functions_f_0', content: '1' },
            { type: 'tool_result', tool_use_id: 'b' },
            { type: 'text', text: 'Go on' },
          ],
        },
      ],
    });
  });

  it('begins with a user', () => {
    const { messages: turns } = toMessages({ messages: [{ role: 'assistant', content: 'Hello!' }, ...hi] });
    expect(turns).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [{ text: 'Hello!' }] },
      { role: 'user' },
    ]);
  });

  it('keeps marks of the cache', () => {
    const part = { type: 'text', text: 'Hi', cache_control: { type: 'ephemeral', ttl: '1h' } };
    expect(toMessages(user(part))).toMatchObject(user(part));
  });

  it('gives an effort a budget where the model thinks by one', () => {
    const traits: ModelTraits = { ...ABLE, thinking: 'budget', efforts: [] };
    expect(toMessages({ reasoning_effort: 'medium', max_tokens: 10_000 }, traits)).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: 5000 },
    });
    expect(toMessages({ reasoning_effort: 'medium', max_tokens: 1024 }, traits)).not.toHaveProperty('thinking');
    const loop: JsonObject[] = [
      ...hi,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: '1' },
    ];
    expect(toMessages({ reasoning_effort: 'high', messages: loop }, traits)).not.toHaveProperty('thinking');
  });

  it.each<[string, JsonObject, Partial<ModelTraits>]>([
    ["'n' can only be 1 with this model", { n: 2 }, {}],
    ["'logprobs' can't be shown by this model", { logprobs: true, top_logprobs: 2 }, {}],
    ["'logit_bias' is not supported by this model", { logit_bias: { '1': 2 } }, {}],
    ["'presence_penalty' can only be 0 with this model", { presence_penalty: 1 }, {}],
    ["'temperature' can be at most 1 with this model; got 1.5", { temperature: 1.5 }, {}],
    ["'temperature' can only be 1 with this model", { temperature: 0.2 }, { sampling: false }],
    ["'temperature' can not be set while this model thinks", { temperature: 0.2, reasoning_effort: 'high' }, {}],
    [
      "'messages' has an 'input_audio' part, which this model can't hear",
      user({ type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }),
      {},
    ],
    [
      "'messages' has a 'video_url' part, which this model can't see",
      user({ type: 'video_url', video_url: { url: 'https://a/b.mp4' } }),
      {},
    ],
    [
      "'messages' has an 'image_url' part of image/tiff; this model takes image/jpeg, image/png, image/gif, image/webp",
      user({ type: 'image_url', image_url: { url: 'data:image/tiff;base64,AA==' } }),
      {},
    ],
    [
      "'messages' has a 'file' part with a file id of OpenAI's chat completions API",
      user({ type: 'file', file: { file_id: 'file-1' } }),
      {},
    ],
    [
      "'tools' has one of type 'custom', which only OpenAI's chat completions API has; this model is served by another one",
      { tools: [{ type: 'custom', custom: { name: 'sql' } }] },
      {},
    ],
    [
      "'web_search_options' is a field which only OpenAI's chat completions API has; this model is served by another one",
      { web_search_options: {} },
      {},
    ],
    [
      "'tool_choice' can't force this model to use a tool: it allows auto and none",
      { tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'required' },
      { forcedTools: false },
    ],
    [
      "'messages' can't end with the assistant's turn: this model does not continue one",
      { messages: [...hi, { role: 'assistant', content: 'It' }] },
      { prefill: false },
    ],
    [
      "'reasoning_effort' is not supported: this model does not think",
      { reasoning_effort: 'high' },
      { thinking: 'none', efforts: [] },
    ],
    [
      "'messages' has a 'tool_calls' part (a) whose 'function.arguments' are no JSON object, as this model needs",
      {
        messages: [
          ...hi,
          { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }] },
          { role: 'tool', tool_call_id: 'a', content: '' },
        ],
      },
      {},
    ],
  ])('refuses: %s', (problem, body, traits) => {
    expect(messages.unsupported(chat.parse({ messages: hi, ...body }), { ...ABLE, ...traits }, 'chat')).toEqual([
      problem,
    ]);
  });
});

import type { JsonObject } from '../../common/json.js';
import { chat } from './chat/index.js';
import type { ModelTraits } from './dialect.js';
import { messages } from './messages/index.js';
import { ABLE, without } from './test-dialects.js';

const hi: JsonObject[] = [{ role: 'user', content: 'Hi' }];
const user = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const toChat = (body: JsonObject, traits: ModelTraits = ABLE) =>
  chat.write(messages.parse({ max_tokens: 10, messages: hi, ...body }), traits);

describe('from messages to chat', () => {
  const tool = { name: 'f', input_schema: { type: 'object' } };
  const written = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } };

  it.each<[string, JsonObject, JsonObject]>([
    ['stop sequences', { stop_sequences: ['END'] }, { stop: ['END'] }],
    ['any', { tools: [tool], tool_choice: { type: 'any' } }, { tools: [written], tool_choice: 'required' }],
    [
      'a named tool, one at a time',
      { tools: [tool], tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true } },
      { tools: [written], tool_choice: { type: 'function', function: { name: 'f' } }, parallel_tool_calls: false },
    ],
    [
      'a format',
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
      { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } } },
    ],
    ['an effort', { output_config: { effort: 'max' }, thinking: { type: 'adaptive' } }, { reasoning_effort: 'max' }],
    ['a budget', { thinking: { type: 'enabled', budget_tokens: 8000 } }, { reasoning_effort: 'medium' }],
    ['a stream', { stream: true }, { stream: true, stream_options: { include_usage: true } }],
    ['a user', { metadata: { user_id: 'u' } }, { user: 'u' }],
    ["a user longer than OpenAI's limit", { metadata: { user_id: 'u'.repeat(65) } }, {}],
    ['what only saves tokens', { context_management: { edits: [] }, cache_control: { type: 'ephemeral' } }, {}],
    ['system as text', { system: 'A' }, { messages: [{ role: 'system', content: 'A' }, ...hi] }],
  ])('%s', (_case, body, wanted) => {
    const whole = { max_tokens: 10, messages: hi, ...body };
    expect(chat.unsupported(messages.parse(whole), ABLE, 'messages')).toEqual([]);
    expect(toChat(body)).toEqual({ messages: hi, max_completion_tokens: 10, ...wanted });
  });

  const toolTurn = (results: JsonObject[], ...rest: JsonObject[]): JsonObject => ({
    messages: [
      ...hi,
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
          { type: 'tool_use', id: 'a', name: 'f', input: {} },
        ],
      },
      { role: 'user', content: [...rest, ...results] },
    ],
  });
  const called = {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
  };

  it('puts results behind their call, and signed thinking nowhere', () => {
    const result = { type: 'tool_result', tool_use_id: 'a', content: 'No such city', is_error: true };
    expect(toChat(toolTurn([result], { type: 'text', text: 'And?' }))).toMatchObject({
      messages: [
        ...hi,
        called,
        { role: 'tool', tool_call_id: 'a', content: 'Error: No such city' },
        { role: 'user', content: 'And?' },
      ],
    });
  });

  it('shows pictures of a result as the user', () => {
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } };
    const result = { type: 'tool_result', tool_use_id: 'a', content: [picture] };
    expect(toChat(toolTurn([result], { type: 'text', text: 'And?' }))['messages']).toEqual([
      ...hi,
      called,
      { role: 'tool', tool_call_id: 'a', content: 'The result is in the next message.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Result of tool call a:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
          { type: 'text', text: 'And?' },
        ],
      },
    ]);
  });

  it('gives unsigned thinking back where the server takes it', () => {
    const turn: JsonObject = {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'hm', signature: '' },
        { type: 'text', text: 'Yes' },
      ],
    };
    const body: JsonObject = { messages: [...hi, turn, ...hi] };
    expect(toChat(body)).toMatchObject({ messages: [{}, { content: 'Yes', reasoning_content: 'hm' }, {}] });
    expect(JSON.stringify(toChat(body, { ...ABLE, reasoningField: undefined }))).not.toContain('hm');
  });

  it('leaves marks of the cache out where nobody knows them', () => {
    const body = { system: [{ type: 'text', text: 'A', cache_control: { type: 'ephemeral' } }] };
    expect(JSON.stringify(toChat(body))).toContain('cache_control');
    expect(JSON.stringify(toChat(body, { ...ABLE, cacheMarks: false }))).not.toContain('cache_control');
  });

  it('writes a plain-text document as text, even where no other can be read', () => {
    const source = { type: 'text', media_type: 'text/plain', data: 'Once upon a time' };
    const body = user({ type: 'document', source, title: 'Tale' }, { type: 'text', text: 'Go on' });
    const traits = without('documents');
    expect(chat.unsupported(messages.parse({ max_tokens: 10, ...body }), traits, 'messages')).toEqual([]);
    expect(toChat(body, traits)['messages']).toEqual([{ role: 'user', content: 'Tale\n\nOnce upon a time\nGo on' }]);
  });

  it.each<[string, JsonObject, ModelTraits]>([
    [
      "'stop_sequences' can hold at most 4 strings with this model",
      { stop_sequences: ['a', 'b', 'c', 'd', 'e'] },
      ABLE,
    ],
    ["'top_k' is not supported by this model", { top_k: 5 }, without('top_k')],
    ["'max_tokens' must be at least 1 with this model", { max_tokens: 0 }, ABLE],
    [
      "'tools' has one of type 'web_search_20260318', which only Anthropic's messages API has; this model is served by another one",
      { tools: [{ type: 'web_search_20260318', name: 'web_search' }] },
      ABLE,
    ],
    [
      "'messages[0].content[0]' is a field which only Anthropic's messages API has; this model is served by another one",
      user({ type: 'search_result', source: 'a', title: 'b', content: [] }, { type: 'text', text: 'Hi' }),
      ABLE,
    ],
    [
      "'inference_geo' is a field which only Anthropic's messages API has; this model is served by another one",
      { inference_geo: 'us' },
      ABLE,
    ],
    [
      "'messages' has an 'image' part with a file_id, which this model's API can't read",
      user({ type: 'image', source: { type: 'file', file_id: 'f' } }),
      ABLE,
    ],
    [
      "'thinking' is not supported: this model does not think",
      { thinking: { type: 'adaptive' } },
      { ...ABLE, thinking: 'none', efforts: [] },
    ],
    [
      "'messages' can't end with the assistant's turn: this model does not continue one",
      { messages: [...hi, { role: 'assistant', content: 'It' }] },
      { ...ABLE, prefill: false },
    ],
    [
      "'output_config.format' can't be a JSON schema with this model",
      { output_config: { format: { type: 'json_schema', schema: {} } } },
      without('json_schema'),
    ],
  ])('refuses: %s', (problem, body, traits) => {
    expect(chat.unsupported(messages.parse({ max_tokens: 10, messages: hi, ...body }), traits, 'messages')).toEqual([
      problem,
    ]);
  });
});

import * as fc from 'fast-check';
import type { JsonObject } from '../../../common/json.js';
import { chat } from '../chat/index.js';
import { messages } from '../messages/index.js';
import { collect, framesOf as cutFrames, readAll, streams } from '../test-dialects.js';
import { responses } from './index.js';
import { echoOf, framesOf, TRAITS, written } from './test-wire.js';

const THINKING = [
  { type: 'message_start', message: { id: 'msg_up', model: 'claude', usage: { input_tokens: 5, output_tokens: 1 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Let me ' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'see.' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'c2ln' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'content_block_start', index: 1, content_block: { type: 'redacted_thinking', data: 'c2VhbGVk' } },
  { type: 'content_block_stop', index: 1 },
  { type: 'content_block_start', index: 2, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 2, delta: { type: 'text_delta', text: 'I look.' } },
  { type: 'content_block_stop', index: 2 },
  {
    type: 'content_block_start',
    index: 3,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
  },
  { type: 'content_block_delta', index: 3, delta: { type: 'input_json_delta', partial_json: '{"q":1}' } },
  { type: 'content_block_stop', index: 3 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 9 } },
  { type: 'message_stop' },
];

it("hands Anthropic's thinking back to Anthropic as it was, through a client of this API", () => {
  const reader = messages.reader();
  const events = THINKING.flatMap((event) => reader.read({ event: event.type, data: JSON.stringify(event) }));
  const last = JSON.parse(framesOf(written(events)).at(-1)!.data) as { response: { output: JsonObject[] } };
  const next = responses.parse({
    input: [
      { role: 'user', content: 'Look.' },
      ...last.response.output,
      { type: 'function_call_output', call_id: 'toolu_1', output: 'found' },
    ],
  });
  expect(messages.write(next, TRAITS).messages).toMatchObject([
    { role: 'user', content: [{ type: 'text', text: 'Look.' }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Let me see.', signature: 'c2ln' },
        { type: 'redacted_thinking', data: 'c2VhbGVk' },
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { q: 1 } },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1' }] },
  ]);
});

const PICTURE = 'data:image/png;base64,iVBORw0KGgo=';

const CHAT: JsonObject = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'See' },
        { type: 'image_url', image_url: { url: PICTURE, detail: 'low' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
      ],
    },
    {
      role: 'assistant',
      content: 'I look.',
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"q":1}' } }],
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'found' },
    { role: 'user', content: 'And?' },
  ],
  max_completion_tokens: 100,
  temperature: 0.5,
  top_p: 0.9,
  tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' }, strict: true } }],
  tool_choice: { type: 'function', function: { name: 'look' } },
  parallel_tool_calls: false,
  reasoning_effort: 'low',
  response_format: {
    type: 'json_schema',
    json_schema: { name: 'answer', schema: { type: 'object' }, strict: true },
  },
  user: 'u_1',
};

it('brings any stream of any upstream through', () => {
  const cuts = fc.array(fc.nat(5000), { maxLength: 20 });
  fc.assert(
    fc.property(streams, cuts, (all, at) => {
      // A refusal is a part of the message here: text around one is two parts, though nothing said so.
      const events = all.filter(({ type }) => type !== 'refusal');
      const back = readAll(responses.reader(), cutFrames(written(events), at));
      expect(collect(back)).toEqual(collect(events));
    }),
    { numRuns: 300 },
  );
});

describe('a chat request', () => {
  it('is the same after an upstream of this API was asked', () => {
    const conversation = chat.parse(CHAT);
    expect(responses.unsupported(conversation, TRAITS, 'chat')).toEqual([]);
    const there = responses.write(conversation, TRAITS);
    expect(there).toMatchObject({ store: false, max_output_tokens: 100, text: { format: { name: 'answer' } } });
    const back = chat.write(responses.parse(there), { ...TRAITS, systemRole: 'system' });
    expect(back).toEqual(CHAT);
  });
});

describe('a messages request', () => {
  const asked: JsonObject = {
    max_tokens: 8000,
    system: 'Be brief.',
    thinking: { type: 'adaptive' },
    output_config: { effort: 'max' },
    metadata: { user_id: 'u_1' },
    messages: [
      {
        role: 'user',
        content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'A text.' } }],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'toolu_1', is_error: true, content: 'gone' }],
      },
    ],
    tools: [{ name: 'look', input_schema: { type: 'object', properties: {} } }],
    stream: true,
  };

  it('keeps all that this API can say', () => {
    const conversation = messages.parse(asked);
    const plain = { ...TRAITS, features: new Set(['tools' as const]), efforts: ['low', 'high'] };
    expect(responses.unsupported(conversation, plain, 'messages')).toEqual([]);
    expect(responses.write(conversation, plain)).toEqual({
      input: [
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be brief.' }] },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'A text.' }] },
        { type: 'function_call', call_id: 'toolu_1', name: 'look', arguments: '{}' },
        { type: 'function_call_output', call_id: 'toolu_1', output: 'Error: gone' },
      ],
      tools: [{ type: 'function', name: 'look', parameters: { type: 'object', properties: {} }, strict: false }],
      max_output_tokens: 8000,
      reasoning: { effort: 'high', summary: 'auto' },
      user: 'u_1',
      store: false,
      stream: true,
    });
  });

  it('is answered with thinking where the model sums up its reasoning', () => {
    const answer = responses.readAnswer({
      id: 'resp_1',
      model: 'gpt',
      status: 'completed',
      output: [
        { id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] },
        {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Yes.', annotations: [] }],
        },
      ],
    });
    const echo = { ...echoOf({}), conversation: messages.parse(asked) };
    expect(messages.writeAnswer(answer, echo).content).toMatchObject([
      { type: 'thinking', thinking: 'Hm.' },
      { type: 'text', text: 'Yes.' },
    ]);
  });
});

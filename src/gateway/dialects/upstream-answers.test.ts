import chatToolStream from './fixtures/chat-tool-stream.json' with { type: 'json' };
import messagesAnswer from './fixtures/messages-answer.json' with { type: 'json' };
import messagesToolStream from './fixtures/messages-tool-stream.json' with { type: 'json' };
import { chat } from './chat/index.js';
import { NO_USAGE } from './conversation.js';
import type { SseFrame } from './dialect.js';
import { messages } from './messages/index.js';
import { collect, echoOf, framesOf, readAll } from './test-dialects.js';

const messageFrames: SseFrame[] = messagesToolStream.frames.map(({ event, data }) => ({
  event,
  data: JSON.stringify(data),
}));
const chatFrames: SseFrame[] = [
  ...chatToolStream.chunks.map((chunk) => ({ event: '', data: JSON.stringify(chunk) })),
  { event: '', data: '[DONE]' },
];
const chunk = (over: object): SseFrame => ({
  event: '',
  data: JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'm', choices: [], ...over }),
});
const delta = (fields: object, reason: string | null = null) =>
  chunk({ choices: [{ index: 0, delta: fields, finish_reason: reason }] });

describe('what upstreams send', () => {
  it("reads Anthropic's stream with a tool", () => {
    const read = collect(readAll(messages.reader(), messageFrames));
    expect(read).toEqual({
      parts: [
        { type: 'text', text: "Okay, let's check the weather for San Francisco, CA:" },
        {
          type: 'tool_call',
          id: 'toolu_01T1x1fJ34qAmk2tNTrN7Up6',
          name: 'get_weather',
          arguments: '{"location": "San Francisco, CA"}',
        },
      ],
      finish: 'tool_calls',
      stopSequence: null,
      usage: { ...NO_USAGE, inputTokens: 472, outputTokens: 89 },
      ended: true,
    });
  });

  it("writes Anthropic's stream in OpenAI's order", () => {
    const writer = chat.writer(echoOf({ includeUsage: true }));
    const text = readAll(messages.reader(), messageFrames)
      .map((event) => writer.write(event))
      .join('');
    const shown = framesOf(text).map(({ data }) => {
      if (data === '[DONE]') return data;
      const { choices, usage } = JSON.parse(data) as {
        choices: { delta: object; finish_reason: string | null }[];
        usage: unknown;
      };
      const [choice] = choices;
      return choice === undefined ? usage : [choice.delta, choice.finish_reason, usage];
    });
    expect(shown.slice(0, 2)).toEqual([
      [{ role: 'assistant', content: '' }, null, null],
      [{ content: 'Okay' }, null, null],
    ]);
    expect(shown.slice(3, 5)).toEqual([
      [
        {
          tool_calls: [
            {
              index: 0,
              id: 'toolu_01T1x1fJ34qAmk2tNTrN7Up6',
              type: 'function',
              function: { name: 'get_weather', arguments: '' },
            },
          ],
        },
        null,
        null,
      ],
      [{ tool_calls: [{ index: 0, function: { arguments: '{"location":' } }] }, null, null],
    ]);
    expect(shown.slice(-3)).toEqual([
      [{}, 'tool_calls', null],
      expect.objectContaining({ prompt_tokens: 472, completion_tokens: 89, total_tokens: 561 }),
      '[DONE]',
    ]);
  });

  it("reads OpenAI's stream with a tool and usage", () => {
    expect(readAll(chat.reader(), chatFrames)).toEqual([
      { type: 'start', id: 'chatcmpl-123', model: 'gpt-4o-mini' },
      { type: 'tool_call', index: 0, id: 'call_abc123', name: 'get_current_weather' },
      { type: 'tool_arguments', index: 0, fragment: '{\n"location":' },
      { type: 'tool_arguments', index: 0, fragment: ' "Boston, MA"\n}' },
      { type: 'finish', reason: 'tool_calls', stopSequence: null },
      { type: 'usage', usage: { ...NO_USAGE, inputTokens: 82, cacheReadTokens: 20, outputTokens: 17 } },
      { type: 'end' },
    ]);
  });

  it("writes OpenAI's stream in Anthropic's order", () => {
    const writer = messages.writer(echoOf());
    const text = readAll(chat.reader(), chatFrames)
      .map((event) => writer.write(event))
      .join('');
    const frames = framesOf(text);
    expect(frames.map(({ event }) => event)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(JSON.parse(frames[0]!.data)).toMatchObject({
      message: {
        id: 'msg_01kaz5nq6ne8ztxvt7vr5h0d9f',
        model: 'claude-sonnet',
        usage: { input_tokens: 0, output_tokens: 0 },
      },
    });
    expect(JSON.parse(frames[5]!.data)).toMatchObject({
      delta: { stop_reason: 'tool_use', stop_sequence: null, stop_details: null },
      usage: { input_tokens: 62, cache_read_input_tokens: 20, output_tokens: 17 },
    });
  });

  it('reads a message with thinking and both kinds of cache', () => {
    expect(messages.readAnswer(messagesAnswer.body)).toEqual({
      id: 'msg_013Zva2CMHLNnjNjJJKqJ2EF',
      model: 'claude-sonnet-5-5',
      parts: [
        { type: 'reasoning', text: 'A greeting.', signature: 'EqQBCgIYAhIM' },
        { type: 'text', text: 'Hi! My name is Claude.' },
      ],
      finish: 'stop',
      stopSequence: null,
      usage: {
        ...NO_USAGE,
        inputTokens: 6197,
        cacheReadTokens: 2051,
        cacheWriteTokens: 1051,
        cacheWrite1hTokens: 1000,
        outputTokens: 503,
        reasoningTokens: 40,
      },
      serviceTier: 'standard',
    });
  });

  it.each<[string, object, object]>([
    [
      'DeepSeek',
      { usage: { prompt_tokens: 10, completion_tokens: 2, prompt_cache_hit_tokens: 8 } },
      { cacheReadTokens: 8 },
    ],
    ['Moonshot', { usage: { prompt_tokens: 10, completion_tokens: 2, cached_tokens: 7 } }, { cacheReadTokens: 7 }],
    [
      'Moonshot, in the choice',
      { choices: [{ index: 0, delta: {}, usage: { prompt_tokens: 10, completion_tokens: 2 } }] },
      {},
    ],
    ['Groq', { x_groq: { id: 'req_1', usage: { prompt_tokens: 10, completion_tokens: 2 } } }, {}],
    [
      'OpenRouter',
      { usage: { prompt_tokens: 10, completion_tokens: 2, cost: 0.0012344 } },
      { reportedCostMicroUsd: 1234.4 },
    ],
    [
      'OpenAI',
      {
        usage: {
          prompt_tokens: 10,
          completion_tokens: 2,
          prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3, audio_tokens: 1 },
          completion_tokens_details: { reasoning_tokens: 1, audio_tokens: 1 },
        },
      },
      { cacheReadTokens: 4, cacheWriteTokens: 3, inputAudioTokens: 1, reasoningTokens: 1, outputAudioTokens: 1 },
    ],
    [
      'Google, whose total alone counts thinking',
      { usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 50 } },
      { outputTokens: 40 },
    ],
  ])('reads the usage of %s', (_vendor, over, wanted) => {
    expect(readAll(chat.reader(), [chunk(over)])).toContainEqual({
      type: 'usage',
      usage: { ...NO_USAGE, inputTokens: 10, outputTokens: 2, ...wanted },
    });
  });

  it.each<[string, SseFrame, object]>([
    [
      'an error line',
      { event: '', data: '{"error":{"message":"Overloaded","type":"server_error","code":null}}' },
      { message: 'Overloaded', code: 'server_error' },
    ],
    [
      'a number for a code',
      chunk({ error: { code: 502, message: 'Provider returned error' } }),
      { message: 'Provider returned error', code: '502' },
    ],
    [
      'a named event',
      { event: 'error', data: '{"message":"out of memory"}' },
      { message: 'out of memory', code: null },
    ],
  ])('takes %s for a fault', (_case, frame, fault) => {
    expect(chat.reader().read(frame)).toEqual([{ type: 'fault', fault }]);
  });

  it("takes Anthropic's error for a fault", () => {
    const data = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}';
    expect(messages.reader().read({ event: 'error', data })).toEqual([
      { type: 'fault', fault: { message: 'Overloaded', code: 'overloaded_error' } },
    ]);
  });

  it('keeps calls apart whose server numbers none of them', () => {
    const call = (id: string, name: string) =>
      delta({ tool_calls: [{ index: 0, id, function: { name, arguments: '{}' } }] });
    const { parts, finish } = collect(readAll(chat.reader(), [call('a', 'f'), call('b', 'g'), delta({}, 'stop')]));
    expect(parts).toEqual([
      { type: 'tool_call', id: 'a', name: 'f', arguments: '{}' },
      { type: 'tool_call', id: 'b', name: 'g', arguments: '{}' },
    ]);
    expect(finish).toBe('tool_calls');
  });

  it('invents ids for calls without one', () => {
    const call = (index: number) => delta({ tool_calls: [{ index, function: { name: 'f', arguments: '' } }] });
    const ids = readAll(chat.reader(), [call(0), call(1)]).flatMap((event) =>
      event.type === 'tool_call' ? [event.id] : [],
    );
    expect(ids).toEqual(['call_chatcmpl1_0', 'call_chatcmpl1_1']);
  });

  it('skips what it does not know', () => {
    const reader = messages.reader();
    const read = (data: object) => reader.read({ event: '', data: JSON.stringify(data) });
    expect(
      read({
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      }),
    ).toEqual([]);
    expect(
      read({ type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{}' } }),
    ).toEqual([]);
    expect(read({ type: 'content_block_delta', index: 0, delta: { type: 'citations_delta', citation: {} } })).toEqual(
      [],
    );
    expect(read({ type: 'weather_report' })).toEqual([]);
    expect(reader.read({ event: 'ping', data: '{"type":"ping"}' })).toEqual([]);
  });

  it.each([['chat', chat] as const, ['messages', messages] as const])(
    '%s throws where there is no JSON',
    (_id, { reader, readAnswer }) => {
      expect(() => reader().read({ event: '', data: '{"id":' })).toThrow(SyntaxError);
      expect(() => reader().read({ event: '', data: '3' })).toThrow(TypeError);
      expect(() => readAnswer({ error: { message: 'no' } })).toThrow(TypeError);
      expect(() => readAnswer('<html>')).toThrow(TypeError);
    },
  );
});

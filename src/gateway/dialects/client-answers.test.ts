import { chat } from './chat/index.js';
import { NO_USAGE, type Answer, type FinishReason, type StreamEvent } from './conversation.js';
import { messages } from './messages/index.js';
import { echoOf } from './test-dialects.js';

describe('what clients get', () => {
  const answer = (over: Partial<Answer>): Answer => ({
    id: 'up-1',
    model: 'upstream',
    parts: [{ type: 'text', text: 'Hi' }],
    finish: 'stop',
    stopSequence: null,
    usage: null,
    serviceTier: null,
    ...over,
  });

  it.each<[FinishReason, string, string]>([
    ['stop', 'stop', 'end_turn'],
    ['stop_sequence', 'stop', 'stop_sequence'],
    ['pause', 'stop', 'pause_turn'],
    ['length', 'length', 'max_tokens'],
    ['tool_calls', 'tool_calls', 'tool_use'],
    ['refusal', 'content_filter', 'refusal'],
  ])('an end by %s', (finish, inChat, inMessages) => {
    expect(chat.writeAnswer(answer({ finish }), echoOf())).toMatchObject({ choices: [{ finish_reason: inChat }] });
    expect(messages.writeAnswer(answer({ finish }), echoOf())).toMatchObject({ stop_reason: inMessages });
  });

  const whole = answer({
    parts: [
      { type: 'reasoning', text: 'hm', signature: 'c2ln' },
      { type: 'text', text: 'One moment.' },
      { type: 'tool_call', id: 'call_1', name: 'f', arguments: '{"a":1}' },
      { type: 'tool_call', id: 'call_2', name: 'g', arguments: '' },
    ],
    finish: 'tool_calls',
    usage: {
      ...NO_USAGE,
      inputTokens: 100,
      cacheReadTokens: 30,
      cacheWriteTokens: 20,
      cacheWrite1hTokens: 10,
      outputTokens: 7,
      reasoningTokens: 3,
    },
  });

  it("writes OpenAI's completion", () => {
    expect(chat.writeAnswer(whole, echoOf())).toEqual({
      id: 'chatcmpl-01kaz5nq6ne8ztxvt7vr5h0d9f',
      object: 'chat.completion',
      created: 1_795_000_000,
      model: 'claude-sonnet',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'One moment.',
            refusal: null,
            reasoning_content: 'hm',
            tool_calls: [
              { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
              { id: 'call_2', type: 'function', function: { name: 'g', arguments: '{}' } },
            ],
          },
          logprobs: null,
          finish_reason: 'tool_calls',
        },
      ],
      usage: {
        prompt_tokens: 100,
        completion_tokens: 7,
        total_tokens: 107,
        prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 30, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 3, audio_tokens: 0 },
      },
    });
  });

  it("writes Anthropic's message", () => {
    expect(messages.writeAnswer(whole, echoOf())).toEqual({
      id: 'msg_01kaz5nq6ne8ztxvt7vr5h0d9f',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet',
      content: [
        { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
        { type: 'text', text: 'One moment.', citations: null },
        { type: 'tool_use', id: 'call_1', name: 'f', input: { a: 1 } },
        { type: 'tool_use', id: 'call_2', name: 'g', input: {} },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      stop_details: null,
      container: null,
      usage: {
        input_tokens: 40,
        cache_creation_input_tokens: 30,
        cache_read_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 },
        output_tokens: 7,
        output_tokens_details: { thinking_tokens: 3 },
        server_tool_use: null,
        service_tier: 'standard',
      },
    });
  });

  it('reads its own answers back', () => {
    const { usage, ...rest } = chat.readAnswer(chat.writeAnswer(whole, echoOf()));
    expect(rest.parts.slice(1, 3)).toEqual(whole.parts.slice(1, 3));
    expect(usage).toMatchObject({ inputTokens: 100, cacheReadTokens: 30, cacheWriteTokens: 30 });
    const { parts, ...message } = messages.readAnswer(messages.writeAnswer(whole, echoOf()));
    expect(parts.slice(0, 3)).toEqual(whole.parts.slice(0, 3));
    expect(message.usage).toEqual(whole.usage);
  });

  it('keeps the words of a refusal', () => {
    const refused = answer({ parts: [{ type: 'refusal', text: "I can't." }] });
    expect(chat.writeAnswer(refused, echoOf())).toMatchObject({
      choices: [{ message: { content: null, refusal: "I can't." } }],
    });
    expect(messages.writeAnswer(refused, echoOf())).toMatchObject({
      content: [],
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: "I can't." },
    });
  });

  it('keeps arguments that were cut off', () => {
    const cut = answer({ parts: [{ type: 'tool_call', id: 'c', name: 'f', arguments: '{"a":' }], finish: 'length' });
    expect(messages.writeAnswer(cut, echoOf())).toMatchObject({ content: [{ input: { INVALID_JSON: '{"a":' } }] });
  });

  it('speaks of functions to who asked with functions', () => {
    const echo = echoOf({}, { functions: [{ name: 'f' }] });
    expect(chat.writeAnswer(whole, echo)).toMatchObject({
      choices: [{ message: { function_call: { name: 'f', arguments: '{"a":1}' } }, finish_reason: 'function_call' }],
    });
    const writer = chat.writer(echo);
    const events: StreamEvent[] = [
      { type: 'tool_call', index: 0, id: 'c', name: 'f' },
      { type: 'tool_arguments', index: 0, fragment: '{}' },
      { type: 'end' },
    ];
    const text = events.map((event) => writer.write(event)).join('');
    expect(text).toContain('"function_call":{"name":"f","arguments":""}');
    expect(text).toContain('"finish_reason":"function_call"');
    expect(text).not.toContain('tool_calls');
  });

  it('leaves usage out of a chat stream that did not ask for it', () => {
    const writer = chat.writer(echoOf());
    const events: StreamEvent[] = [{ type: 'text', text: 'a' }, { type: 'usage', usage: NO_USAGE }, { type: 'end' }];
    expect(events.map((event) => writer.write(event)).join('')).not.toContain('usage');
  });
});

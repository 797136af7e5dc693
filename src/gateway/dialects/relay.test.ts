import * as fc from 'fast-check';
import type { JsonObject } from '../../common/json.js';
import { chat } from './chat/index.js';
import { messages } from './messages/index.js';
import { ABLE, echoOf, without } from './test-dialects.js';

const hi = [{ role: 'user', content: 'Hi' }];
const relayed = (body: JsonObject, traits = ABLE) => chat.relay.request(body, chat.parse(body), traits);

describe('chat', () => {
  it('passes unknown fields and asks for usage', () => {
    const body = {
      model: 'a',
      messages: hi,
      stream: true,
      min_p: 0.1,
      store: true,
      stream_options: { include_obfuscation: false },
    };
    expect(relayed(body)).toEqual({
      messages: hi,
      stream: true,
      min_p: 0.1,
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  it('asks a server for usage only where it can tell', () => {
    const body = { messages: hi, stream: true, stream_options: { include_usage: true } };
    expect(relayed(body, { ...ABLE, streamUsage: false })).toEqual({ messages: hi, stream: true });
    expect(relayed({ messages: hi })).toEqual({ messages: hi });
  });

  it('names limit and role as the server does', () => {
    const body = { messages: [{ role: 'developer', content: 'Be brief.' }, ...hi], max_completion_tokens: 7 };
    expect(relayed(body, { ...ABLE, maxTokensField: 'max_tokens' })).toEqual({
      messages: [{ role: 'system', content: 'Be brief.' }, ...hi],
      max_tokens: 7,
    });
  });

  it('takes marks of the cache out where nobody knows them', () => {
    const part = { type: 'text', text: 'Hi' };
    const marked = { messages: [{ role: 'user', content: [{ ...part, cache_control: { type: 'ephemeral' } }] }] };
    expect(relayed(marked)).toEqual(marked);
    expect(relayed(marked, { ...ABLE, cacheMarks: false })).toEqual({ messages: [{ role: 'user', content: [part] }] });
  });

  const frame = (data: string, includeUsage = false) => chat.relay.frame({ event: '', data }, echoOf({ includeUsage }));
  const text =
    '{"id":"c","model":"gpt-5.4-2026","choices":[{"index":0,"delta":{"content":"\\"model\\":\\"x\\",\\"usage\\":null"}}]}';

  it.each<[string, string, boolean, string]>([
    [
      'the alias for the model, never in the text',
      text,
      false,
      `data: ${text.replace('gpt-5.4-2026', 'claude-sonnet')}\n\n`,
    ],
    [
      'a model behind the choices',
      '{"choices":[{"delta":{},"model":"inner"}],"model":"m"}',
      false,
      'data: {"choices":[{"delta":{},"model":"inner"}],"model":"claude-sonnet"}\n\n',
    ],
    [
      'no usage field that only Kiln asked for',
      '{"model":"m","choices":[{"index":0,"delta":{}}],"usage":null}',
      false,
      'data: {"model":"claude-sonnet","choices":[{"index":0,"delta":{}}]}\n\n',
    ],
    ['no chunk of usage alone', '{"model":"m","choices":[],"usage":{"prompt_tokens":1}}', false, ''],
    [
      'no usage on the last chunk',
      '{"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}',
      false,
      'data: {"model":"claude-sonnet","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    ],
    [
      "no usage in Groq's place",
      '{"model":"m","choices":[{"index":0,"delta":{}}],"x_groq":{"id":"r","usage":{"prompt_tokens":1}}}',
      false,
      'data: {"model":"claude-sonnet","choices":[{"index":0,"delta":{}}],"x_groq":{"id":"r"}}\n\n',
    ],
    [
      'usage that was asked for',
      '{"model":"m","choices":[],"usage":{"prompt_tokens":1}}',
      true,
      'data: {"model":"claude-sonnet","choices":[],"usage":{"prompt_tokens":1}}\n\n',
    ],
    ['the end', '[DONE]', false, 'data: [DONE]\n\n'],
    ['data of two lines', '{"model":\n"m"}', false, 'data: {"model":"claude-sonnet"}\n\n'],
  ])('%s', (_case, data, includeUsage, wanted) => {
    expect(frame(data, includeUsage)).toBe(wanted);
  });

  it('changes nothing else of any chunk', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"model":"x"', '\\"model":"x"', ',"usage":null', '"usage":{', '"choices":', '\\'),
    );
    const text = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));
    const fields = fc.record(
      {
        id: text,
        model: text,
        choices: text.map((content) => [{ index: 0, delta: { content, role: 'assistant' }, finish_reason: null }]),
        usage: fc.constantFrom(null, { prompt_tokens: 1 }),
        extra: fc.record({ model: text }),
      },
      { requiredKeys: ['model', 'choices'] },
    );
    // Servers write their keys in any order.
    const chunks = fields.chain((chunk) =>
      fc.shuffledSubarray(Object.entries(chunk), { minLength: Object.keys(chunk).length }).map(Object.fromEntries),
    ) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(chunks, fc.boolean(), (chunk, includeUsage) => {
        const shown = frame(JSON.stringify(chunk), includeUsage);
        const { usage, ...rest } = chunk;
        const kept = includeUsage && usage !== undefined ? { ...rest, usage } : rest;
        expect(JSON.parse(shown.slice('data: '.length))).toEqual({ ...kept, model: 'claude-sonnet' });
      }),
      { numRuns: 500 },
    );
  });

  it('answers with the alias', () => {
    expect(chat.relay.answer({ id: 'c', model: 'm', extra: 1 }, echoOf())).toEqual({
      id: 'c',
      model: 'claude-sonnet',
      extra: 1,
    });
  });
});

describe('messages', () => {
  it('passes betas, blocks and fields it does not know', () => {
    const body = {
      model: 'claude-sonnet',
      max_tokens: 10,
      mcp_servers: [{ type: 'url', url: 'https://mcp.example.com' }],
      messages: [{ role: 'user', content: [{ type: 'web_search_tool_result', tool_use_id: 's', content: [] }] }],
      tools: [{ type: 'web_search_20260318', name: 'web_search' }],
    };
    const { model: _model, ...rest } = body;
    expect(messages.relay.request(body, messages.parse(body), ABLE)).toEqual(rest);
    expect(messages.relay.request(body, messages.parse(body), { ...ABLE, maxOutputTokens: 5 })).toEqual({
      ...rest,
      max_tokens: 5,
    });
  });

  it('names the alias in the first event and nowhere else', () => {
    const start = '{"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet-5-5-x","usage":{}}}';
    expect(messages.relay.frame({ event: 'message_start', data: start }, echoOf())).toBe(
      'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet","usage":{}}}\n\n',
    );
    const data = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\"model\\":\\"x\\""}}';
    expect(messages.relay.frame({ event: 'content_block_delta', data }, echoOf())).toBe(
      `event: content_block_delta\ndata: ${data}\n\n`,
    );
  });

  it('names events that came without a name', () => {
    const data = '{"type":"message_stop"}';
    expect(messages.relay.frame({ event: '', data }, echoOf())).toBe(`event: message_stop\ndata: ${data}\n\n`);
  });
});

it('refuses by traits whatever the API', () => {
  const picture = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
  const body = {
    messages: [
      { role: 'user', content: [picture, { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }] },
    ],
    tools: [{ type: 'function', function: { name: 'f' } }],
  };
  expect(chat.relay.unsupported(chat.parse(body), ABLE)).toEqual([]);
  expect(chat.relay.unsupported(chat.parse(body), without('vision', 'audio', 'tools'))).toEqual([
    "'messages' has an 'image_url' part, which this model can't see",
    "'messages' has an 'input_audio' part, which this model can't hear",
    "'tools' are not supported by this model",
  ]);
});

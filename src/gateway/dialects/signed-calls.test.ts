import type { JsonObject } from '../../common/json.js';
import { chat } from './chat/index.js';
import { DIALECTS } from './index.js';
import { joinId, signedMessages, splitId, withPlainIds } from './signed-calls.js';
import { ABLE, echoOf } from './test-dialects.js';

const SIGNS = { ...ABLE, signsCalls: true };
/** As Google's OpenAI-compatible endpoint answers ("Thought signatures", Gemini API docs). */
const CALL = {
  id: 'function-call-1',
  type: 'function',
  function: { name: 'weather', arguments: '{"city":"Oslo"}' },
  extra_content: { google: { thought_signature: 'c2lnbmF0dXJl+/=' } },
};
const ANSWER = {
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'gemini-3',
  choices: [{ index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', tool_calls: [CALL] } }],
};
const asked = { messages: [{ role: 'user', content: 'Hi' }] };
const sentBack = (body: JsonObject): JsonObject[] => chat.write(chat.parse(body), SIGNS)['messages'] as JsonObject[];

test('an id carries its signature and gives it back', () => {
  const joined = joinId('call_1', CALL.extra_content.google.thought_signature);
  expect(joined).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(splitId(joined)).toEqual({ id: 'call_1', signature: 'c2lnbmF0dXJl+/=' });
  expect(splitId('call_1')).toEqual({ id: 'call_1', signature: null });
});

test.each(['chat', 'responses', 'messages'] as const)('by %s the signature comes back to who signed', (id) => {
  const dialect = DIALECTS[id];
  const answer = dialect.writeAnswer(chat.readAnswer(ANSWER), echoOf({}, asked));
  const callId = JSON.stringify(answer).match(/function-call-1__sig_[\w-]+/)?.[0] ?? '';
  const calling = { role: 'assistant', tool_calls: [{ ...CALL, id: callId, extra_content: undefined }] };
  const next = {
    chat: { messages: [...asked.messages, calling, { role: 'tool', tool_call_id: callId, content: 'rain' }] },
    responses: {
      input: [
        { role: 'user', content: 'Hi' },
        { type: 'function_call', call_id: callId, name: 'weather', arguments: '{"city":"Oslo"}' },
        { type: 'function_call_output', call_id: callId, output: 'rain' },
      ],
    },
    messages: {
      max_tokens: 10,
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: [{ type: 'tool_use', id: callId, name: 'weather', input: { city: 'Oslo' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: callId, content: 'rain' }] },
      ],
    },
  }[id];
  const body = JSON.parse(JSON.stringify({ model: 'x', ...next })) as JsonObject;
  const messages = chat.write(dialect.parse(body), SIGNS)['messages'] as JsonObject[];
  expect(messages[1]?.['tool_calls']).toEqual([CALL]);
  expect(messages[2]).toMatchObject({ role: 'tool', tool_call_id: 'function-call-1' });
  // Another upstream sees neither mark nor signature.
  expect(JSON.stringify(chat.write(dialect.parse(body), ABLE))).not.toMatch(/__sig_|extra_content/);
  expect(JSON.stringify(withPlainIds(dialect.parse(body)))).not.toContain('__sig_');
});

test('what nobody signed stays as it is', () => {
  const { extra_content: _none, ...call } = CALL;
  const step = { role: 'assistant', tool_calls: [call, { ...call, id: 'call-2' }] };
  const answers = ['function-call-1', 'call-2'].map((tool_call_id) => ({ role: 'tool', tool_call_id, content: 'x' }));
  const [, calls] = sentBack({ messages: [...asked.messages, step, ...answers] });
  expect(calls?.['tool_calls']).toEqual([call, { ...call, id: 'call-2' }]);
});

test('a client that gives the signature back itself is believed', () => {
  const messages = [{ role: 'assistant', tool_calls: [CALL] }];
  expect(signedMessages(messages, true)).toEqual(messages);
});

test('relayed answers and chunks have it in the id too', () => {
  const echo = echoOf({}, asked);
  const whole = chat.relay.answer(ANSWER, echo) as typeof ANSWER;
  const id = whole.choices[0]?.message.tool_calls[0]?.id ?? '';
  expect(splitId(id).signature).toBe('c2lnbmF0dXJl+/=');
  const chunk = { ...ANSWER, choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...CALL }] } }] };
  expect(chat.relay.frame({ event: '', data: JSON.stringify(chunk) }, echo)).toContain(`"id":"${id}"`);
});

test('a signature of something else than a call passes', () => {
  const data = JSON.stringify({
    choices: [{ index: 0, delta: { content: 'x', extra_content: { google: { thought_signature: 'c2ln' } } } }],
  });
  expect(chat.relay.frame({ event: '', data }, echoOf({}, asked))).toContain('"content":"x"');
});

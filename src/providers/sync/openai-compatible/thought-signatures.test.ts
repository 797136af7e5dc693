import { withThoughtSignatures } from './thought-signatures.js';

const call = (more: object = {}) => ({ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' }, ...more });
const bodyOf = (...calls: object[]) =>
  JSON.parse(
    JSON.stringify({
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', tool_calls: calls },
      ],
    }),
  ) as {
    messages: [];
  };

test('what is missing is put into the first call alone', () => {
  expect(withThoughtSignatures('gemini-3-pro-preview', bodyOf(call(), call()))).toEqual(
    bodyOf(call({ extra_content: { google: { thought_signature: 'skip_thought_signature_validator' } } }), call()),
  );
});

test('a signature that came back stays', () => {
  const body = bodyOf(call({ extra_content: { google: { thought_signature: 'real' } } }));
  expect(withThoughtSignatures('gemini-3-pro-preview', body)).toEqual(body);
});

test('models before Gemini 3 are asked as they were', () => {
  const body = bodyOf(call());
  expect(withThoughtSignatures('gemini-2.5-flash', body)).toBe(body);
});

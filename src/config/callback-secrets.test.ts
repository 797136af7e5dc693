import { parseCallbackSecrets } from './callback-secrets.js';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

it('reads secrets by the name of their credential; blank is unset', () => {
  const env = { KILN_CALLBACK_SECRET_KLING_EU: SECRET, KILN_CALLBACK_SECRET_OTHER: ' ', KILN_PORT: 'x' };
  expect(parseCallbackSecrets(env)).toEqual({ callbackSecrets: { kling_eu: SECRET }, problems: [] });
});

it.each([
  ['KILN_CALLBACK_SECRET_KLING', 'whsec_c2hvcnQ='],
  ['KILN_CALLBACK_SECRET_KLING', 'plain-text-of-a-good-length-indeed'],
  ['KILN_CALLBACK_SECRET_kling', SECRET],
])('names %s and what is allowed, never the value', (variable, value) => {
  const { callbackSecrets, problems } = parseCallbackSecrets({ [variable]: value });
  expect(callbackSecrets).toEqual({});
  expect(problems).toEqual([expect.stringContaining(variable)]);
  expect(problems[0]).not.toContain(value);
});

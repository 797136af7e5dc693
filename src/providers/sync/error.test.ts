import { syncError } from './error.js';

const answer = (status: number, body: unknown) =>
  syncError({ status, headers: new Headers(), text: JSON.stringify(body) }, Date.parse('2026-11-26T00:00:00Z'));

it.each([
  ['its status where the type is the one of every refusal', 500, 'invalid_request_error', 'internal'],
  ['its status where that names the trouble', 503, 'invalid_request_error', 'unavailable'],
  ['its word where the status says little', 400, 'insufficient_quota', 'quota'],
  ['bad input where nothing says more', 400, 'invalid_request_error', 'invalid_input'],
])('is told by %s', (_case, status, code, kind) => {
  expect(answer(status, { error: { message: 'no', type: 'invalid_request_error', code } }).kind).toBe(kind);
});

it('reads the list of one that Google sends', () => {
  const error = answer(400, [
    { error: { code: 400, message: 'Invalid JSON payload received.', status: 'INVALID_ARGUMENT' } },
  ]);
  expect(error).toMatchObject({
    kind: 'invalid_input',
    message: expect.stringContaining('Invalid JSON payload') as string,
  });
});

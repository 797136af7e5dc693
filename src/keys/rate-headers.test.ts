import { durationText, rateHeaders, tooManyRequests } from './rate-headers.js';

test.each([
  [0, '0ms'],
  [11.2, '12ms'],
  [999.1, '1s'],
  [1000, '1s'],
  [8640, '8.64s'],
  [60_000, '1m0s'],
  [360_000, '6m0s'],
  [61_500, '1m1.5s'],
  [3_600_000, '1h0m0s'],
])('%d ms are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

const STATE = { admitted: true, limit: 10, remaining: 7, resetMs: 18_000, retryAfterMs: 0 };
const NOW = new Date('2026-11-26T12:00:00.250Z');

test("OpenAI's headers everywhere, Anthropic's too on its endpoint", () => {
  const openai = {
    'x-ratelimit-limit-requests': '10',
    'x-ratelimit-remaining-requests': '7',
    'x-ratelimit-reset-requests': '18s',
  };
  expect(rateHeaders(STATE, '/v1/chat/completions', NOW)).toEqual(openai);
  expect(rateHeaders(STATE, '/v1/messages?beta=true', NOW)).toEqual({
    ...openai,
    'anthropic-ratelimit-requests-limit': '10',
    'anthropic-ratelimit-requests-remaining': '7',
    'anthropic-ratelimit-requests-reset': '2026-11-26T12:00:19Z',
  });
});

test.each([
  [1, 1],
  [1000, 1],
  [1001, 2],
  [11_999, 12],
])('after %d ms one may come again: %d s', (retryAfterMs, seconds) => {
  const error = tooManyRequests({ ...STATE, admitted: false, retryAfterMs });
  expect(error).toMatchObject({ status: 429, type: 'rate_limit_exceeded', detail: { retryAfterSeconds: seconds } });
});

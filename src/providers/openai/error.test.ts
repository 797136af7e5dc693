import { NOW_MS } from '../../../test/support/provider-wire.js';
import { toError } from './error.js';
import errors from './fixtures/errors.json' with { type: 'json' };

describe('errors', () => {
  const of = (status: number, json: unknown, headers: Record<string, string> = {}) =>
    toError({ status, headers: new Headers(headers), text: JSON.stringify(json) }, 'buys', NOW_MS);

  test.each([
    [400, errors.invalid, 'invalid_input', 'rejected'],
    [400, errors.sizeMismatch, 'invalid_input', 'rejected'],
    [400, errors.blocked, 'content_policy', 'rejected'],
    [400, errors.hardLimit, 'quota', 'rejected'],
    [401, errors.badKey, 'auth', 'rejected'],
    [403, {}, 'auth', 'rejected'],
    [404, errors.noModel, 'not_found', 'rejected'],
    [408, {}, 'timeout', 'unknown'],
    [409, {}, 'unavailable', 'rejected'],
    [429, errors.rateLimited, 'rate_limited', 'rejected'],
    [429, errors.quota, 'quota', 'rejected'],
    [500, errors.broken, 'internal', 'unknown'],
    [502, {}, 'unavailable', 'unknown'],
    [503, errors.overloaded, 'unavailable', 'rejected'],
    [503, {}, 'unavailable', 'unknown'],
    [504, {}, 'timeout', 'unknown'],
    [400, { error: { message: 'no', code: 400 } }, 'invalid_input', 'rejected'],
  ])('%i %j is %s, %s', (status, json, kind, outcome) => {
    expect(of(status, json)).toMatchObject({ kind, outcome });
  });

  test('a wrong field is told by its name in the request, or not at all', () => {
    expect(of(400, errors.invalid).detail.param).toBe('duration_seconds');
    expect(of(400, { error: { message: 'no', param: 'svg.model' } }).detail.param).toBeUndefined();
  });

  test('a 429 that waiting does not cure is the account', () => {
    expect(of(429, {}, { 'x-should-retry': 'false' })).toMatchObject({ kind: 'quota' });
    expect(of(429, {}, { 'x-should-retry': 'true' })).toMatchObject({ kind: 'rate_limited' });
  });

  test.each([
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
    [{ 'retry-after': '9' }, 9000],
    [{ 'retry-after': 'Mon, 23 Nov 2026 12:00:07 GMT' }, 7000],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' }, 360_000],
    [
      {
        'x-ratelimit-remaining-requests': '3',
        'x-ratelimit-reset-requests': '6m0s',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '1.5s',
      },
      1500,
    ],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '20ms' }, 20],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': 'soon' }, 0],
    [{}, undefined],
  ])('%j is a wait of %s ms', (headers, wait) => {
    expect(of(429, errors.rateLimited, headers as Record<string, string>).detail.retryAfterMs).toBe(wait);
  });

  test('the key is in no message', () => {
    expect(of(401, errors.badKey).message).not.toContain('test-key');
  });
});

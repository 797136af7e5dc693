import { DAY_MS, HOUR_MS } from '../common/time.js';
import { parseRetryAfterMs, retryDelayMs } from './backoff.js';

const middle = () => 0.5;

describe('retryDelayMs', () => {
  it('grows with each try, spans a day, and ends', () => {
    const delays: number[] = [];
    for (
      let delay = retryDelayMs(1, null, middle);
      delay !== null;
      delay = retryDelayMs(delays.length + 1, null, middle)
    ) {
      delays.push(delay);
    }
    const lastTry = delays.length + 1;
    expect(delays).toEqual(delays.toSorted((a, b) => a - b));
    const total = delays.reduce((sum, delay) => sum + delay, 0);
    expect(total).toBeGreaterThan(23 * HOUR_MS);
    expect(total).toBeLessThanOrEqual(DAY_MS);
    expect(lastTry).toBe(11);
    expect(retryDelayMs(lastTry, 1000, middle)).toBeNull();
  });

  it('is spread', () => {
    expect([retryDelayMs(1, null, () => 0), retryDelayMs(1, null, () => 1)]).toEqual([4000, 6000]);
  });

  it('is never sooner than the receiver asked, nor later than a day and a fifth', () => {
    expect([retryDelayMs(1, 120_000, () => 0), retryDelayMs(1, 120_000, () => 1)]).toEqual([120_000, 144_000]);
    expect(retryDelayMs(5, 1000, middle)).toBe(30 * 60_000);
    expect(retryDelayMs(1, 400 * DAY_MS, () => 0)).toBe(DAY_MS);
  });
});

it.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Mon, 23 Nov 2026 08:01:00 GMT', 60_000],
  ['Mon, 23 Nov 2026 07:59:00 GMT', null],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
  ['', null],
  [null, null],
])('reads Retry-After %p as %p', (header, ms) => {
  expect(parseRetryAfterMs(header, new Date('2026-11-23T08:00:00Z'))).toBe(ms);
});

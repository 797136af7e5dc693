import * as fc from 'fast-check';
import { pollDelayMs, submitBackoffMs } from './backoff.js';

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('submitBackoffMs', () => {
  it('doubles from a second to a minute', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 100].map((n) => submitBackoffMs(n, () => 0.5))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ]);
  });

  it('stays within a fifth of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 1_000_000 }), unit, (n, random) => {
        const ms = submitBackoffMs(n, () => random);
        expect(ms).toBeGreaterThanOrEqual(800);
        expect(ms).toBeLessThanOrEqual(72_000);
      }),
    );
  });

  it('never shrinks as tries grow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), unit, (n, random) => {
        expect(submitBackoffMs(n + 1, () => random)).toBeGreaterThanOrEqual(submitBackoffMs(n, () => random));
      }),
    );
  });
});

describe('pollDelayMs', () => {
  const args = fc.record({
    elapsedMs: fc.integer({ min: 0, max: 86_400_000 }),
    expectedMs: fc.integer({ min: 1, max: 3_600_000 }),
    polls: fc.integer({ min: 0, max: 100_000 }),
    baseMs: fc.integer({ min: 100, max: 600_000 }),
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 600_000 }), { nil: undefined }),
    random: unit,
  });

  it('looks first near the expected end', () => {
    const first = { polls: 0, baseMs: 1000, random: () => 0.5 };
    expect(pollDelayMs({ ...first, elapsedMs: 0, expectedMs: 100_000 })).toBe(90_000);
    expect(pollDelayMs({ ...first, elapsedMs: 50_000, expectedMs: 100_000 })).toBe(40_000);
    expect(pollDelayMs({ ...first, elapsedMs: 95_000, expectedMs: 100_000 })).toBe(1000);
  });

  it('then backs off from the base, to eight times it and a minute at most', () => {
    const later = (polls: number, baseMs: number): number =>
      pollDelayMs({ elapsedMs: 0, expectedMs: 1, polls, baseMs, random: () => 0.5 });
    expect([1, 2, 3].map((polls) => later(polls, 1000))).toEqual([1000, 1250, 1563]);
    expect(later(1000, 1000)).toBe(8000);
    expect(later(1000, 10_000)).toBe(60_000);
    expect(later(1000, 90_000)).toBe(90_000);
  });

  it('is a whole number, at least most of the base, never less than the provider asked', () => {
    fc.assert(
      fc.property(args, ({ random, ...rest }) => {
        const ms = pollDelayMs({ ...rest, random: () => random });
        expect(Number.isSafeInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(Math.floor(rest.baseMs * 0.8));
        expect(ms).toBeGreaterThanOrEqual(rest.retryAfterMs ?? 0);
        expect(ms).toBeLessThanOrEqual(
          Math.max(1.2 * Math.max(rest.expectedMs, rest.baseMs, 60_000), rest.retryAfterMs ?? 0) + 1,
        );
      }),
    );
  });
});

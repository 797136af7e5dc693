import * as fc from 'fast-check';
import { ceilSum } from './exact.js';

test.each([
  [
    [
      [2, 0.5],
      [3, 0.1],
    ],
    false,
    2,
  ],
  [[[1, 1]], true, 1],
  [[[1_000_000, 1]], true, 1],
  [[[1_000_001, 1]], true, 2],
  [[[10, 1_000_000, 2]], true, 20],
  [[], true, 0],
  [[[Number.MAX_SAFE_INTEGER, 2]], false, Number(BigInt(Number.MAX_SAFE_INTEGER) * 2n)],
] as const)('%j, a million at once: %s, is %s', (products, perMillion, sum) => {
  expect(ceilSum(products, perMillion)).toBe(sum);
});

test('whole numbers and the same with a point give the same', () => {
  const whole = fc.integer({ min: 0, max: 50_000_000 });
  const products = fc.array(fc.tuple(whole, fc.integer({ min: 0, max: 200_000_000 }), fc.integer({ min: 1, max: 4 })), {
    maxLength: 9,
  });
  fc.assert(
    fc.property(products, (rows) => {
      const exact = rows.reduce((sum, [a, b, c]) => sum + BigInt(a) * BigInt(b) * BigInt(c), 0n);
      fc.pre(exact < BigInt(Number.MAX_SAFE_INTEGER) * 1_000_000n);
      expect(ceilSum(rows, true)).toBe(Number((exact + 999_999n) / 1_000_000n));
    }),
    { numRuns: 500 },
  );
});

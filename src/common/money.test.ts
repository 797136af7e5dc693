import { parseUsd } from './money.js';

test.each([
  ['25', 25_000_000],
  ['0', 0],
  ['0.1', 100_000],
  ['0.000001', 1],
  ['0.07', 70_000],
  ['1.10', 1_100_000],
  ['4.35', 4_350_000],
  ['999999999.999999', 999_999_999_999_999],
])('%s dollars', (text, microUsd) => {
  expect(parseUsd(text)).toBe(microUsd);
});

test.each(['', '-1', '+1', '1.', '.5', '1e3', '0.0000001', '1,5', '$1', ' 1', 'NaN', '1000000000', '0x10'])(
  "'%s' is no amount of dollars",
  (text) => {
    expect(parseUsd(text)).toBeNull();
  },
);

import { isDeeperThan } from './bodies.js';

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

it.each([
  ['text', 'a', 0, false],
  ['nothing', undefined, 0, false],
  ['an object where none is allowed', {}, 0, true],
  ['a list at the limit', nested(500), 500, false],
  ['a list beyond the limit', nested(501), 500, true],
  ['one that would overflow the stack', nested(100_000), 500, true],
  ['a wide one', { a: Array.from({ length: 200_000 }, () => ({ b: [1] })) }, 4, false],
])('%s', (_name, value, limit, deeper) => {
  expect(isDeeperThan(value, limit)).toBe(deeper);
});

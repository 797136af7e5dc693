import { jest } from '@jest/globals';
import { ShortCache } from './short-cache.js';

let now = 0;
let answers: PromiseWithResolvers<string | null>[];
const load = jest.fn((): Promise<string | null> => {
  const answer = Promise.withResolvers<string | null>();
  answers.push(answer);
  return answer.promise;
});
const cache = (): ShortCache<string> => new ShortCache<string>(2000, 2, () => now);

beforeEach(() => {
  now = 0;
  answers = [];
  load.mockClear();
});

test('what many ask for at once is loaded once', async () => {
  const one = cache();
  const asked = [one.get('a', load), one.get('a', load), one.get('a', load)];
  answers[0]?.resolve('v');
  expect(await Promise.all(asked)).toEqual(['v', 'v', 'v']);
  expect(load).toHaveBeenCalledTimes(1);
});

test('what is in use is loaded anew before it ends, and nobody waits for it', async () => {
  const one = cache();
  const first = one.get('a', load);
  answers[0]?.resolve('old');
  await first;
  now = 1500;
  expect(await one.get('a', load)).toBe('old');
  expect(await one.get('a', load)).toBe('old');
  expect(load).toHaveBeenCalledTimes(2);
  answers[1]?.resolve('new');
  await Promise.resolve();
  now = 2500;
  expect(await one.get('a', load)).toBe('new');
});

test('a value counts from when it was asked for, so it never outlives its time', async () => {
  const one = cache();
  const first = one.get('a', load);
  now = 1900;
  answers[0]?.resolve('v');
  await first;
  now = 2000;
  void one.get('a', load);
  expect(load).toHaveBeenCalledTimes(2);
});

test('what was asked for before a change is not remembered after it', async () => {
  const one = cache();
  const first = one.get('a', load);
  one.clear();
  answers[0]?.resolve('old');
  expect(await first).toBe('old');
  void one.get('a', load);
  expect(load).toHaveBeenCalledTimes(2);
});

test('a failure is told to who waits, and asked again by who comes next', async () => {
  const one = cache();
  const first = one.get('a', load);
  answers[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  const again = one.get('a', load);
  answers[1]?.resolve('v');
  expect(await again).toBe('v');
});

test('a source that is away takes nothing from what is known', async () => {
  const one = cache();
  const first = one.get('a', load);
  answers[0]?.resolve('v');
  await first;
  now = 1500;
  expect(await one.get('a', load)).toBe('v');
  answers[1]?.reject(new Error('away'));
  expect(await one.get('a', load)).toBe('v');
});

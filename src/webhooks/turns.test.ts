import { type Turn, Turns } from './turns.js';

const SLOTS = 16;
let now: number;
let turns: Turns;
beforeEach(() => {
  now = 1_000_000;
  turns = new Turns(SLOTS, () => now);
});

const turn = (taken: Turn | number): Turn => {
  if (typeof taken === 'number') throw new Error('it was given back');
  return taken;
};
const waitMs = (taken: Turn | number): number => {
  if (typeof taken !== 'number') throw new Error('it was let in');
  return taken;
};
const fails = (url: string, times: number): void => {
  for (let i = 0; i < times; i += 1) turn(turns.take('key_a', url)).end(false);
};

test('a receiver holds a quarter of the slots, and gets the next when one is free', () => {
  const held = Array.from({ length: 4 }, () => turn(turns.take('key_a', 'https://slow.example/1')));
  waitMs(turns.take('key_a', 'https://slow.example/2'));
  turn(turns.take('key_a', 'https://other.example/'));
  turn(turns.take('key_b', 'https://slow.example/'));
  now += 2000;
  held[0]?.end(true);
  turn(turns.take('key_a', 'https://slow.example/3'));
  waitMs(turns.take('key_a', 'https://slow.example/4'));
});

test('one that has just answered quickly may hold half of them', () => {
  const [first, ...others] = Array.from({ length: 4 }, () => turn(turns.take('key_a', 'https://quick.example/')));
  now += 50;
  first?.end(true);
  for (let i = others.length; i < 8; i += 1) turn(turns.take('key_a', 'https://quick.example/'));
  waitMs(turns.take('key_a', 'https://quick.example/'));
  now += 5000;
  others[0]?.end(true);
  waitMs(turns.take('key_a', 'https://quick.example/'));
});

test('one that failed three times in a row holds one slot, until a message arrives', () => {
  fails('https://dead.example/', 2);
  const second = [turns.take('key_a', 'https://dead.example/'), turns.take('key_a', 'https://dead.example/')].map(turn);
  second.forEach((one) => one.end(false));
  const only = turn(turns.take('key_a', 'https://dead.example/'));
  waitMs(turns.take('key_a', 'https://dead.example/'));
  only.end(true);
  turn(turns.take('key_a', 'https://dead.example/'));
  turn(turns.take('key_a', 'https://dead.example/'));
});

test('receivers that fail hold half of the slots together', () => {
  const dead = Array.from({ length: 10 }, (_, i) => `https://dead-${i}.example/`);
  for (const url of dead) fails(url, 3);
  const taken = dead.map((url) => turns.take('key_a', url));
  expect(taken.filter((one) => typeof one === 'number')).toHaveLength(2);
  turn(turns.take('key_a', 'https://healthy.example/'));
});

test('nothing sent says nothing', () => {
  fails('https://dead.example/', 3);
  turn(turns.take('key_a', 'https://dead.example/')).end(null);
  turn(turns.take('key_a', 'https://dead.example/'));
  waitMs(turns.take('key_a', 'https://dead.example/'));
});

test('what is given back comes again in order, at the pace of the receiver, within a minute or so', () => {
  const hold = turn(turns.take('key_a', 'https://slow.example/'));
  now += 12_000;
  hold.end(true);
  Array.from({ length: 4 }, () => turn(turns.take('key_a', 'https://slow.example/')));
  now += 8000;
  const waits = Array.from({ length: 100 }, () => waitMs(turns.take('key_a', 'https://slow.example/')));
  // 8 s under way by four: one every 2 s, spread by a fifth.
  expect(waits[0]).toBeGreaterThanOrEqual(1600);
  expect(waits[0]).toBeLessThanOrEqual(2400);
  expect(waits[9]).toBeGreaterThanOrEqual(16_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(72_000);
});

test('one slot is enough for a worker that has one', () => {
  const single = new Turns(1, () => now);
  const only = turn(single.take('key_a', 'https://a.example/'));
  only.end(true);
  turn(single.take('key_a', 'https://a.example/'));
});

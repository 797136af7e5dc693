import { array, assert, float, integer, option, property, record } from 'fast-check';
import { pick, type WaitingJob, type WaitingKey } from './fair-queue.js';

const job = (id: string, more: Partial<WaitingJob> = {}): WaitingJob => ({
  id,
  expectedSeconds: 10,
  priority: 1,
  failover: false,
  ...more,
});
const key = (keyId: string, jobs: WaitingJob[], more: Partial<WaitingKey> = {}): WaitingKey => ({
  keyId,
  tag: 0,
  weight: 1,
  open: 0,
  maxOpen: null,
  jobs,
  ...more,
});
const many = (prefix: string, n: number, more: Partial<WaitingJob> = {}): WaitingJob[] =>
  Array.from({ length: n }, (_, i) => job(`${prefix}${i}`, more));

test('a key with a long backlog does not delay a key with one job', () => {
  const picked = pick(2, 0, [key('big', many('b', 50)), key('small', [job('s0')])]);
  expect(picked.jobs.map((one) => one.id)).toEqual(['b0', 's0']);
});

test('slots are shared by weight over time', () => {
  const picked = pick(40, 0, [key('a', many('a', 100), { weight: 3 }), key('b', many('b', 100), { weight: 1 })]);
  expect(picked.jobs.filter((one) => one.keyId === 'a')).toHaveLength(30);
});

test('longer jobs count for more', () => {
  const picked = pick(30, 0, [key('long', many('l', 100, { expectedSeconds: 20 })), key('short', many('s', 100))]);
  expect(picked.jobs.filter((one) => one.keyId === 'long')).toHaveLength(10);
});

test('an idle key does not save up time', () => {
  const picked = pick(10, 1000, [key('busy', many('b', 20), { tag: 1000 }), key('idle', many('i', 20), { tag: 3 })]);
  expect(picked.jobs.filter((one) => one.keyId === 'idle')).toHaveLength(5);
});

test('a key at its limit is passed over, and its jobs stay', () => {
  const picked = pick(5, 0, [key('capped', many('c', 9), { open: 1, maxOpen: 2 }), key('free', many('f', 1))]);
  expect(picked.jobs.map((one) => one.id)).toEqual(['c0', 'f0']);
});

test('failovers go first and low priority waits for slots that nobody wants', () => {
  const keys = [
    key('a', [job('low', { priority: 0 })], { tag: -5 }),
    key('b', [job('moved', { failover: true })], { tag: 900 }),
    key('c', [job('plain')]),
  ];
  expect(pick(2, 0, keys).jobs.map((one) => one.id)).toEqual(['moved', 'plain']);
  expect(pick(3, 0, keys).jobs.map((one) => one.id)).toEqual(['moved', 'plain', 'low']);
});

test('never more than the free slots, never a job twice, the clock never runs back', () => {
  const keys = array(
    record({
      n: integer({ min: 0, max: 8 }),
      tag: float({ min: 0, max: 100, noNaN: true }),
      weight: integer({ min: 1, max: 9 }),
      maxOpen: option(integer({ min: 0, max: 4 })),
    }),
    { maxLength: 6 },
  );
  assert(
    property(integer({ min: 0, max: 12 }), keys, (free, shapes) => {
      const waiting = shapes.map((shape, i) =>
        key(`k${i}`, many(`k${i}-`, shape.n), { tag: shape.tag, weight: shape.weight, maxOpen: shape.maxOpen }),
      );
      const picked = pick(free, 50, waiting);
      const room = waiting.reduce((sum, one) => sum + Math.min(one.jobs.length, one.maxOpen ?? Infinity), 0);
      expect(picked.jobs).toHaveLength(Math.min(free, room));
      expect(new Set(picked.jobs.map((one) => one.id)).size).toBe(picked.jobs.length);
      expect(picked.virtualClock).toBeGreaterThanOrEqual(50);
    }),
  );
});

import { forecast } from './forecast.js';

const job = (id: string, expectedSeconds = 10) => ({ id, expectedSeconds, priority: 1, failover: false });
const key = (keyId: string, ...jobs: ReturnType<typeof job>[]) => ({
  keyId,
  tag: 0,
  weight: 1,
  open: 0,
  maxOpen: null as number | null,
  jobs,
});

test('a job starts when the slot before it is free', () => {
  const seen = forecast({
    capacity: 1,
    virtualClock: 0,
    slotsInUse: 1,
    busySeconds: [7],
    keys: [key('a', job('one'), job('two'))],
  });
  expect(seen.get('one')).toEqual({ position: 0, startsInSeconds: 7 });
  expect(seen.get('two')).toEqual({ position: 1, startsInSeconds: 17 });
});

test('free slots start at once and the shortest run frees the next', () => {
  const seen = forecast({
    capacity: 2,
    virtualClock: 0,
    slotsInUse: 1,
    busySeconds: [30],
    keys: [key('a', job('one', 5), job('two'), job('three'))],
  });
  expect([...seen.values()].map((one) => one.startsInSeconds)).toEqual([0, 5, 15]);
});

test('keys take turns, as in admission', () => {
  const seen = forecast({
    capacity: 1,
    virtualClock: 0,
    slotsInUse: 0,
    busySeconds: [],
    keys: [key('a', job('a1'), job('a2')), key('b', job('b1'))],
  });
  expect([...seen.keys()]).toEqual(['a1', 'b1', 'a2']);
});

test('jobs of a key at its limit come last', () => {
  const capped = { ...key('a', job('a1')), open: 1, maxOpen: 1 };
  expect([
    ...forecast({
      capacity: 1,
      virtualClock: 0,
      slotsInUse: 0,
      busySeconds: [],
      keys: [capped, key('b', job('b1'))],
    }).keys(),
  ]).toEqual(['b1', 'a1']);
});

test('a lane that was made smaller gives nobody the slots it no longer has', () => {
  const lane = { capacity: 1, virtualClock: 0, slotsInUse: 3, busySeconds: [5, 40, 20] };
  expect(forecast({ ...lane, keys: [key('a', job('one'))] }).get('one')?.startsInSeconds).toBe(40);
});

test('a very wide lane is no more work than a narrow one', () => {
  const lane = { capacity: 2_000_000_000, virtualClock: 0, slotsInUse: 0, busySeconds: [] };
  expect(forecast({ ...lane, keys: [key('a', job('one'), job('two'))] }).get('two')).toEqual({
    position: 1,
    startsInSeconds: 0,
  });
});

import { PollPace } from './poll-pace.js';

test('polls of one route are spaced evenly, and who is too far behind comes back', () => {
  const pace = new PollPace();
  const route = { id: 'a', pollsPerSecond: 10 };
  expect([1, 2, 3, 4].map(() => pace.take(route, 1000))).toEqual([
    { inMs: 0 },
    { inMs: 100 },
    { inMs: 200 },
    { inMs: 300 },
  ]);
  expect(pace.take(route, 1000)).toEqual({ comeBackMs: expect.any(Number) as number });
  // The turn that was not taken is still free.
  expect(pace.take(route, 1150)).toEqual({ inMs: 250 });
  expect(pace.take(route, 5000)).toEqual({ inMs: 0 });
});

test('routes do not wait for each other, and one without a limit never waits', () => {
  const pace = new PollPace();
  expect([1, 2].map(() => pace.take({ id: 'b', pollsPerSecond: null }, 1000))).toEqual([{ inMs: 0 }, { inMs: 0 }]);
  expect(pace.take({ id: 'c', pollsPerSecond: 1 }, 1000)).toEqual({ inMs: 0 });
  expect(pace.take({ id: 'd', pollsPerSecond: 1 }, 1000)).toEqual({ inMs: 0 });
});

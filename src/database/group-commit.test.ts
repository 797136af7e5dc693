import { KilnError } from '../common/errors.js';
import { GroupCommit, type GroupCommitOptions } from './group-commit.js';

const OPTIONS: GroupCommitOptions = { maxWaitMs: 1, maxItems: 4, maxInFlight: 1 };

/** Runs that end when told to. */
function controlled(options: Partial<GroupCommitOptions> = {}) {
  const runs: { items: readonly number[]; end: () => void; fail: (error: Error) => void }[] = [];
  let wake = (): void => undefined;
  const group = new GroupCommit<number, number>(
    (items) =>
      new Promise((resolve, reject) => {
        runs.push({ items, end: () => resolve(items.map((item) => item * 10)), fail: reject });
        wake();
      }),
    { ...OPTIONS, ...options },
  );
  const started = async (count: number): Promise<void> => {
    while (runs.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { group, runs, started };
}

it('carries out what comes at once in one run, and gives each its own result', async () => {
  const { group, runs, started } = controlled();
  const results = Promise.all([group.push(1), group.push(2), group.push(3)]);
  await started(1);
  runs[0]?.end();
  expect(await results).toEqual([10, 20, 30]);
  expect(runs.map(({ items }) => items)).toEqual([[1, 2, 3]]);
});

it('gathers the next group while one is under way', async () => {
  const { group, runs, started } = controlled();
  const first = group.push(1);
  await started(1);
  const rest = [2, 3].map((n) => group.push(n));
  runs[0]?.end();
  await first;
  await started(2);
  runs[1]?.end();
  expect(await Promise.all(rest)).toEqual([20, 30]);
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3]]);
});

it('starts beside one that takes long, where it may', async () => {
  const { group, runs, started } = controlled({ maxInFlight: 2 });
  const first = group.push(1);
  await started(1);
  const second = group.push(2);
  await started(2);
  runs[1]?.end();
  expect(await second).toBe(20);
  runs[0]?.end();
  expect(await first).toBe(10);
});

it('lets no group grow above its size', async () => {
  const { group, runs, started } = controlled();
  const all = Promise.all([1, 2, 3, 4, 5].map((n) => group.push(n)));
  await started(1);
  runs[0]?.end();
  await started(2);
  runs[1]?.end();
  await all;
  expect(runs.map(({ items }) => items)).toEqual([[1, 2, 3, 4], [5]]);
});

it('tries each alone where one can not be carried out', async () => {
  const group = new GroupCommit<number, number>(async (items) => {
    if (items.includes(2)) throw new Error('not 2');
    return items.map((item) => item * 10);
  }, OPTIONS);
  const results = await Promise.allSettled([1, 2, 3].map((n) => group.push(n)));
  expect(results).toMatchObject([
    { status: 'fulfilled', value: 10 },
    { status: 'rejected', reason: { message: 'not 2' } },
    { status: 'fulfilled', value: 30 },
  ]);
});

it('does not, where the server is away', async () => {
  let runs = 0;
  const group = new GroupCommit<number, number>(async () => {
    runs += 1;
    throw new KilnError(503, 'unavailable', 'away');
  }, OPTIONS);
  const results = await Promise.allSettled([1, 2, 3].map((n) => group.push(n)));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(runs).toBe(1);
});

it('is idle when all that was asked for has ended', async () => {
  const { group, runs, started } = controlled();
  await group.idle();
  const all = Promise.all([1, 2, 3, 4, 5].map((n) => group.push(n)));
  let isIdle = false;
  const idle = group.idle().then(() => (isIdle = true));
  await started(1);
  runs[0]?.end();
  await started(2);
  expect(isIdle).toBe(false);
  runs[1]?.end();
  await Promise.all([all, idle]);
});

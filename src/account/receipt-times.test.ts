import type { AttemptRow } from '../jobs/store/rows.js';
import { runTimes } from './receipt-times.js';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 26, 10, 0, seconds));
const job = { queuedAt: at(0), finishedAt: at(100) };

interface Spans {
  created: number;
  submitted?: number;
  done?: number;
  finished?: number;
  code?: string;
  synchronous?: boolean;
}
const attempt = ({ created, submitted, done, finished, code, synchronous = false }: Spans): AttemptRow =>
  ({
    route: { synchronous },
    createdAt: at(created),
    submittedAt: submitted === undefined ? null : at(submitted),
    providerDoneAt: done === undefined ? null : at(done),
    finishedAt: finished === undefined ? null : at(finished),
    error: code === undefined ? null : { code },
  }) as AttemptRow;

test.each([
  ['one attempt', [{ created: 10, submitted: 12, done: 90, finished: 90 }], [10, 0, 78, 12]],
  [
    'a failure, a wait and another',
    [
      { created: 10, submitted: 12, finished: 20, code: 'provider_unavailable' },
      { created: 35, submitted: 36, done: 95, finished: 95 },
    ],
    [25, 0, 67, 8],
  ],
  [
    'an endpoint that had to wake',
    [
      { created: 10, finished: 11, code: 'cold_start' },
      { created: 20, finished: 21, code: 'cold_start' },
      { created: 50, submitted: 51, done: 91, finished: 91 },
    ],
    [10, 40, 40, 10],
  ],
  ['one that never woke', [{ created: 10, finished: 11, code: 'cold_start' }], [10, 90, 0, 0]],
  [
    'a submit that is the work',
    [{ created: 10, submitted: 88, done: 90, finished: 90, synchronous: true }],
    [10, 0, 80, 10],
  ],
  ['a stray that outlived the job', [{ created: 10, submitted: 10, finished: 200 }], [10, 0, 90, 0]],
] as [string, Spans[], number[]][])('%s', (_what, spans, [queue, cold, upstream, overhead]) => {
  const ms = (seconds = 0): number => seconds * 1000;
  expect(runTimes(job, spans.map(attempt))).toEqual({
    queueMs: ms(queue),
    coldStartMs: ms(cold),
    upstreamMs: ms(upstream),
    overheadMs: ms(overhead),
    totalMs: 100_000,
  });
});

test('a job that nobody has tried has a whole and no parts', () => {
  expect(runTimes(job, [])).toMatchObject({ queueMs: null, upstreamMs: null, totalMs: 100_000 });
  expect(runTimes({ queuedAt: at(0), finishedAt: null }, []).totalMs).toBeNull();
});

test('while it runs the whole is not known', () => {
  const running = runTimes({ queuedAt: at(0), finishedAt: null }, [attempt({ created: 10, submitted: 12 })]);
  expect(running).toEqual({ queueMs: 10_000, coldStartMs: 0, upstreamMs: 0, overheadMs: null, totalMs: null });
});

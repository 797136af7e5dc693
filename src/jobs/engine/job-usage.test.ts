import type { AttemptRow, JobRow } from '../store/rows.js';
import { jobUsage, upstreamCostOf } from './job-usage.js';

const PRICE = {
  unit: 'second',
  rates: [{ when: {}, microUsd: 100_000 }],
  multiplier: 1,
  source: 'x',
  date: '2026-11-26',
};
const job = (more: Partial<JobRow> = {}): JobRow =>
  ({
    id: 'job_1',
    run: 2,
    status: 'succeeded',
    model: 'veo-3.1',
    endpoint: 'videos',
    route: { id: 'veo-3.1/vertex', provider: 'google', model: 'veo-3.1-generate', bridged: false, substituted: false },
    input: { duration_seconds: 8 },
    price: { amountMicroUsd: 1_600_001, multiplier: 2 },
    attempts: 3,
    sandbox: false,
    error: null,
    queuedAt: new Date('2026-11-26T10:00:00Z'),
    finishedAt: new Date('2026-11-26T10:01:00Z'),
    ...more,
  }) as JobRow;
const attempt = (state: AttemptRow['state'], upstream: bigint | null = null, sandbox = false): AttemptRow =>
  ({ state, upstreamCostMicroUsd: upstream, route: { sandbox, upstreamPrice: PRICE } }) as unknown as AttemptRow;

test('a run as a record', () => {
  const outputs = [
    { type: 'video', durationSeconds: 8.04 },
    { type: 'audio', durationSeconds: 2 },
    { type: 'image', durationSeconds: null },
  ];
  expect(jobUsage(job(), [attempt('succeeded')], outputs)).toMatchObject({
    endpoint: 'videos',
    model: 'veo-3.1',
    route: 'veo-3.1/vertex',
    provider: 'google',
    upstreamModel: 'veo-3.1-generate',
    status: 'ok',
    httpStatus: 200,
    usage: { mediaSeconds: 10.04, images: 1, inputTokens: 0 },
    upstreamCostMicroUsd: 800_000,
    latencyMs: 60_000,
    ttfbMs: null,
    attempts: 3,
    errorCode: null,
  });
});

test.each([
  ['succeeded', 'ok'],
  ['failed', 'failed'],
  ['canceled', 'canceled'],
] as const)('a job that %s is %s', (status, said) => {
  expect(jobUsage(job({ status }), [], []).status).toBe(said);
});

test('a job that never had a route has none', () => {
  const error = { code: 'deadline_exceeded', message: 'x', param: null, retryable: true };
  expect(jobUsage(job({ status: 'failed', route: null, error }), [], [])).toMatchObject({
    route: null,
    provider: null,
    upstreamModel: null,
    errorCode: 'deadline_exceeded',
  });
});

test.each([
  ['what the provider says comes first', [attempt('succeeded', 7n)], 7],
  ['a success without a bill costs the list price', [attempt('succeeded')], 800_000],
  ['a failure without a bill costs nothing', [attempt('failed'), attempt('lost'), attempt('canceled')], 0],
  ['a failure with a bill costs that', [attempt('failed', 5n), attempt('succeeded', 7n)], 12],
  ['the sandbox is free', [attempt('succeeded', 7n, true), attempt('succeeded', null, true)], 0],
] as const)('%s', (_what, attempts, microUsd) => {
  expect(upstreamCostOf(job(), attempts)).toBe(microUsd);
});

test('without its input a success costs what the client was asked for, less the multiplier', () => {
  expect(upstreamCostOf(job({ input: null as unknown as JobRow['input'] }), [attempt('succeeded')])).toBe(800_001);
});

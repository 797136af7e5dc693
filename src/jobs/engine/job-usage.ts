import type { OutputRow } from '../../assets/outputs.js';
import { priceOf } from '../../billing/price.js';
import { NO_USAGE, type UsageRecord, type UsageStatus } from '../../billing/usage.js';
import type { AttemptRow, JobRow } from '../store/rows.js';

const STATUSES: Readonly<Record<string, UsageStatus>> = { succeeded: 'ok', failed: 'failed', canceled: 'canceled' };

/** GET shows a job with 200, whatever became of it. */
const HTTP_STATUS = 200;

/** The usage record of a job's present run, which is over. `attempts` and `outputs` are those of the run. */
export function jobUsage(
  job: JobRow,
  attempts: readonly AttemptRow[],
  outputs: readonly Pick<OutputRow, 'type' | 'durationSeconds'>[],
): UsageRecord {
  const endedAt = job.finishedAt ?? job.updatedAt;
  return {
    endpoint: job.endpoint,
    model: job.model,
    route: job.route?.id ?? null,
    provider: job.route?.provider ?? null,
    upstreamModel: job.route?.model ?? null,
    status: STATUSES[job.status] ?? 'failed',
    httpStatus: HTTP_STATUS,
    usage: {
      ...NO_USAGE,
      images: outputs.filter(({ type }) => type === 'image').length,
      mediaSeconds: outputs.reduce(
        (sum, { type, durationSeconds }) => sum + (type === 'image' ? 0 : (durationSeconds ?? 0)),
        0,
      ),
    },
    upstreamCostMicroUsd: upstreamCostOf(job, attempts),
    latencyMs: endedAt.getTime() - job.queuedAt.getTime(),
    ttfbMs: null,
    attempts: job.attempts,
    streamed: false,
    sandbox: job.sandbox,
    errorCode: job.error?.code ?? null,
  };
}

/**
 * What a run's attempts cost Kiln, in micro-USD: what the provider said, else the list price of each that succeeded. Nobody
 * pays for the sandbox.
 */
export function upstreamCostOf(job: JobRow, attempts: readonly AttemptRow[]): number {
  return attempts.reduce((sum, attempt) => sum + costOf(job, attempt), 0);
}

function costOf(job: JobRow, { route, state, upstreamCostMicroUsd }: AttemptRow): number {
  if (route.sandbox) return 0;
  if (upstreamCostMicroUsd !== null) return Number(upstreamCostMicroUsd);
  return state === 'succeeded' ? listCost(job, route) : 0;
}

function listCost({ input, price, model }: JobRow, { upstreamPrice }: AttemptRow['route']): number {
  try {
    return priceOf(upstreamPrice, input, { id: model }).amountMicroUsd;
  } catch {
    // Retention took the input. A cost that can only be estimated must not keep the job's money open.
    return Math.ceil(price.amountMicroUsd / price.multiplier);
  }
}

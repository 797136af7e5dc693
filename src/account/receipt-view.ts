import type { LedgerRow } from '../billing/ledger.js';
import type { JsonObject, JsonValue } from '../common/json.js';
import type { AttemptRow, JobRow } from '../jobs/store/rows.js';
import { entryView, type EntryView } from './budget.js';
import { runTimes } from './receipt-times.js';
import type { UsageRow } from './receipts.repository.js';

/** Everything that the books and the engine know of one piece of work. */
export interface ReceiptParts {
  workId: string;
  /** Of every run, oldest first; at least one hold. */
  entries: readonly LedgerRow[];
  /** Of every run that is closed, oldest first. */
  usages: readonly UsageRow[];
  job: JobRow | null;
  /** Of every run, in order. */
  attempts: readonly AttemptRow[];
}

export interface ReceiptAttempt {
  id: string;
  run: number;
  route: string;
  provider: string;
  upstream_model: string;
  state: AttemptRow['state'];
  error: { code: string } | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

/** What one request or job was and cost. Of several runs the last one, but for attempts and ledger rows. */
export interface ReceiptView {
  id: string;
  object: 'receipt';
  request_id: string | null;
  job_id: string | null;
  run: number;
  endpoint: string | null;
  model: string | null;
  status: 'running' | 'ok' | 'failed' | 'canceled' | 'partial' | 'abandoned';
  http_status: number | null;
  error_code: string | null;
  streamed: boolean | null;
  sandbox: boolean | null;
  route: { id: string; provider: string | null; upstream_model: string | null } | null;
  times: {
    created_at: string;
    finished_at: string | null;
    queue_ms: number | null;
    cold_start_ms: number | null;
    overhead_ms: number | null;
    upstream_ms: number | null;
    first_byte_ms: number | null;
    total_ms: number | null;
  };
  attempt_count: number | null;
  attempts: ReceiptAttempt[];
  usage: JsonObject | null;
  price: JsonObject;
  cost: { held_micro_usd: number; charged_micro_usd: number | null; all_runs_charged_micro_usd: number };
  ledger: EntryView[];
}

const iso = (date: Date | null | undefined): string | null => date?.toISOString() ?? null;

export function receiptView(parts: ReceiptParts): ReceiptView {
  const { workId, entries, job, usages } = parts;
  const hold = entries.findLast(({ kind }) => kind === 'hold');
  if (!hold) throw new Error(`${workId} has rows and no hold`);
  const close = entries.find(({ run, kind }) => run === hold.run && kind !== 'hold');
  const usage = close ? usages.find(({ run }) => run === hold.run) : undefined;
  const isJob = workId.startsWith('job_');
  return {
    id: workId,
    object: 'receipt',
    request_id: isJob ? (job?.requestId ?? null) : workId,
    job_id: isJob ? workId : null,
    run: hold.run,
    endpoint: usage?.endpoint ?? job?.endpoint ?? null,
    model: usage?.model ?? job?.model ?? null,
    status: statusOf(close, usage),
    http_status: usage?.httpStatus ?? null,
    error_code: usage?.errorCode ?? null,
    streamed: usage?.streamed ?? null,
    sandbox: usage?.sandbox ?? job?.sandbox ?? null,
    route: routeOf(usage, job),
    times: timesOf(parts, hold, close, usage),
    attempt_count: usage?.attempts ?? job?.attempts ?? null,
    attempts: parts.attempts.map(attemptView),
    usage: usage ? usage.quantities : null,
    price: priceView(hold.price, usage?.route ?? null),
    cost: {
      held_micro_usd: hold.amountMicroUsd,
      charged_micro_usd: close ? chargeOf([close]) : null,
      all_runs_charged_micro_usd: chargeOf(entries),
    },
    ledger: entries.map(entryView),
  };
}

const chargeOf = (rows: readonly LedgerRow[]): number =>
  rows.reduce((sum, { kind, amountMicroUsd }) => sum + (kind === 'settle' ? amountMicroUsd : 0), 0);

/** Usage records go after 13 months, and there is none of a process that died. */
function statusOf(close: LedgerRow | undefined, usage: UsageRow | undefined): ReceiptView['status'] {
  if (!close) return 'running';
  if (usage) return usage.status;
  if (close.kind === 'settle') return 'ok';
  return close.reason === 'abandoned' || close.reason === 'canceled' ? close.reason : 'failed';
}

function routeOf(usage: UsageRow | undefined, job: JobRow | null): ReceiptView['route'] {
  if (usage?.route) return { id: usage.route, provider: usage.provider, upstream_model: usage.upstreamModel };
  return job?.route ? { id: job.route.id, provider: job.route.provider, upstream_model: job.route.model } : null;
}

function timesOf(
  { job, attempts }: ReceiptParts,
  hold: LedgerRow,
  close: LedgerRow | undefined,
  usage: UsageRow | undefined,
): ReceiptView['times'] {
  const times =
    job &&
    runTimes(
      job,
      attempts.filter(({ run }) => run === hold.run),
    );
  return {
    created_at: (job?.queuedAt ?? hold.createdAt).toISOString(),
    finished_at: iso(job ? job.finishedAt : close?.createdAt),
    queue_ms: times?.queueMs ?? null,
    cold_start_ms: times?.coldStartMs ?? null,
    overhead_ms: times?.overheadMs ?? null,
    upstream_ms: times?.upstreamMs ?? null,
    first_byte_ms: usage?.ttfbMs ?? null,
    total_ms: usage?.latencyMs ?? times?.totalMs ?? null,
  };
}

const attemptView = (attempt: AttemptRow): ReceiptAttempt => ({
  id: attempt.id,
  run: attempt.run,
  route: attempt.route.id,
  provider: attempt.provider,
  upstream_model: attempt.model,
  state: attempt.state,
  error: attempt.error && { code: attempt.error.code },
  created_at: attempt.createdAt.toISOString(),
  started_at: iso(attempt.submittedAt),
  finished_at: iso(attempt.finishedAt),
});

/** The snapshot that is kept with the hold, of several routes' prices that of the one that answered. */
function priceView(price: LedgerRow['price'], route: string | null): JsonObject {
  const { routes, ...rest } = inSnakeCase(price) as JsonObject;
  if (!Array.isArray(routes)) return rest;
  const answered = (routes as JsonObject[]).filter(({ id }) => id === route);
  return { ...rest, routes: answered.length > 0 ? answered : routes };
}

function inSnakeCase(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inSnakeCase);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snake(name), inSnakeCase(inner)]));
}

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

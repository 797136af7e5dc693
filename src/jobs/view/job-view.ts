import type { OutputView } from '../../assets/output-view.js';
import type { StoredReference } from '../../assets/references.js';
import type { JsonObject } from '../../common/json.js';
import type { DeliveryView } from '../../webhooks/delivery-view.js';
import type { AttemptState, JobStage, JobStatus } from '../domain/states.js';
import { isTerminal } from '../domain/states.js';
import type { AttemptRow, JobError, JobRow } from '../store/rows.js';

export interface AttemptView {
  id: string;
  run: number;
  route: string;
  provider: string;
  model: string;
  state: AttemptState;
  created_at: string;
  submitted_at: string | null;
  finished_at: string | null;
  error: { code: string } | null;
}

/** A job as clients see it, everywhere: GET, lists, SSE and webhooks. */
export interface JobView {
  id: string;
  object: 'job';
  status: JobStatus;
  stage: JobStage | null;
  model: string;
  run: number;
  progress: number | null;
  queue_position: number | null;
  eta_seconds: number | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  deadline_at: string;
  operation: string;
  input: JsonObject;
  outputs: OutputView[];
  error: JobError | null;
  cost: { held_micro_usd: number; charged_micro_usd: number | null };
  warnings: string[];
  attempts: AttemptView[];
  route: { id: string; provider: string; model: string; bridged: boolean; substituted: boolean } | null;
  webhook: { url: string; events: string[] | null; deliveries: DeliveryView[] } | null;
  metadata: JsonObject;
  sandbox: boolean;
  urls: { self: string; events: string; cancel: string };
}

export interface ViewParts {
  job: JobRow;
  outputs: OutputView[];
  attempts: AttemptRow[];
  deliveries: DeliveryView[];
  /** Of a waiting job, from the lane's simulation. */
  queue: { position: number; startsInSeconds: number } | null;
  urls: JobView['urls'];
  now: Date;
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function jobView({ job, outputs, attempts, deliveries, queue, urls, now }: ViewParts): JobView {
  return {
    id: job.id,
    object: 'job',
    status: job.status,
    stage: job.stage,
    model: job.model,
    run: job.run,
    progress: job.progress,
    queue_position: queue?.position ?? null,
    eta_seconds: etaSeconds(job, attempts, queue?.startsInSeconds ?? null, now),
    created_at: job.createdAt.toISOString(),
    started_at: iso(job.startedAt),
    finished_at: iso(job.finishedAt),
    expires_at: iso(job.expiresAt),
    deadline_at: job.deadlineAt.toISOString(),
    operation: job.operation,
    input: inputView(job),
    outputs: job.status === 'succeeded' ? outputs : [],
    error: job.error,
    cost: {
      held_micro_usd: Number(job.heldMicroUsd),
      charged_micro_usd: job.chargedMicroUsd === null ? null : Number(job.chargedMicroUsd),
    },
    warnings: job.warnings,
    attempts: attempts.map(attemptView),
    route: job.route,
    webhook: job.webhook && { url: job.webhook.url, events: job.webhook.events, deliveries },
    metadata: job.metadata,
    sandbox: job.sandbox,
    urls,
  };
}

/** Seconds until the end, from what this model's runs took lately; null once it can't be told. */
export function etaSeconds(
  job: JobRow,
  attempts: readonly AttemptRow[],
  startsInSeconds: number | null,
  now: Date,
): number | null {
  if (isTerminal(job.status)) return null;
  const elapsed = (since: Date | null): number => (since ? Math.max(now.getTime() - since.getTime(), 0) / 1000 : 0);
  switch (job.stage) {
    case 'preparing':
      return null;
    case 'waiting':
      return startsInSeconds === null ? null : Math.ceil(startsInSeconds + job.expectedSeconds);
    case 'submitting':
      return Math.ceil(job.expectedSeconds);
    case 'generating': {
      const running = elapsed(attempts.at(-1)?.submittedAt ?? null);
      const byTime = job.expectedSeconds - running;
      // Little progress says little: weigh it by how far the run is.
      const byProgress =
        job.progress !== null && job.progress > 0.05 ? (running / job.progress) * (1 - job.progress) : byTime;
      const weight = job.progress ?? 0;
      return Math.max(Math.ceil(byTime * (1 - weight) + byProgress * weight), 1);
    }
    case 'storing':
    case 'processing':
      return 1;
    case null:
      return null;
  }
}

/** The request's input with its references as they were given; the bytes of a data URI became an upload. */
function inputView(job: JobRow): JsonObject {
  const input: JsonObject = { ...job.input };
  for (const reference of job.references) {
    const shown = shownSource(reference.source);
    const list = /\[\d+\]$/.test(reference.param);
    const before = input[reference.role];
    input[reference.role] = list ? [...(Array.isArray(before) ? before : []), shown] : shown;
  }
  return input;
}

function shownSource(source: StoredReference['source']): JsonObject {
  switch (source.kind) {
    case 'upload':
      return { upload_id: source.id };
    case 'url':
      return { url: source.url };
    case 'output':
      return { job_id: source.jobId, output: source.output };
  }
}

function attemptView(attempt: AttemptRow): AttemptView {
  return {
    id: attempt.id,
    run: attempt.run,
    route: attempt.route.id,
    provider: attempt.provider,
    model: attempt.model,
    state: attempt.state,
    created_at: attempt.createdAt.toISOString(),
    submitted_at: iso(attempt.submittedAt),
    finished_at: iso(attempt.finishedAt),
    error: attempt.error && { code: attempt.error.code },
  };
}

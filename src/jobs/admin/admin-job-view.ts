import type { JsonValue } from '../../common/json.js';
import type { AttemptError, AttemptRow, JobRow } from '../store/rows.js';
import type { AttemptView, JobView } from '../view/job-view.js';

/** An attempt as ops see it: where it ran, what identifies it at the provider, and the error as the provider gave it. */
export interface AdminAttemptView extends Omit<AttemptView, 'error'> {
  seq: number;
  lane: string;
  endpoint: string;
  credential: string | null;
  token: string;
  task_id: JsonValue | null;
  tries: number;
  polls: number;
  slot_until: string | null;
  lease_until: string | null;
  cancel_requested_at: string | null;
  upstream_cost_micro_usd: number | null;
  error: AttemptError | null;
}

/** The job as clients see it, with what only ops may know. */
export interface AdminJobView extends Omit<JobView, 'attempts'> {
  key_id: string;
  lane: string | null;
  wake_at: string | null;
  claims: number;
  quarantine: { reason: string | null; at: string } | null;
  attempts: AdminAttemptView[];
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function adminJobView(view: JobView, job: JobRow, attempts: readonly AttemptRow[]): AdminJobView {
  return {
    ...view,
    key_id: job.keyId,
    lane: job.lane,
    wake_at: iso(job.wakeAt),
    claims: job.claims,
    quarantine: job.quarantinedAt && { reason: job.quarantineReason, at: job.quarantinedAt.toISOString() },
    attempts: attempts.map(adminAttemptView),
  };
}

export function adminAttemptView(attempt: AttemptRow): AdminAttemptView {
  return {
    id: attempt.id,
    run: attempt.run,
    seq: attempt.seq,
    route: attempt.route.id,
    provider: attempt.provider,
    model: attempt.model,
    state: attempt.state,
    lane: attempt.lane,
    endpoint: attempt.endpoint,
    credential: attempt.credential,
    token: attempt.token,
    task_id: attempt.taskId,
    tries: attempt.tries,
    polls: attempt.polls,
    slot_until: iso(attempt.slotUntil),
    lease_until: iso(attempt.leaseUntil),
    cancel_requested_at: iso(attempt.cancelRequestedAt),
    upstream_cost_micro_usd: attempt.upstreamCostMicroUsd === null ? null : Number(attempt.upstreamCostMicroUsd),
    created_at: attempt.createdAt.toISOString(),
    submitted_at: iso(attempt.submittedAt),
    finished_at: iso(attempt.finishedAt),
    error: attempt.error,
  };
}

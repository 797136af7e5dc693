/** What a client sees. A job is live while it is `queued` or `running`. */
export const JOB_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/**
 * What the engine does next with a live job; a terminal job has none.
 *
 * - `preparing`: references are being fetched and decoded, outside the lane.
 * - `waiting`: for a slot of its lane; public status `queued` at first, `running` after a failover or back-off.
 * - `submitting`: an attempt is reserved, and the request may be on the wire.
 * - `generating`: the provider works; the engine polls.
 * - `storing`: the provider succeeded; its artifacts are being copied into the object store.
 * - `processing`: facts, poster, preview and the rest are being made.
 */
export const JOB_STAGES = ['preparing', 'waiting', 'submitting', 'generating', 'storing', 'processing'] as const;
export type JobStage = (typeof JOB_STAGES)[number];

/**
 * One try on one route.
 *
 * - `reserved`: has a slot, nothing was sent. `submitting`: the request may be on the wire, under a lease.
 * - `running`: the provider gave a task id. `unknown`: it may have bought something, and nobody knows.
 * - `orphan`: a task id that came back to a claim which no longer owned the attempt; canceled and reconciled.
 * - `lost`: given up after `unknown_ttl` or because the provider forgot it; the platform bears the cost.
 */
export const ATTEMPT_STATES = [
  'reserved',
  'submitting',
  'running',
  'unknown',
  'succeeded',
  'failed',
  'canceled',
  'orphan',
  'lost',
] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

/** States in which the provider may still be working or charging; the engine tends these on terminal jobs too. */
export const OPEN_ATTEMPT_STATES = [
  'reserved',
  'submitting',
  'running',
  'unknown',
  'orphan',
] as const satisfies readonly AttemptState[];

export const isTerminal = (status: JobStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'canceled';

export const isOpenAttempt = (state: AttemptState): boolean =>
  (OPEN_ATTEMPT_STATES as readonly string[]).includes(state);

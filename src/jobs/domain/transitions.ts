import type { JobStage, JobStatus } from './states.js';
import { isTerminal } from './states.js';

/** Where a job stands: terminal statuses have no stage. */
export interface Position {
  status: JobStatus;
  stage: JobStage | null;
}

const at = (status: JobStatus, stage: JobStage | null = null): Position => ({ status, stage });

const PREPARING = at('queued', 'preparing');
const QUEUED = at('queued', 'waiting');
const REQUEUED = at('running', 'waiting');
const SUBMITTING = at('running', 'submitting');
const GENERATING = at('running', 'generating');
const STORING = at('running', 'storing');
const PROCESSING = at('running', 'processing');
const LIVE = [PREPARING, QUEUED, REQUEUED, SUBMITTING, GENERATING, STORING, PROCESSING];

/** Every position a new job may start in. */
export const INITIAL_POSITIONS: readonly Position[] = [PREPARING, QUEUED];

/**
 * Every legal move of a job, and the only place that names them. The SQL guard of a transition is made from `from`, the
 * diagram in docs/architecture.md from the whole table.
 */
export const TRANSITIONS = {
  /** References are safe copies of ours now. */
  prepared: { from: [PREPARING], to: QUEUED },
  /** Admission gave it a slot and an attempt. */
  admitted: { from: [QUEUED, REQUEUED], to: SUBMITTING },
  /** The provider took it and gave a task id. */
  submitted: { from: [SUBMITTING], to: GENERATING },
  /** Nothing was bought, or the attempt is closed: wait for another slot, on this route or the next. */
  requeued: { from: [SUBMITTING, GENERATING], to: REQUEUED },
  /** Same, for a job that never left the queue: its route was paused or is cooling down. */
  rerouted: { from: [QUEUED], to: QUEUED },
  rerouted_again: { from: [REQUEUED], to: REQUEUED },
  provider_succeeded: { from: [SUBMITTING, GENERATING], to: STORING },
  /** The result link died before it was read: ask the provider for another. */
  link_expired: { from: [STORING], to: GENERATING },
  stored: { from: [STORING], to: PROCESSING },
  succeeded: { from: [PROCESSING], to: at('succeeded') },
  failed: { from: LIVE, to: at('failed') },
  canceled: { from: LIVE, to: at('canceled') },
  replayed: { from: [at('failed'), at('canceled')], to: QUEUED },
  replayed_with_references: { from: [at('failed'), at('canceled')], to: PREPARING },
} as const satisfies Record<string, { from: readonly Position[]; to: Position }>;

export type Transition = keyof typeof TRANSITIONS;

/** Where `transition` leads from `position`, or null when it is not legal there. */
export function next(position: Position, transition: Transition): Position | null {
  const { from, to } = TRANSITIONS[transition] as { from: readonly Position[]; to: Position };
  return from.some((one) => one.status === position.status && one.stage === position.stage) ? to : null;
}

/** The job_event type and webhook event of a move, as clients see it. */
export function eventType(transition: Transition): string {
  const { to } = TRANSITIONS[transition];
  if (isTerminal(to.status)) return `job.${to.status}`;
  if (transition === 'admitted') return 'job.running';
  if (transition === 'replayed' || transition === 'replayed_with_references') return 'job.queued';
  return `job.${to.stage}`;
}

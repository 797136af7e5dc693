import type { JsonObject, JsonValue } from '../../common/json.js';
import type { PriceSnapshot } from '../../billing/price.js';
import type { JobEndpoint } from '../../billing/usage.js';
import type { PreparedReference, StoredReference } from '../../assets/references.js';
import type { Route } from '../../catalog/schema.js';
import type { Artifact, Modality } from '../../providers/contract.js';
import type { RoutingOptions } from '../../routing/plan.js';
import type { AttemptState, JobStage, JobStatus } from '../domain/states.js';

/** Why a job failed, as clients see it. */
export interface JobError {
  code: string;
  message: string;
  param: string | null;
  retryable: boolean;
}

export interface JobWebhook {
  url: string;
  events: string[] | null;
}

/** A row of `job`, in the shape the code uses. Money is integer micro-USD. */
export interface JobRow {
  id: string;
  keyId: string;
  run: number;
  status: JobStatus;
  stage: JobStage | null;
  model: string;
  modality: Modality;
  operation: string;
  input: JsonObject;
  providerOptions: JsonObject;
  routing: RoutingOptions;
  webhook: JobWebhook | null;
  metadata: JsonObject;
  priority: number;
  sandbox: boolean;
  references: (StoredReference | PreparedReference)[];
  plan: Route[];
  planIndex: number;
  lane: string | null;
  route: JobRoute | null;
  expectedSeconds: number;
  readyAt: Date;
  failover: boolean;
  attempts: number;
  progress: number | null;
  heldMicroUsd: bigint;
  chargedMicroUsd: bigint | null;
  price: PriceSnapshot;
  error: JobError | null;
  warnings: string[];
  deadlineAt: Date;
  startBy: Date | null;
  retentionSeconds: number;
  wakeAt: Date | null;
  ring: number;
  tick: number;
  claims: number;
  claimToken: string | null;
  claimUntil: Date | null;
  quarantineReason: string | null;
  quarantinedAt: Date | null;
  version: number;
  eventSeq: number;
  createdAt: Date;
  queuedAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  expiresAt: Date | null;
  updatedAt: Date;
  deletedAt: Date | null;
  /** Of the request that made it; null where it is older than this column. */
  requestId: string | null;
  endpoint: JobEndpoint;
}

/** The route that a job shows: the one it is on, or the one that answered. */
export interface JobRoute {
  id: string;
  provider: string;
  model: string;
  bridged: boolean;
  substituted: boolean;
}

export interface AttemptRow {
  id: string;
  jobId: string;
  keyId: string;
  run: number;
  seq: number;
  lane: string;
  route: Route;
  provider: string;
  model: string;
  credential: string | null;
  endpoint: string;
  token: string;
  taskId: JsonValue | null;
  artifacts: Artifact[] | null;
  state: AttemptState;
  leaseToken: string | null;
  leaseUntil: Date | null;
  wakeAt: Date | null;
  slotUntil: Date | null;
  polls: number;
  missing: number;
  tries: number;
  freshLinks: number;
  progress: number | null;
  cancelRequestedAt: Date | null;
  /** When a callback last rang. */
  rungAt: Date | null;
  error: AttemptError | null;
  upstreamCostMicroUsd: bigint | null;
  createdAt: Date;
  submittedAt: Date | null;
  providerDoneAt: Date | null;
  finishedAt: Date | null;
}

/** A task beside the attempt whose token it has, whether it still runs or has ended. `ofRun`: the run's attempts. */
export const isOrphan = (attempt: AttemptRow, ofRun: readonly AttemptRow[]): boolean =>
  attempt.state === 'orphan' || ofRun.some((one) => one.token === attempt.token && one.seq < attempt.seq);

/** What ops see of a failed attempt; clients get `code` and the public text of the error table. */
export interface AttemptError {
  code: string;
  kind: string;
  outcome: 'rejected' | 'unknown';
  message: string;
  upstreamStatus?: number;
}

export interface EventRow {
  jobId: string;
  seq: number;
  type: string;
  data: JsonObject;
  createdAt: Date;
}

/** There are few columns and very many rows. */
const FIELDS = new Map<string, string>();

function fieldOf(column: string): string {
  const known = FIELDS.get(column);
  if (known !== undefined) return known;
  const field = column.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
  FIELDS.set(column, field);
  return field;
}

/** snake_case columns of a raw row as camelCase fields. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the shape its SQL has
export function camelRow<T>(row: object): T {
  const fields: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) fields[fieldOf(column)] = value;
  return fields as T;
}

import { Injectable } from '@nestjs/common';
import { References } from '../../assets/references.js';
import { affordableOf } from '../../billing/affordable.js';
import { type FullBudget, overBudget } from '../../billing/ledger.js';
import { isValidInput } from '../../catalog/input.js';
import { conflict, KilnError } from '../../common/errors.js';
import { newId, sha256Hex } from '../../common/ids.js';
import { canonicalJson } from '../../common/json.js';
import { KilnConfig } from '../../config/config.js';
import { keyReused } from '../../idempotency/idempotency-key.js';
import { JOB_ENDPOINTS } from '../../billing/usage.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { currentRequestId } from '../../telemetry/request-id.js';
import { Webhooks } from '../../webhooks/webhooks.js';
import { Admission } from '../admission/admission.js';
import type { Route } from '../../catalog/schema.js';
import { WarmthRepository } from '../../upstreams/warmth.repository.js';
import { reach } from '../store/fault-points.js';
import { JobQueue } from '../store/job-queue.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import type { CreateJobBody } from './bodies.js';
import { CreateRepository, type FacadeOrigin, type IdempotencyClaim, type NewJob } from './create.repository.js';
import { JobRequests, type JobRequest } from './request.js';

const PRIORITIES = { low: 0, normal: 1, high: 2 } as const;
const RETRY_WHEN_FULL_SECONDS = 10;
export const CREATE_PATH = '/v1/jobs';

/** The request of another endpoint that is answered by a job; `fingerprint` is of its body as it came. */
export interface FacadeRequest extends FacadeOrigin {
  path: string;
}

/** Gets an accepted job going. */
@Injectable()
export class JobStart {
  constructor(
    private readonly admission: Admission,
    private readonly queue: JobQueue,
    private readonly warmth: WarmthRepository,
  ) {}

  begin(job: JobRow, wake: Route | null): void {
    // A lost request to wake costs little: the job itself, or the next one, finds the endpoint asleep.
    if (wake) void this.warmth.ask(wake.endpoints).catch(() => undefined);
    if (job.stage === 'waiting' && job.lane !== null) this.admission.nudge(job.lane);
    if (job.stage === 'preparing') void this.queue.tick('media', job.id, job.tick).catch(() => undefined);
  }
}

/** Accepts jobs. After the statement that inserts one, everything else is only quickness: the reconciler would do it too. */
@Injectable()
export class JobCreation {
  constructor(
    private readonly requests: JobRequests,
    private readonly rows: CreateRepository,
    private readonly jobs: JobsRepository,
    private readonly references: References,
    private readonly webhooks: Webhooks,
    private readonly start: JobStart,
    private readonly config: KilnConfig,
  ) {}

  /** `created` is false where the idempotency key, or a facade's repeated request, attached to an earlier job. */
  async create(
    key: AuthKey,
    body: CreateJobBody,
    idempotencyKey: string | null,
    facade: FacadeRequest | null = null,
  ): Promise<{ job: JobRow; created: boolean }> {
    const claim = idempotencyKey === null ? null : claimOf(key, body, idempotencyKey, facade);
    const origin = facade && originOf(facade);
    const sentBefore = async () =>
      claim ? this.rows.findKnown(claim) : origin?.isRepeat ? this.rows.findRepeated(key.id, origin) : null;
    // Before anything is judged: a retry must find its job even where the same request would be refused by now.
    const known = await sentBefore();
    if (known) return this.attach(known.jobId, known.same);

    const request = await this.requests.read(key, body);
    if (body.webhook) await this.webhooks.assertTarget(body.webhook.url, 'webhook.url');
    const refusal = await this.refusalOf(key, body, request);
    if (refusal) {
      // What takes the last place or money may be the very job that this repeats, created since the first look.
      const meanwhile = await sentBefore();
      if (meanwhile) return this.attach(meanwhile.jobId, meanwhile.same);
      throw refusal;
    }
    const stored =
      request.parsed.references.length === 0 ? [] : await this.references.accept(key.id, request.parsed.references);
    const row = this.rowOf(key, body, request, stored, origin);
    const created = await this.rows.create({ ...row, ...madeBy(facade) }, claim, key.maxQueuedJobs);
    switch (created.kind) {
      case 'known':
        return this.attach(created.jobId, created.same);
      case 'asset_gone':
        throw conflict('A referenced upload or output was deleted while the job was being created.', 'asset_deleted');
      case 'full':
        throw tooMany(created.queued, key);
      case 'over_budget':
        throw tooDear(created.full, body, request);
      case 'created':
        await reach('create.inserted', created.job.id);
        this.start.begin(created.job, request.wake);
        return { job: created.job, created: true };
    }
  }

  private async attach(jobId: string, same: boolean): Promise<{ job: JobRow; created: boolean }> {
    if (!same) throw keyReused();
    const job = await this.jobs.byId(jobId);
    if (!job || job.deletedAt) throw conflict('The job of this Idempotency-Key was deleted.', 'job_deleted');
    return { job, created: false };
  }

  /**
   * Early, so that nothing is written and no media taken in for a job that a full queue or a spent budget refuses. What
   * counts is the count, and the sum, beside the insert. Null: there is room.
   */
  private async refusalOf(key: AuthKey, body: CreateJobBody, request: JobRequest): Promise<KilnError | null> {
    if (key.maxQueuedJobs !== null) {
      const queued = await this.rows.countQueued(key.id);
      if (queued >= key.maxQueuedJobs) return tooMany(queued, key);
    }
    if (key.dailyBudgetMicroUsd === null) return null;
    const full = await this.rows.findFullBudget(key.id, request.price.amountMicroUsd);
    return full && tooDear(full, body, request);
  }

  private rowOf(
    key: AuthKey,
    body: CreateJobBody,
    request: JobRequest,
    references: NewJob['references'],
    facade: FacadeOrigin | null,
  ): Omit<NewJob, 'requestId' | 'endpoint'> {
    const { model, parsed } = request;
    return {
      id: newId('job'),
      keyId: key.id,
      model: model.id,
      modality: model.modality,
      operation: parsed.operation,
      input: parsed.input,
      providerOptions: request.providerOptions,
      routing: request.routing,
      webhook: body.webhook ? { url: body.webhook.url, events: body.webhook.events ?? null } : null,
      metadata: body.metadata ?? {},
      priority: PRIORITIES[body.priority ?? 'normal'],
      sandbox: request.sandbox,
      references,
      plan: request.routes,
      expectedSeconds: request.expectedSeconds,
      price: request.price,
      deadlineSeconds: body.deadline_seconds ?? model.deadlineSeconds,
      startTimeoutSeconds: body.start_timeout_seconds ?? null,
      retentionSeconds: body.retention_seconds ?? this.config.retention.outputSeconds,
      facade,
    };
  }
}

const tooMany = (queued: number, key: AuthKey): KilnError =>
  new KilnError(429, 'rate_limit_exceeded', `This key has ${queued} jobs waiting; its limit is ${key.maxQueuedJobs}.`, {
    retryAfterSeconds: RETRY_WHEN_FULL_SECONDS,
  });

function tooDear(full: FullBudget, body: CreateJobBody, { model, parsed, price }: JobRequest): KilnError {
  const isAllowed = (name: string, value: number): boolean => isValidInput(model, { ...body.input, [name]: value });
  return overBudget(full, price, (leftMicroUsd) => affordableOf(model, parsed.input, leftMicroUsd, isAllowed));
}

/** The hash is of parsed fields, so that spacing and key order do not matter; a data URI's bytes are in its text. */
const claimOf = (
  { id }: AuthKey,
  body: CreateJobBody,
  key: string,
  facade: FacadeRequest | null,
): IdempotencyClaim => ({
  keyId: id,
  path: facade?.path ?? CREATE_PATH,
  key,
  fingerprint: facade?.fingerprint ?? sha256Hex(canonicalJson(body)),
});

/** `/v1/videos/{id}/remix` is `videos.remix`; ids are the parts with an underscore. */
function madeBy(facade: FacadeRequest | null): Pick<NewJob, 'requestId' | 'endpoint'> {
  const parts = (facade?.path ?? CREATE_PATH).split('/').filter((part) => part !== 'v1' && !part.includes('_'));
  const name = parts.filter((part) => part !== '').join('.');
  return {
    requestId: currentRequestId() ?? null,
    endpoint: JOB_ENDPOINTS.find((one) => one === name) ?? 'jobs',
  };
}

const originOf = ({ path, fingerprint, isRepeat, ageMs }: FacadeRequest): FacadeOrigin => ({
  fingerprint: sha256Hex(`${path}\n${fingerprint}`),
  isRepeat,
  ageMs,
});

import { Injectable } from '@nestjs/common';
import { type FullBudget, type Hold, Ledger, overBudgetIn } from '../../billing/ledger.js';
import { References, type StoredReference } from '../../assets/references.js';
import { Database, execute, queryRow, sql, sqlEmpty, type Sql, type Tx } from '../../database/database.js';
import { IdempotencyRepository, type IdempotencyScope } from '../../idempotency/idempotency.repository.js';
import type { PriceSnapshot } from '../../billing/price.js';
import type { JobEndpoint } from '../../billing/usage.js';
import type { Route } from '../../catalog/schema.js';
import type { JsonObject } from '../../common/json.js';
import type { RoutingOptions } from '../../routing/plan.js';
import { JOB_COLUMNS } from '../store/columns.js';
import { camelRow, type JobRow, type JobWebhook } from '../store/rows.js';

export interface NewJob {
  id: string;
  keyId: string;
  model: string;
  modality: string;
  operation: string;
  input: JsonObject;
  providerOptions: JsonObject;
  routing: RoutingOptions;
  webhook: JobWebhook | null;
  metadata: JsonObject;
  priority: number;
  sandbox: boolean;
  references: StoredReference[];
  plan: Route[];
  expectedSeconds: number;
  price: PriceSnapshot;
  deadlineSeconds: number;
  startTimeoutSeconds: number | null;
  retentionSeconds: number;
  facade: FacadeOrigin | null;
  requestId: string | null;
  endpoint: JobEndpoint;
}

/** A facade's request, which its client may send again with nothing but the word that it does. */
export interface FacadeOrigin {
  /** SHA-256 of path and body. */
  fingerprint: string;
  /** The client says that it has sent this before. */
  isRepeat: boolean;
  /** Milliseconds since the request arrived. */
  ageMs: () => number;
}

export interface IdempotencyClaim extends IdempotencyScope {
  fingerprint: string;
}

export type Created =
  | { kind: 'created'; job: JobRow }
  /** The key was used or the request was sent before, by `jobId`; `same` tells whether for the same request. */
  | { kind: 'known'; jobId: string; same: boolean }
  /** A referenced asset was deleted between the check and the insert. */
  | { kind: 'asset_gone' }
  /** As many jobs wait already as the key may have waiting. */
  | { kind: 'full'; queued: number }
  /** The key's day has no room for the price. */
  | { kind: 'over_budget'; full: FullBudget };

const CONSTANT = sql`SELECT 1 AS one`;
/** Advisory lock class of keys whose waiting jobs are counted: "room". */
const ROOM_LOCK = 0x726f6f6d;
/** Advisory lock class of facade requests that may be the same: "same". */
const SAME_LOCK = 0x73616d65;
/** How long a repeated facade request finds the job of the first. */
const REPEAT_LIFE = sql`interval '10 minutes'`;
/** Two clocks measured a request's age: the process's and the database's. */
const AGE_MARGIN_MS = 1000;

/**
 * Accepts a job: idempotency, job, pins and hold stand in one statement, which is one transaction and one round trip, and
 * undoes itself where the budget has no room.
 */
@Injectable()
export class CreateRepository {
  constructor(
    private readonly db: Database,
    private readonly ledger: Ledger,
    private readonly references: References,
    private readonly idempotency: IdempotencyRepository,
  ) {}

  /** What is refused is undone as a whole: no job, no idempotency key, no pin. */
  async create(job: NewJob, idempotency: IdempotencyClaim | null, maxQueued: number | null): Promise<Created> {
    return this.accept(job, idempotency, maxQueued).catch((error: unknown) => {
      const full = overBudgetIn(error);
      if (full === null) throw error;
      return { kind: 'over_budget', full };
    });
  }

  /** The key's day, where it has no room for this. */
  async findFullBudget(keyId: string, amountMicroUsd: number): Promise<FullBudget | null> {
    return this.ledger.findFull(keyId, amountMicroUsd);
  }

  /**
   * The job that another sending of the same facade request has made. A repetition takes the newest of the last 10 minutes
   * that has not come to nothing. A first sending takes one that a repetition made since it arrived: its client gave it up
   * while it was on its way, and asked again.
   */
  async findRepeated(
    keyId: string,
    { fingerprint, isRepeat, ageMs }: FacadeOrigin,
    db: Tx = this.db,
  ): Promise<Extract<Created, { kind: 'known' }> | null> {
    const since = sql`now() - ${ageMs() + AGE_MARGIN_MS}::float8 * interval '1 millisecond'`;
    const which = isRepeat
      ? sql`created_at > now() - ${REPEAT_LIFE} AND status NOT IN ('failed', 'canceled')`
      : sql`created_at > ${since} AND is_repeat`;
    const row = await queryRow<{ id: string }>(
      db,
      sql`SELECT id FROM job WHERE key_id = ${keyId} AND fingerprint = ${fingerprint} AND deleted_at IS NULL AND ${which}
          ORDER BY id DESC LIMIT 1`,
    );
    return row && { kind: 'known', jobId: row.id, same: true };
  }

  /** The job an idempotency key stands for; null when the key is free. */
  async findKnown(claim: IdempotencyClaim, db: Tx = this.db): Promise<Extract<Created, { kind: 'known' }> | null> {
    const row = await this.idempotency.find(claim, db);
    return row?.workId ? { kind: 'known', jobId: row.workId, same: row.fingerprint === claim.fingerprint } : null;
  }

  async countQueued(keyId: string, db: Tx = this.db): Promise<number> {
    const row = await queryRow<{ n: bigint }>(
      db,
      sql`SELECT count(*) AS n FROM job WHERE key_id = ${keyId} AND status IN ('queued', 'running') AND stage IN ('waiting', 'preparing')`,
    );
    return Number(row?.n ?? 0);
  }

  /**
   * With `maxQueued` creations of one key stand in line, for two that count at once would both find room. So do those of one
   * facade request without a key: a first one that is still on its way and its repetition would otherwise both insert.
   */
  private async accept(job: NewJob, idempotency: IdempotencyClaim | null, maxQueued: number | null): Promise<Created> {
    const facade = idempotency === null ? job.facade : null;
    if (maxQueued === null && facade === null) return this.insert(this.db, job, idempotency);
    return this.db.transaction(async (tx) => {
      if (facade) {
        await execute(tx, sql`SELECT pg_advisory_xact_lock(${SAME_LOCK}::int, hashtext(${facade.fingerprint}))`);
        const earlier = await this.findRepeated(job.keyId, facade, tx);
        if (earlier) return earlier;
      }
      if (maxQueued === null) return this.insert(tx, job, idempotency);
      await execute(tx, sql`SELECT pg_advisory_xact_lock(${ROOM_LOCK}::int, hashtext(${job.keyId}))`);
      const queued = await this.countQueued(job.keyId, tx);
      if (queued < maxQueued) return this.insert(tx, job, idempotency);
      return (idempotency && (await this.findKnown(idempotency, tx))) ?? { kind: 'full', queued };
    });
  }

  private async insert(db: Tx, job: NewJob, idempotency: IdempotencyClaim | null): Promise<Created> {
    const hold: Hold = {
      keyId: job.keyId,
      workId: job.id,
      run: 1,
      amountMicroUsd: job.price.amountMicroUsd,
      price: job.price,
      from: sql`created`,
    };
    const { ctes, fits } = this.ledger.holdSql(hold);
    const pins = this.references.pinCtes(job.id, job.references, sql`created`);
    const accepted = idempotency
      ? this.idempotency.claimForWork(idempotency, idempotency.fingerprint, job.id)
      : CONSTANT;
    const row = await queryRow(
      db,
      sql`WITH accepted AS (${accepted}),
            created AS (${insertSql(job)}),
            ${pins ? sql`${pins},` : sqlEmpty}
            ${ctes}
          SELECT * FROM created WHERE ${fits}`,
      // References vary the statement, pins or none.
      job.references.length > 0 ? undefined : { name: idempotency ? 'job.create.once' : 'job.create' },
    );
    if (row) return { kind: 'created', job: camelRow<JobRow>(row) };
    return (idempotency && (await this.findKnown(idempotency, db))) ?? { kind: 'asset_gone' };
  }
}

function insertSql(job: NewJob): Sql {
  const preparing = job.references.length > 0;
  const json = (value: unknown): Sql => sql`${JSON.stringify(value)}::jsonb`;
  const deadline = sql`now() + ${job.deadlineSeconds}::float8 * interval '1 second'`;
  const startBy = sql`now() + ${job.startTimeoutSeconds}::float8 * interval '1 second'`;
  return sql`INSERT INTO job (id, key_id, status, stage, model, modality, operation, input, provider_options, routing, webhook, metadata, priority, sandbox,
      "references", plan, lane, expected_seconds, held_micro_usd, price, deadline_at, start_by, retention_seconds, wake_at, tick, ring,
      fingerprint, is_repeat, request_id, endpoint)
    SELECT ${job.id}, ${job.keyId}, 'queued', ${preparing ? 'preparing' : 'waiting'}, ${job.model}, ${job.modality}, ${job.operation}, ${json(job.input)},
      ${json(job.providerOptions)}, ${json(job.routing)}, ${job.webhook && JSON.stringify(job.webhook)}::jsonb, ${json(job.metadata)},
      ${job.priority}::smallint, ${job.sandbox}::boolean, ${json(job.references)}, ${json(job.plan)}, ${job.plan[0]?.lane ?? null}, ${job.expectedSeconds}::float8,
      ${job.price.amountMicroUsd}::bigint, ${json(job.price)}, ${deadline}, ${startBy}, ${job.retentionSeconds}::int,
      ${preparing ? sql`now()` : sql`least(${deadline}, ${startBy})`}, ${preparing ? 1 : 0}::int, ${preparing ? 1 : 0}::int,
      ${job.facade?.fingerprint ?? null}::text, ${job.facade?.isRepeat ?? false}::boolean, ${job.requestId}::text, ${job.endpoint}::text
    FROM accepted RETURNING ${JOB_COLUMNS}`;
}

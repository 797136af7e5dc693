import { Injectable } from '@nestjs/common';
import type { Hold } from '../../billing/ledger.js';
import { Ledger } from '../../billing/ledger.js';
import { References, type StoredReference } from '../../assets/references.js';
import { Database, queryRow, sql, sqlEmpty, type Sql } from '../../database/database.js';
import type { PriceSnapshot } from '../../billing/price.js';
import type { Route } from '../../catalog/schema.js';
import type { JsonObject } from '../../common/json.js';
import type { RoutingOptions } from '../../routing/plan.js';
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
}

export interface IdempotencyClaim {
  path: string;
  key: string;
  fingerprint: string;
}

export type Created =
  | { kind: 'created'; job: JobRow }
  /** The key was used before, by `jobId`; `same` tells whether for the same request. */
  | { kind: 'known'; jobId: string; same: boolean }
  /** A referenced asset was deleted between the check and the insert. */
  | { kind: 'asset_gone' };

const CONSTANT = sql`SELECT 1 AS one`;

/** Accepts a job: idempotency, job and hold stand in one statement, which is one transaction and one round trip. */
@Injectable()
export class CreateRepository {
  constructor(
    private readonly db: Database,
    private readonly ledger: Ledger,
    private readonly references: References,
  ) {}

  async create(job: NewJob, idempotency: IdempotencyClaim | null): Promise<Created> {
    const hold: Hold = {
      keyId: job.keyId,
      workId: job.id,
      run: 1,
      amountMicroUsd: job.price.amountMicroUsd,
      price: job.price,
      from: sql`created`,
    };
    const pins = this.references.pinCtes(job.id, job.references, sql`created`);
    const row = await queryRow(
      this.db,
      sql`WITH accepted AS (${idempotency ? claimSql(job, idempotency) : CONSTANT}),
            created AS (${insertSql(job)}),
            ${pins ? sql`${pins},` : sqlEmpty}
            ${this.ledger.holdCtes(hold)}
          SELECT * FROM created`,
    );
    if (row) return { kind: 'created', job: camelRow<JobRow>(row) };
    if (!idempotency) return { kind: 'asset_gone' };
    return (await this.findKnown(job.keyId, idempotency)) ?? { kind: 'asset_gone' };
  }

  /** What an idempotency key stands for; null when it is free. Older ones than a day are free again. */
  async findKnown(keyId: string, claim: IdempotencyClaim): Promise<Extract<Created, { kind: 'known' }> | null> {
    const row = await queryRow<{ fingerprint: string; workId: string | null }>(
      this.db,
      sql`SELECT fingerprint, work_id AS "workId" FROM idempotency
          WHERE key_id = ${keyId} AND path = ${claim.path} AND idem_key = ${claim.key} AND created_at > now() - interval '24 hours'`,
    );
    return row?.workId ? { kind: 'known', jobId: row.workId, same: row.fingerprint === claim.fingerprint } : null;
  }

  async countQueued(keyId: string): Promise<number> {
    const row = await queryRow<{ n: bigint }>(
      this.db,
      sql`SELECT count(*) AS n FROM job WHERE key_id = ${keyId} AND status IN ('queued', 'running') AND stage IN ('waiting', 'preparing')`,
    );
    return Number(row?.n ?? 0);
  }
}

function claimSql(job: NewJob, { path, key, fingerprint }: IdempotencyClaim): Sql {
  return sql`INSERT INTO idempotency (key_id, path, idem_key, fingerprint, work_id)
    VALUES (${job.keyId}, ${path}, ${key}, ${fingerprint}, ${job.id})
    ON CONFLICT (key_id, path, idem_key) DO UPDATE SET fingerprint = excluded.fingerprint, work_id = excluded.work_id, created_at = now()
      WHERE idempotency.created_at <= now() - interval '24 hours'
    RETURNING 1 AS one`;
}

function insertSql(job: NewJob): Sql {
  const preparing = job.references.length > 0;
  const json = (value: unknown): Sql => sql`${JSON.stringify(value)}::jsonb`;
  const deadline = sql`now() + ${job.deadlineSeconds}::float8 * interval '1 second'`;
  const startBy =
    job.startTimeoutSeconds === null
      ? sql`NULL::timestamptz`
      : sql`now() + ${job.startTimeoutSeconds}::float8 * interval '1 second'`;
  return sql`INSERT INTO job (id, key_id, status, stage, model, modality, operation, input, provider_options, routing, webhook, metadata, priority, sandbox,
      "references", plan, lane, expected_seconds, held_micro_usd, price, deadline_at, start_by, retention_seconds, wake_at, tick, ring)
    SELECT ${job.id}, ${job.keyId}, 'queued', ${preparing ? 'preparing' : 'waiting'}, ${job.model}, ${job.modality}, ${job.operation}, ${json(job.input)},
      ${json(job.providerOptions)}, ${json(job.routing)}, ${job.webhook === null ? sql`NULL::jsonb` : json(job.webhook)}, ${json(job.metadata)},
      ${job.priority}::smallint, ${job.sandbox}::boolean, ${json(job.references)}, ${json(job.plan)}, ${job.plan[0]?.lane ?? null}, ${job.expectedSeconds}::float8,
      ${job.price.amountMicroUsd}::bigint, ${json(job.price)}, ${deadline}, ${startBy}, ${job.retentionSeconds}::int,
      ${preparing ? sql`now()` : sql`least(${deadline}, ${startBy})`}, ${preparing ? 1 : 0}::int, ${preparing ? 1 : 0}::int
    FROM accepted RETURNING *`;
}

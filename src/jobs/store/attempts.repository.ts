import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { JsonValue } from '../../common/json.js';
import { Database, execute, queryRow, queryRows, sql, sqlEmpty, type Tx } from '../../database/database.js';
import type { Artifact } from '../../providers/contract.js';
import { OPEN_ATTEMPT_STATES, type AttemptState } from '../domain/states.js';
import { camelRow, type AttemptError, type AttemptRow } from './rows.js';

const OPEN = [...OPEN_ATTEMPT_STATES] as string[];

export type RunningAttempt = Pick<AttemptRow, 'id' | 'jobId' | 'provider' | 'endpoint'> & { taskId: JsonValue };

/** The rows of `attempt`. Every write names what it relies on: the state it leaves, or the lease it holds. */
@Injectable()
export class AttemptsRepository {
  constructor(private readonly db: Database) {}

  async ofRun(jobId: string, run: number, db: Tx = this.db): Promise<AttemptRow[]> {
    const rows = await queryRows(db, sql`SELECT * FROM attempt WHERE job_id = ${jobId} AND run = ${run} ORDER BY seq`);
    return rows.map((row) => camelRow<AttemptRow>(row));
  }

  async ofJobs(jobIds: readonly string[], db: Tx = this.db): Promise<Map<string, AttemptRow[]>> {
    const byJob = new Map<string, AttemptRow[]>();
    if (jobIds.length === 0) return byJob;
    const rows = await queryRows(
      db,
      sql`SELECT * FROM attempt WHERE job_id = ANY(${[...jobIds]}) ORDER BY job_id, run, seq`,
    );
    for (const row of rows.map((one) => camelRow<AttemptRow>(one)))
      byJob.set(row.jobId, [...(byJob.get(row.jobId) ?? []), row]);
    return byJob;
  }

  async byId(id: string): Promise<AttemptRow | null> {
    const row = await queryRow(this.db, sql`SELECT * FROM attempt WHERE id = ${id}`);
    return row && camelRow<AttemptRow>(row);
  }

  /** How many attempts of the job may still be working, in any run. */
  async countOpen(db: Tx, jobId: string): Promise<number> {
    const row = await queryRow<{ n: bigint }>(
      db,
      sql`SELECT count(*) AS n FROM attempt WHERE job_id = ${jobId} AND state = ANY(${OPEN})`,
    );
    return Number(row?.n ?? 0);
  }

  /**
   * Takes the lease for the call that spends, from `reserved` or from an earlier lease that ran out. False: the job was
   * canceled meanwhile, or another claim holds the lease.
   */
  async startSubmit(id: string, lease: { token: string; ms: number; slotMs: number }): Promise<boolean> {
    const changed = await execute(
      this.db,
      sql`UPDATE attempt SET state = 'submitting', lease_token = ${lease.token}, tries = tries + 1,
            lease_until = now() + ${lease.ms}::float8 * interval '1 millisecond', slot_until = now() + ${lease.slotMs}::float8 * interval '1 millisecond'
          WHERE id = ${id} AND (state = 'reserved' OR (state = 'submitting' AND lease_until < now()))
            AND EXISTS (SELECT 1 FROM job WHERE job.id = attempt.job_id AND job.status IN ('queued', 'running'))`,
    );
    return changed === 1;
  }

  /**
   * What a provider sold is always recorded. `running`: the claim still holds the lease, or nobody took the attempt over
   * since. `kept`: the attempt has this task already, or the provider knows it by the attempt's token, so that whoever took
   * over finds it. `orphan`: another submit owns the attempt, or it is closed: the task stands beside it as a row of its own.
   */
  async saveTask(
    attempt: AttemptRow,
    leaseToken: string,
    task: { id: JsonValue; slotMs: number; namedByToken: boolean },
  ): Promise<'running' | 'kept' | 'orphan'> {
    const taskId = sql`${JSON.stringify(task.id)}::jsonb`;
    const slotUntil = sql`now() + ${task.slotMs}::float8 * interval '1 millisecond'`;
    return this.db.transaction(async (tx) => {
      // The job's lock orders this with admission, which numbers attempts too.
      await queryRow(tx, sql`SELECT id FROM job WHERE id = ${attempt.jobId} FOR NO KEY UPDATE`);
      const saved = await execute(
        tx,
        sql`UPDATE attempt SET state = 'running', task_id = ${taskId}, submitted_at = now(), wake_at = now(), error = NULL,
              lease_token = NULL, lease_until = NULL, slot_until = ${slotUntil}
            WHERE id = ${attempt.id} AND ((state = 'submitting' AND lease_token = ${leaseToken}) OR state IN ('unknown', 'reserved'))`,
      );
      if (saved === 1) return 'running';
      const known = await queryRow(
        tx,
        sql`SELECT 1 AS one FROM attempt WHERE (id = ${attempt.id} AND task_id IS NULL AND state = ANY(${OPEN}) AND ${task.namedByToken}::boolean)
              OR (job_id = ${attempt.jobId} AND token = ${attempt.token} AND (task_id = ${taskId} OR (${task.namedByToken}::boolean AND task_id IS NOT NULL)))`,
      );
      if (known) return 'kept';
      await execute(
        tx,
        sql`INSERT INTO attempt (id, job_id, key_id, run, seq, lane, route, provider, model, credential, endpoint, token, task_id, state, submitted_at, wake_at, slot_until)
            SELECT ${newId('att')}, job_id, key_id, run, (SELECT max(seq) + 1 FROM attempt o WHERE o.job_id = a.job_id AND o.run = a.run),
              lane, route, provider, model, credential, endpoint, token, ${taskId}, 'orphan', now(), now(), ${slotUntil}
            FROM attempt a WHERE id = ${attempt.id}`,
      );
      return 'orphan';
    });
  }

  /** Puts a submit whose request may be repeated back to `reserved`, under the same token. */
  async releaseLease(id: string, leaseToken: string | null): Promise<boolean> {
    const changed = await execute(
      this.db,
      sql`UPDATE attempt SET state = 'reserved', lease_token = NULL, lease_until = NULL
          WHERE id = ${id} AND state IN ('submitting', 'unknown') AND lease_token IS NOT DISTINCT FROM ${leaseToken}`,
    );
    return changed === 1;
  }

  async markUnknown(id: string, leaseToken: string | null, error: AttemptError | null): Promise<boolean> {
    const changed = await execute(
      this.db,
      sql`UPDATE attempt SET state = 'unknown', lease_token = NULL, wake_at = now() + interval '30 seconds',
            error = ${JSON.stringify(error)}::jsonb
          WHERE id = ${id} AND state = 'submitting' AND lease_token IS NOT DISTINCT FROM ${leaseToken}`,
    );
    return changed === 1;
  }

  /** An unknown attempt was found at the provider. */
  async adopt(id: string, taskId: JsonValue): Promise<boolean> {
    const changed = await execute(
      this.db,
      sql`UPDATE attempt SET state = 'running', task_id = ${JSON.stringify(taskId)}::jsonb, submitted_at = coalesce(submitted_at, now()),
            lease_token = NULL, lease_until = NULL, wake_at = now()
          WHERE id = ${id} AND state IN ('submitting', 'unknown')`,
    );
    return changed === 1;
  }

  async polled(id: string, seen: { progress?: number; missing: boolean; wakeAt: Date }): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE attempt SET polls = polls + 1, missing = ${seen.missing ? sql`missing + 1` : sql`0`}, wake_at = ${seen.wakeAt}::timestamptz
            ${seen.progress === undefined ? sqlEmpty : sql`, progress = greatest(coalesce(progress, 0), ${seen.progress}::float8)`}
          WHERE id = ${id} AND state = ANY(${OPEN})`,
    );
  }

  /** Ends an open attempt and frees its slot. False: it was closed already. */
  async close(
    db: Tx,
    id: string,
    end: {
      state: AttemptState;
      error?: AttemptError | null;
      artifacts?: Artifact[];
      upstreamCostMicroUsd?: number | null;
    },
  ): Promise<boolean> {
    const changed = await execute(
      db,
      sql`UPDATE attempt SET state = ${end.state}, finished_at = now(), wake_at = NULL, slot_until = NULL, lease_token = NULL, lease_until = NULL
            ${end.error === undefined ? sqlEmpty : sql`, error = ${JSON.stringify(end.error)}::jsonb`}
            ${end.artifacts === undefined ? sqlEmpty : sql`, artifacts = ${JSON.stringify(end.artifacts)}::jsonb, provider_done_at = now()`}
            ${end.upstreamCostMicroUsd === undefined ? sqlEmpty : sql`, upstream_cost_micro_usd = ${end.upstreamCostMicroUsd}::bigint`}
          WHERE id = ${id} AND state = ANY(${OPEN})`,
    );
    return changed === 1;
  }

  /** A succeeded attempt whose result link died runs again, so that the next poll brings a fresh one. */
  async reopen(db: Tx, id: string): Promise<void> {
    await execute(
      db,
      sql`UPDATE attempt SET state = 'running', finished_at = NULL, wake_at = now(), fresh_links = fresh_links + 1 WHERE id = ${id} AND state = 'succeeded'`,
    );
  }

  /**
   * A provider rang for an open attempt: milliseconds until it may be polled for that, at most once a second. Null: closed, or
   * another ring is about to be answered.
   */
  async ring(id: string): Promise<number | null> {
    const row = await queryRow<{ waitMs: number }>(
      this.db,
      sql`UPDATE attempt SET rung_at = greatest(now(), rung_at + interval '1 second'), wake_at = least(wake_at, greatest(now(), rung_at + interval '1 second'))
          WHERE id = ${id} AND state = ANY(${OPEN}) AND (rung_at IS NULL OR rung_at <= now())
          RETURNING greatest(extract(epoch FROM rung_at - now()) * 1000, 0)::float8 AS "waitMs"`,
    );
    return row?.waitMs ?? null;
  }

  async requestCancel(id: string): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE attempt SET cancel_requested_at = coalesce(cancel_requested_at, now()) WHERE id = ${id}`,
    );
  }

  async wake(id: string, wakeAt: Date | null): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE attempt SET wake_at = ${wakeAt}::timestamptz WHERE id = ${id} AND state = ANY(${OPEN})`,
    );
  }

  /** On a job's end: what was only reserved is closed at once, the rest is due now so that it is canceled and reconciled. */
  async abandon(tx: Tx, jobId: string): Promise<void> {
    await execute(
      tx,
      sql`UPDATE attempt SET state = 'canceled', finished_at = now(), wake_at = NULL, slot_until = NULL WHERE job_id = ${jobId} AND state = 'reserved'`,
    );
    await execute(
      tx,
      sql`UPDATE attempt SET wake_at = least(coalesce(wake_at, now()), now()) WHERE job_id = ${jobId} AND state = ANY(${OPEN})`,
    );
  }

  /** What these providers are working on, with no more of each row than a progress socket needs. */
  async runningOf(providers: readonly string[], limit: number): Promise<RunningAttempt[]> {
    return queryRows<RunningAttempt>(
      this.db,
      sql`SELECT id, job_id AS "jobId", provider, endpoint, task_id AS "taskId" FROM attempt
          WHERE state = 'running' AND provider = ANY(${[...providers]}) AND task_id IS NOT NULL LIMIT ${limit}::int`,
    );
  }
}

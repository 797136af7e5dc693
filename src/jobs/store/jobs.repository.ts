import { Injectable } from '@nestjs/common';
import type { JsonObject } from '../../common/json.js';
import {
  Database,
  execute,
  queryRow,
  queryRows,
  sql,
  sqlEmpty,
  sqlJoin,
  type Sql,
  type Tx,
} from '../../database/database.js';
import { TRANSITIONS, eventType, type Position, type Transition } from '../domain/transitions.js';
import { camelRow, type EventRow, type JobRow } from './rows.js';

export interface Move {
  jobId: string;
  transition: Transition;
  /** Only where this claim still owns the job. */
  claimToken?: string;
  keyId?: string;
  /** Only while it still waits for this route of its plan. */
  planIndex?: number;
  /** Further assignments, e.g. `` sql`progress = 1` ``. */
  set?: Sql[];
  /** Kept with the event; clients see it on the event stream. */
  data?: JsonObject;
}

/** The rows of `job` and `job_event`: the one place where a job changes position. */
@Injectable()
export class JobsRepository {
  constructor(private readonly db: Database) {}

  async byId(id: string, db: Tx = this.db): Promise<JobRow | null> {
    const row = await queryRow(db, sql`SELECT * FROM job WHERE id = ${id}`);
    return row && camelRow<JobRow>(row);
  }

  /** Another key's job, and a deleted one, does not exist. */
  async ofKey(keyId: string, id: string, db: Tx = this.db): Promise<JobRow | null> {
    const row = await queryRow(
      db,
      sql`SELECT * FROM job WHERE id = ${id} AND key_id = ${keyId} AND deleted_at IS NULL`,
    );
    return row && camelRow<JobRow>(row);
  }

  /** What this request made; null where it made none, or a deleted one. Without a key, whosever it is. */
  async ofRequest(keyId: string | null, requestId: string): Promise<JobRow | null> {
    const row = await queryRow(
      this.db,
      sql`SELECT * FROM job WHERE request_id = ${requestId} AND deleted_at IS NULL
            ${keyId === null ? sqlEmpty : sql`AND key_id = ${keyId}`} LIMIT 1`,
    );
    return row && camelRow<JobRow>(row);
  }

  async byIds(ids: readonly string[]): Promise<JobRow[]> {
    if (ids.length === 0) return [];
    const rows = await queryRows(this.db, sql`SELECT * FROM job WHERE id = ANY(${[...ids]})`);
    return rows.map((row) => camelRow<JobRow>(row));
  }

  /**
   * One guarded UPDATE with its event. Null: someone else moved the job first, which is a normal result. The row lock that
   * the UPDATE takes is what makes `seq` gapless per job.
   */
  async move(db: Tx, move: Move): Promise<JobRow | null> {
    const { from, to } = TRANSITIONS[move.transition] as { from: readonly Position[]; to: Position };
    const positions = sqlJoin(from.map(({ status, stage }) => sql`(${status}, ${stage ?? ''})`));
    const row = await queryRow(
      db,
      sql`WITH moved AS (
            UPDATE job SET status = ${to.status}, stage = ${to.stage}, version = version + 1, event_seq = event_seq + 1, updated_at = now()
              ${move.set && move.set.length > 0 ? sql`, ${sqlJoin(move.set)}` : sqlEmpty}
            WHERE id = ${move.jobId} AND (status, coalesce(stage, '')) IN (${positions}) AND deleted_at IS NULL
              ${move.claimToken === undefined ? sqlEmpty : sql`AND claim_token = ${move.claimToken}`}
              ${move.keyId === undefined ? sqlEmpty : sql`AND key_id = ${move.keyId}`}
              ${move.planIndex === undefined ? sqlEmpty : sql`AND plan_index = ${move.planIndex}::int`}
            RETURNING *
          ), event AS (
            INSERT INTO job_event (job_id, seq, type, data)
            SELECT id, event_seq, ${eventType(move.transition)}, ${JSON.stringify(move.data ?? {})}::jsonb FROM moved
          )
          SELECT * FROM moved`,
    );
    return row && camelRow<JobRow>(row);
  }

  async events(jobId: string, afterSeq: number, limit = 1000): Promise<EventRow[]> {
    const rows = await queryRows(
      this.db,
      sql`SELECT * FROM job_event WHERE job_id = ${jobId} AND seq > ${afterSeq} ORDER BY seq LIMIT ${limit}`,
    );
    return rows.map((row) => camelRow<EventRow>(row));
  }

  /** What watchers compare to know that a job changed; one query for all of them. */
  async marks(
    ids: readonly string[],
  ): Promise<{ id: string; version: number; progress: number | null; status: string }[]> {
    if (ids.length === 0) return [];
    return queryRows(this.db, sql`SELECT id, version, progress, status FROM job WHERE id = ANY(${[...ids]})`);
  }

  /** The row, locked until the transaction ends: job before attempt, as everywhere. */
  async lock(tx: Tx, id: string): Promise<JobRow | null> {
    const row = await queryRow(tx, sql`SELECT * FROM job WHERE id = ${id} FOR UPDATE`);
    return row && camelRow<JobRow>(row);
  }

  async charge(tx: Tx, id: string, chargedMicroUsd: bigint): Promise<void> {
    await execute(
      tx,
      sql`UPDATE job SET charged_micro_usd = ${chargedMicroUsd}::bigint, version = version + 1 WHERE id = ${id}`,
    );
  }

  /** The tombstone: nothing that a client sent is left in the row. */
  async bury(tx: Tx, id: string): Promise<void> {
    await execute(
      tx,
      sql`UPDATE job SET deleted_at = now(), updated_at = now(), input = 'null'::jsonb, provider_options = '{}'::jsonb,
            metadata = '{}'::jsonb, "references" = '[]'::jsonb, webhook = NULL WHERE id = ${id}`,
    );
  }
}

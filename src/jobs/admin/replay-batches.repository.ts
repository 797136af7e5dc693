import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { Database, execute, queryRow, queryRows, sql, sqlJoin, type Sql } from '../../database/database.js';
import type { ReplayBatch } from '../../database/generated/client.js';
import { pageArgs, type Page } from '../../common/page.js';
import { camelRow, type JobRow } from '../store/rows.js';
import type { ReplayFilter } from './bodies.js';

export type ReplayBatchRow = Omit<ReplayBatch, 'filter' | 'skipReasons'> & {
  filter: ReplayFilter;
  skipReasons: Record<string, number>;
};

/** What a filter would take. */
export interface ReplayCount {
  count: number;
  costMicroUsd: number;
  sampleIds: string[];
}

const SAMPLES = 10;

/** Table `replay_batch`, and the jobs a batch takes. */
@Injectable()
export class ReplayBatchesRepository {
  constructor(private readonly db: Database) {}

  async count(filter: ReplayFilter, limit: number): Promise<ReplayCount> {
    const row = await queryRow<{ n: number; cost: bigint; ids: string[] | null }>(
      this.db,
      sql`WITH picked AS (${pickedSql(filter, limit)})
          SELECT count(*)::int AS n, coalesce(sum(held_micro_usd), 0)::bigint AS cost, (array_agg(id ORDER BY id))[1:${SAMPLES}::int] AS ids FROM picked`,
    );
    return { count: row?.n ?? 0, costMicroUsd: Number(row?.cost ?? 0n), sampleIds: row?.ids ?? [] };
  }

  /** Counts and writes in one statement, so that the batch is exactly what was counted. */
  async create(filter: ReplayFilter, limit: number, route: string | null): Promise<ReplayBatchRow> {
    const row = await queryRow(
      this.db,
      sql`WITH picked AS (${pickedSql(filter, limit)})
          INSERT INTO replay_batch (id, filter, route, total, cost_micro_usd, last_id, status, finished_at)
          SELECT ${newId('rpb')}, ${JSON.stringify(filter)}::jsonb, ${route}::text, count(*)::int, coalesce(sum(held_micro_usd), 0)::bigint, max(id),
            CASE WHEN count(*) = 0 THEN 'done' ELSE 'running' END, CASE WHEN count(*) = 0 THEN now() END
          FROM picked RETURNING *`,
    );
    if (!row) throw new Error('a replay batch was not written');
    return camelRow<ReplayBatchRow>(row);
  }

  async find(id: string): Promise<ReplayBatchRow | null> {
    const row = await queryRow(this.db, sql`SELECT * FROM replay_batch WHERE id = ${id}`);
    return row && camelRow<ReplayBatchRow>(row);
  }

  async list(page: Page): Promise<ReplayBatchRow[]> {
    const { id, orderBy, take } = pageArgs(page);
    return (await this.db.replayBatch.findMany({ where: { id }, orderBy, take })) as ReplayBatchRow[];
  }

  /** Takes the oldest batch that nobody works on. */
  async claim(leaseMs: number): Promise<ReplayBatchRow | null> {
    const row = await queryRow(
      this.db,
      sql`UPDATE replay_batch SET claim_until = now() + ${leaseMs}::float8 * interval '1 millisecond' WHERE id = (
            SELECT id FROM replay_batch WHERE status = 'running' AND (claim_until IS NULL OR claim_until < now())
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
          RETURNING *`,
    );
    return row && camelRow<ReplayBatchRow>(row);
  }

  /**
   * The next jobs of a batch. Only what had ended when it was made: a job that the batch replayed and that failed again has
   * ended later, so it is never taken twice, whenever the batch was interrupted.
   */
  async nextJobs(batch: ReplayBatchRow, limit: number): Promise<JobRow[]> {
    const rows = await queryRows(
      this.db,
      sql`SELECT * FROM job WHERE ${sqlJoin(conditionsOf(batch.filter), ' AND ')} AND finished_at <= ${batch.createdAt}::timestamptz
            AND id > ${batch.cursor ?? ''} AND id <= ${batch.lastId ?? ''} ORDER BY id LIMIT ${limit}::int`,
    );
    return rows.map((row) => camelRow<JobRow>(row));
  }

  /** Moves the cursor over one job. Null: another worker has the batch by now. */
  async advance(
    batch: ReplayBatchRow,
    jobId: string,
    skipReason: string | null,
    leaseMs: number,
  ): Promise<ReplayBatchRow | null> {
    const reason = skipReason ?? '';
    const row = await queryRow(
      this.db,
      sql`UPDATE replay_batch SET cursor = ${jobId}, claim_until = now() + ${leaseMs}::float8 * interval '1 millisecond',
            done = done + ${skipReason === null ? 1 : 0}::int, skipped = skipped + ${skipReason === null ? 0 : 1}::int,
            skip_reasons = CASE WHEN ${reason}::text = '' THEN skip_reasons
              ELSE skip_reasons || jsonb_build_object(${reason}::text, coalesce((skip_reasons ->> ${reason}::text)::int, 0) + 1) END
          WHERE id = ${batch.id} AND status = 'running' AND cursor IS NOT DISTINCT FROM ${batch.cursor}
          RETURNING *`,
    );
    return row && camelRow<ReplayBatchRow>(row);
  }

  /** What the batch counted at first and did not meet was replayed or changed meanwhile, perhaps by this batch before a crash. */
  async finish(batch: ReplayBatchRow): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE replay_batch SET status = 'done', finished_at = now(), claim_until = NULL, skipped = total - done,
            skip_reasons = CASE WHEN total = done + skipped THEN skip_reasons
              ELSE skip_reasons || jsonb_build_object('changed_meanwhile', coalesce((skip_reasons ->> 'changed_meanwhile')::int, 0) + total - done - skipped) END
          WHERE id = ${batch.id} AND status = 'running' AND cursor IS NOT DISTINCT FROM ${batch.cursor}`,
    );
  }

  /** Lets another worker go on, now or in a while. */
  async giveBack(batch: ReplayBatchRow, delayMs: number): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE replay_batch SET claim_until = now() + ${delayMs}::float8 * interval '1 millisecond'
          WHERE id = ${batch.id} AND status = 'running' AND cursor IS NOT DISTINCT FROM ${batch.cursor}`,
    );
  }
}

/** Columns hold milliseconds, so `now()` is rounded the same way. */
const pickedSql = (filter: ReplayFilter, limit: number): Sql =>
  sql`SELECT id, held_micro_usd FROM job WHERE ${sqlJoin(conditionsOf(filter), ' AND ')} AND finished_at <= now()::timestamptz(3) ORDER BY id LIMIT ${limit}::int`;

function conditionsOf(filter: ReplayFilter): Sql[] {
  const statuses = filter.status ? [filter.status] : filter.ids ? ['failed', 'canceled'] : ['failed'];
  return [
    sql`deleted_at IS NULL`,
    sql`status = ANY(${statuses})`,
    ...(filter.model === undefined ? [] : [sql`model = ${filter.model}`]),
    ...(filter.key === undefined ? [] : [sql`key_id = ${filter.key}`]),
    ...(filter.error_code === undefined ? [] : [sql`error ->> 'code' = ${filter.error_code}`]),
    ...(filter.created_after === undefined ? [] : [sql`created_at > ${filter.created_after}::timestamptz`]),
    ...(filter.created_before === undefined ? [] : [sql`created_at < ${filter.created_before}::timestamptz`]),
    ...(filter.ids === undefined ? [] : [sql`id = ANY(${filter.ids})`]),
  ];
}

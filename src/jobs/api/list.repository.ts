import { Injectable } from '@nestjs/common';
import { invalidRequest, notFound } from '../../common/errors.js';
import { isId } from '../../common/ids.js';
import type { JsonObject } from '../../common/json.js';
import { Database, queryRow, queryRows, sql, sqlJoin, sqlRaw, type Sql } from '../../database/database.js';
import { camelRow, type JobRow } from '../store/rows.js';

export interface JobFilter {
  /** Null lists across keys; only ops do that. */
  keyId: string | null;
  /** True leaves videos only, by an index of their own. */
  onlyVideos?: true;
  status?: string;
  model?: string;
  metadata?: JsonObject;
  createdAfter?: Date;
  createdBefore?: Date;
  errorCode?: string;
  quarantined?: boolean;
}

export interface Page {
  limit: number;
  after?: string;
  before?: string;
  order: 'asc' | 'desc';
}

/** Lists of jobs. Ids are time-ordered, so an id is a cursor. */
@Injectable()
export class ListRepository {
  constructor(private readonly db: Database) {}

  async list(filter: JobFilter, page: Page): Promise<{ jobs: JobRow[]; hasMore: boolean }> {
    if (page.after !== undefined && page.before !== undefined)
      throw invalidRequest("Send 'after' or 'before', not both.", 'before');
    // `before` reads backwards from its cursor and turns the page round again.
    const backwards = page.before !== undefined;
    const ascending = (page.order === 'asc') !== backwards;
    const cursor = page.after ?? page.before;
    const conditions = [...conditionsOf(filter)];
    if (cursor !== undefined) {
      await this.assertCursor(filter.keyId, cursor, page.after === undefined ? 'before' : 'after');
      conditions.push(sql`id ${sqlRaw(ascending ? '>' : '<')} ${cursor}`);
    }
    const rows = await queryRows(
      this.db,
      sql`SELECT * FROM job WHERE ${sqlJoin(conditions, ' AND ')} ORDER BY id ${sqlRaw(ascending ? 'ASC' : 'DESC')} LIMIT ${page.limit + 1}::int`,
    );
    const jobs = rows.slice(0, page.limit).map((row) => camelRow<JobRow>(row));
    return { jobs: backwards ? jobs.toReversed() : jobs, hasMore: rows.length > page.limit };
  }

  /** Another key's job is no cursor: it would tell when that job was made. */
  private async assertCursor(keyId: string | null, id: string, param: string): Promise<void> {
    if (!isId('job', id)) throw invalidRequest(`'${param}' must be a job id; got '${id.slice(0, 64)}'.`, param);
    const owner = keyId === null ? sql`TRUE` : sql`key_id = ${keyId}`;
    // A deleted job still stands somewhere in the order: whoever pages goes on from it.
    const row = await queryRow(this.db, sql`SELECT id FROM job WHERE id = ${id} AND ${owner}`);
    if (!row) throw notFound('job', id);
  }
}

export function conditionsOf(filter: JobFilter): Sql[] {
  return [
    sql`deleted_at IS NULL`,
    ...(filter.keyId === null ? [] : [sql`key_id = ${filter.keyId}`]),
    // Written out, as the index's condition is: of a parameter the planner would not know that it fits.
    ...(filter.onlyVideos ? [sql`modality = 'video'`] : []),
    ...(filter.status === undefined ? [] : [sql`status = ${filter.status}`]),
    ...(filter.model === undefined ? [] : [sql`model = ${filter.model}`]),
    ...(filter.createdAfter === undefined ? [] : [sql`created_at > ${filter.createdAfter}::timestamptz`]),
    ...(filter.createdBefore === undefined ? [] : [sql`created_at < ${filter.createdBefore}::timestamptz`]),
    ...(filter.errorCode === undefined ? [] : [sql`error ->> 'code' = ${filter.errorCode}`]),
    ...(filter.quarantined === undefined
      ? []
      : [filter.quarantined ? sql`quarantined_at IS NOT NULL` : sql`quarantined_at IS NULL`]),
    ...(filter.metadata === undefined || Object.keys(filter.metadata).length === 0
      ? []
      : [sql`metadata @> ${JSON.stringify(filter.metadata)}::jsonb AND metadata <> '{}'::jsonb`]),
  ];
}

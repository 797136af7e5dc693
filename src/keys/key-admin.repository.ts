import { type Page, pageArgs } from '../common/page.js';
import {
  type Database,
  execute,
  queryRow,
  queryRows,
  type Sql,
  sql,
  sqlEmpty,
  sqlJoin,
  type Tx,
} from '../database/database.js';
import type { KeyRecord, SecretRecord } from './auth-key.js';
import type { PatchKey } from './key-bodies.js';
import { KEY_COLUMNS, type KeyRow, LIVE_SECRET, toAuthKey } from './keys.repository.js';

interface RecordRow extends KeyRow {
  description: string | null;
  disabled: boolean;
  created_at: Date;
}

interface SecretRow {
  key_id: string;
  preview: string;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}

/** Only the newest secret has no end. */
const NEWEST_FIRST = sql`s.expires_at DESC NULLS FIRST, s.created_at DESC`;
const RECORD_COLUMNS = sql`${KEY_COLUMNS}, k.description, k.disabled_at IS NOT NULL AS disabled, k.created_at`;

export interface KeyFilter {
  disabled?: boolean;
  name?: string;
}

export interface Rotated {
  /** When the former secret ends; null where there was none. */
  previousExpiresAt: Date | null;
  /** Of secrets that this ended at once. */
  ended: string[];
}

/** Tables `api_key` and `api_key_secret`, as ops see and change them. Keys that were deleted are not there. */
export class KeyAdminRepository {
  constructor(private readonly db: Database) {}

  async exists(id: string): Promise<boolean> {
    const row = await queryRow(this.db, sql`SELECT 1 AS one FROM api_key WHERE id = ${id} AND deleted_at IS NULL`);
    return row !== null;
  }

  async find(id: string): Promise<KeyRecord | null> {
    return this.one(this.db, id, sqlEmpty);
  }

  /** One row more than the page has, where there are more. */
  async list({ disabled, name }: KeyFilter, page: Page): Promise<KeyRecord[]> {
    const { id, orderBy, take } = pageArgs(page);
    const wanted: Sql[] = [sql`k.deleted_at IS NULL`];
    if (disabled !== undefined) wanted.push(disabled ? sql`k.disabled_at IS NOT NULL` : sql`k.disabled_at IS NULL`);
    if (name !== undefined) wanted.push(sql`k.name = ${name}`);
    if (id.gt !== undefined) wanted.push(sql`k.id > ${id.gt}`);
    if (id.lt !== undefined) wanted.push(sql`k.id < ${id.lt}`);
    const direction = orderBy.id === 'asc' ? sql`ASC` : sql`DESC`;
    const rows = await queryRows<RecordRow>(
      this.db,
      sql`SELECT ${RECORD_COLUMNS} FROM api_key k WHERE ${sqlJoin(wanted, ' AND ')} ORDER BY k.id ${direction} LIMIT ${take}::int`,
    );
    return this.withSecrets(this.db, rows);
  }

  /** Changes what is given, under the row's lock. Null when there is no such key. */
  async update(id: string, patch: PatchKey): Promise<{ before: KeyRecord; after: KeyRecord } | null> {
    return this.db.transaction(async (tx) => {
      const before = await this.one(tx, id, sql`FOR NO KEY UPDATE`);
      if (before === null) return null;
      const changes = assignments(patch);
      if (changes.length === 0) return { before, after: before };
      await execute(tx, sql`UPDATE api_key SET ${sqlJoin(changes)} WHERE id = ${id}`);
      const after = await this.one(tx, id, sqlEmpty);
      return { before, after: after ?? before };
    });
  }

  /**
   * A new secret beside the newest one, which ends after the overlap; older ones end now, so that never more than two live.
   * Null when there is no such key.
   */
  async rotate(
    id: string,
    secret: { hash: Uint8Array; preview: string },
    overlapSeconds: number,
  ): Promise<Rotated | null> {
    return this.db.transaction(async (tx) => {
      const key = await queryRow(
        tx,
        sql`SELECT id FROM api_key WHERE id = ${id} AND deleted_at IS NULL FOR NO KEY UPDATE`,
      );
      if (key === null) return null;
      const live = await queryRows<{ hash: Uint8Array<ArrayBuffer>; preview: string }>(
        tx,
        sql`SELECT s.hash, s.preview FROM api_key_secret s WHERE s.key_id = ${id} AND ${LIVE_SECRET} ORDER BY ${NEWEST_FIRST}`,
      );
      const [previous, ...older] = live;
      const kept = previous !== undefined && overlapSeconds > 0 ? previous : null;
      await execute(
        tx,
        kept
          ? sql`DELETE FROM api_key_secret WHERE key_id = ${id} AND hash <> ${kept.hash}`
          : sql`DELETE FROM api_key_secret WHERE key_id = ${id}`,
      );
      const shortened = kept
        ? await queryRow<{ expires_at: Date }>(
            tx,
            sql`UPDATE api_key_secret SET expires_at = least(expires_at, now() + ${overlapSeconds}::int * interval '1 second')
                WHERE hash = ${kept.hash} RETURNING expires_at`,
          )
        : null;
      await execute(
        tx,
        sql`INSERT INTO api_key_secret (hash, key_id, preview) VALUES (${secret.hash}, ${id}, ${secret.preview})`,
      );
      const ended = kept || previous === undefined ? older : live;
      return { previousExpiresAt: shortened?.expires_at ?? null, ended: ended.map(({ preview }) => preview) };
    });
  }

  /** Takes the key out of use for good; its rows stay because jobs and money name it. False when there is none. */
  async remove(id: string): Promise<boolean> {
    return this.db.transaction(async (tx) => {
      const removed = await execute(
        tx,
        sql`UPDATE api_key SET deleted_at = now(), disabled_at = coalesce(disabled_at, now()) WHERE id = ${id} AND deleted_at IS NULL`,
      );
      await execute(tx, sql`DELETE FROM api_key_secret WHERE key_id = ${id}`);
      await execute(tx, sql`DELETE FROM key_rate WHERE key_id = ${id}`);
      return removed > 0;
    });
  }

  private async one(db: Tx, id: string, lock: Sql): Promise<KeyRecord | null> {
    const rows = await queryRows<RecordRow>(
      db,
      sql`SELECT ${RECORD_COLUMNS} FROM api_key k WHERE k.id = ${id} AND k.deleted_at IS NULL ${lock}`,
    );
    const [record] = await this.withSecrets(db, rows);
    return record ?? null;
  }

  private async withSecrets(db: Tx, rows: readonly RecordRow[]): Promise<KeyRecord[]> {
    if (rows.length === 0) return [];
    const secrets = await queryRows<SecretRow>(
      db,
      sql`SELECT s.key_id, s.preview, s.created_at, s.expires_at, s.last_used_at FROM api_key_secret s
          WHERE s.key_id = ANY(${rows.map(({ id }) => id)}) AND ${LIVE_SECRET} ORDER BY ${NEWEST_FIRST}`,
    );
    const ofKey = Map.groupBy(secrets, ({ key_id: keyId }) => keyId);
    return rows.map((row) => ({
      ...toAuthKey(row),
      description: row.description,
      disabled: row.disabled,
      createdAt: row.created_at,
      secrets: (ofKey.get(row.id) ?? []).map(toSecret),
    }));
  }
}

const toSecret = (row: SecretRow): SecretRecord => ({
  preview: row.preview,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
});

function assignments(patch: PatchKey): Sql[] {
  const { name, description, role, allowed_models, max_concurrent_jobs, max_queued_jobs, weight } = patch;
  const { daily_budget_micro_usd, requests_per_minute, expires_at, allowed_ips, disabled } = patch;
  const budget = typeof daily_budget_micro_usd === 'number' ? BigInt(daily_budget_micro_usd) : daily_budget_micro_usd;
  const endsAt = typeof expires_at === 'string' ? new Date(expires_at) : expires_at;
  return [
    name !== undefined && sql`name = ${name}`,
    description !== undefined && sql`description = ${description}::text`,
    role !== undefined && sql`role = ${role}`,
    budget !== undefined && sql`daily_budget_micro_usd = ${budget}::bigint`,
    allowed_models !== undefined && sql`allowed_models = ${allowed_models}::text[]`,
    max_concurrent_jobs !== undefined && sql`max_concurrent_jobs = ${max_concurrent_jobs}::int`,
    max_queued_jobs !== undefined && sql`max_queued_jobs = ${max_queued_jobs}::int`,
    weight !== undefined && sql`weight = ${weight}::int`,
    requests_per_minute !== undefined && sql`requests_per_minute = ${requests_per_minute}::int`,
    endsAt !== undefined && sql`expires_at = ${endsAt}::timestamptz`,
    allowed_ips !== undefined && sql`allowed_ips = ${allowed_ips}::text[]`,
    disabled !== undefined && (disabled ? sql`disabled_at = coalesce(disabled_at, now())` : sql`disabled_at = NULL`),
  ].filter((one) => one !== false);
}

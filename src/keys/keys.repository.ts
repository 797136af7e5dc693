import type { JsonValue } from '../common/json.js';
import { type Database, execute, queryRow, queryRows, type Sql, sql, type Tx } from '../database/database.js';
import { type AuthKey, KEY_ROLES, type KeyRecord } from './auth-key.js';
import { parseStoredSecrets, type StoredWebhookSecret } from './webhook-secrets.js';

interface KeyRow {
  id: string;
  name: string;
  role: string;
  daily_budget_micro_usd: bigint | null;
  allowed_models: string[];
  max_concurrent_jobs: number | null;
  max_queued_jobs: number | null;
  weight: number;
}

const COLUMNS = sql`k.id, k.name, k.role, k.daily_budget_micro_usd, k.allowed_models, k.max_concurrent_jobs, k.max_queued_jobs, k.weight`;
const LIVE_SECRET = sql`(s.expires_at IS NULL OR s.expires_at > now())`;

const toAuthKey = (row: KeyRow): AuthKey => ({
  id: row.id,
  name: row.name,
  role: KEY_ROLES.find((role) => role === row.role) ?? 'app',
  allowedModels: row.allowed_models,
  maxConcurrentJobs: row.max_concurrent_jobs,
  maxQueuedJobs: row.max_queued_jobs,
  weight: row.weight,
  dailyBudgetMicroUsd: row.daily_budget_micro_usd === null ? null : Number(row.daily_budget_micro_usd),
});

/** Tables `api_key` and `api_key_secret`. */
export class KeysRepository {
  constructor(private readonly db: Database) {}

  async findBySecretHash(hash: Uint8Array): Promise<AuthKey | null> {
    return this.one(sql`
      SELECT ${COLUMNS} FROM api_key_secret s JOIN api_key k ON k.id = s.key_id
      WHERE s.hash = ${hash} AND ${LIVE_SECRET} AND k.disabled_at IS NULL`);
  }

  async find(id: string): Promise<AuthKey | null> {
    return this.one(sql`SELECT ${COLUMNS} FROM api_key k WHERE k.id = ${id} AND k.disabled_at IS NULL`);
  }

  async list(): Promise<KeyRecord[]> {
    const rows = await queryRows<KeyRow & { preview: string | null; created_at: Date }>(
      this.db,
      sql`
      SELECT ${COLUMNS}, k.created_at,
             (SELECT s.preview FROM api_key_secret s WHERE s.key_id = k.id AND ${LIVE_SECRET} ORDER BY s.created_at DESC LIMIT 1) AS preview
      FROM api_key k WHERE k.disabled_at IS NULL ORDER BY k.id`,
    );
    return rows.map((row) => ({ ...toAuthKey(row), preview: row.preview, createdAt: row.created_at }));
  }

  /** The key with its first secret, or nothing of either. False when a key with this secret exists. */
  async insert(
    key: AuthKey,
    secret: { hash: Uint8Array; preview: string },
    webhookSecrets: StoredWebhookSecret[],
  ): Promise<boolean> {
    const budget = key.dailyBudgetMicroUsd === null ? null : BigInt(key.dailyBudgetMicroUsd);
    // One statement, secret first: of two processes that insert the same secret, one finds it taken and inserts no key either.
    const inserted = await execute(
      this.db,
      sql`
      WITH secret AS (
        INSERT INTO api_key_secret (hash, key_id, preview) VALUES (${secret.hash}, ${key.id}, ${secret.preview})
        ON CONFLICT (hash) DO NOTHING RETURNING key_id)
      INSERT INTO api_key (id, name, role, daily_budget_micro_usd, allowed_models, max_concurrent_jobs, max_queued_jobs, weight, webhook_secrets)
      SELECT key_id, ${key.name}, ${key.role}, ${budget}::bigint, ${key.allowedModels}::text[], ${key.maxConcurrentJobs}::int,
             ${key.maxQueuedJobs}::int, ${key.weight}::int, ${JSON.stringify(webhookSecrets)}::jsonb FROM secret`,
    );
    return inserted > 0;
  }

  /** Takes the key out of use; its rows stay because jobs and money name it. False when there is none. */
  async disable(id: string): Promise<boolean> {
    return this.db.transaction(async (tx) => {
      const disabled = await execute(
        tx,
        sql`UPDATE api_key SET disabled_at = now() WHERE id = ${id} AND disabled_at IS NULL`,
      );
      await execute(tx, sql`DELETE FROM api_key_secret WHERE key_id = ${id}`);
      return disabled > 0;
    });
  }

  /** Also of a disabled key: its last deliveries are still signed. Null when there is no such key. */
  async webhookSecrets(keyId: string): Promise<StoredWebhookSecret[] | null> {
    return this.readSecrets(this.db, sql`SELECT webhook_secrets FROM api_key WHERE id = ${keyId}`);
  }

  /** Reads, changes and writes under the row's lock. Null when there is no such key. */
  async changeWebhookSecrets(
    keyId: string,
    change: (stored: StoredWebhookSecret[]) => StoredWebhookSecret[],
  ): Promise<StoredWebhookSecret[] | null> {
    return this.db.transaction(async (tx) => {
      const stored = await this.readSecrets(
        tx,
        sql`SELECT webhook_secrets FROM api_key WHERE id = ${keyId} FOR UPDATE`,
      );
      if (stored === null) return null;
      const changed = change(stored);
      await execute(
        tx,
        sql`UPDATE api_key SET webhook_secrets = ${JSON.stringify(changed)}::jsonb WHERE id = ${keyId}`,
      );
      return changed;
    });
  }

  private async readSecrets(db: Tx, query: Sql): Promise<StoredWebhookSecret[] | null> {
    const row = await queryRow<{ webhook_secrets: JsonValue }>(db, query);
    return row === null ? null : parseStoredSecrets(row.webhook_secrets);
  }

  private async one(query: Sql): Promise<AuthKey | null> {
    const row = await queryRow<KeyRow>(this.db, query);
    return row === null ? null : toAuthKey(row);
  }
}

import type { JsonValue } from '../common/json.js';
import { type Database, execute, queryRow, type Sql, sql, type Tx } from '../database/database.js';
import { type AuthKey, KEY_ROLES } from './auth-key.js';
import { parseStoredSecrets, type StoredWebhookSecret } from './webhook-secrets.js';

export interface KeyRow {
  id: string;
  name: string;
  role: string;
  daily_budget_micro_usd: bigint | null;
  allowed_models: string[];
  max_concurrent_jobs: number | null;
  max_queued_jobs: number | null;
  weight: number;
  requests_per_minute: number | null;
  allowed_ips: string[] | null;
  expires_at: Date | null;
}

/** Of table `api_key k`, as `KeyRow` has them. */
export const KEY_COLUMNS = sql`k.id, k.name, k.role, k.daily_budget_micro_usd, k.allowed_models, k.max_concurrent_jobs, k.max_queued_jobs, k.weight,
  k.requests_per_minute, k.allowed_ips, k.expires_at`;
/** Of table `api_key_secret s`. */
export const LIVE_SECRET = sql`(s.expires_at IS NULL OR s.expires_at > now())`;

export const toAuthKey = (row: KeyRow): AuthKey => ({
  id: row.id,
  name: row.name,
  role: KEY_ROLES.find((role) => role === row.role) ?? 'app',
  allowedModels: row.allowed_models,
  maxConcurrentJobs: row.max_concurrent_jobs,
  maxQueuedJobs: row.max_queued_jobs,
  weight: row.weight,
  dailyBudgetMicroUsd: row.daily_budget_micro_usd === null ? null : Number(row.daily_budget_micro_usd),
  requestsPerMinute: row.requests_per_minute,
  allowedIps: row.allowed_ips ?? [],
  expiresAt: row.expires_at,
});

/** The key of a secret, usable or not. */
export interface FoundKey {
  key: AuthKey;
  disabled: boolean;
  /** When this secret of it ends, after a rotation. */
  secretExpiresAt: Date | null;
}

/** Tables `api_key` and `api_key_secret`, as every request needs them. */
export class KeysRepository {
  constructor(private readonly db: Database) {}

  /** Null where the secret is unknown or has ended. */
  async findBySecretHash(hash: Uint8Array): Promise<FoundKey | null> {
    const row = await queryRow<KeyRow & { disabled: boolean; secret_expires_at: Date | null }>(
      this.db,
      sql`SELECT ${KEY_COLUMNS}, k.disabled_at IS NOT NULL AS disabled, s.expires_at AS secret_expires_at
          FROM api_key_secret s JOIN api_key k ON k.id = s.key_id
          WHERE s.hash = ${hash} AND ${LIVE_SECRET} AND k.deleted_at IS NULL`,
    );
    return row && { key: toAuthKey(row), disabled: row.disabled, secretExpiresAt: row.secret_expires_at };
  }

  /** Also a disabled one. */
  async find(id: string): Promise<AuthKey | null> {
    const row = await queryRow<KeyRow>(
      this.db,
      sql`SELECT ${KEY_COLUMNS} FROM api_key k WHERE k.id = ${id} AND k.deleted_at IS NULL`,
    );
    return row && toAuthKey(row);
  }

  /** The key with its first secret, or nothing of either. False when a key with this secret exists. */
  async insert(
    key: AuthKey & { description: string | null },
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
      INSERT INTO api_key (id, name, description, role, daily_budget_micro_usd, allowed_models, max_concurrent_jobs, max_queued_jobs, weight,
        requests_per_minute, allowed_ips, expires_at, webhook_secrets)
      SELECT key_id, ${key.name}, ${key.description}::text, ${key.role}, ${budget}::bigint, ${key.allowedModels}::text[], ${key.maxConcurrentJobs}::int,
             ${key.maxQueuedJobs}::int, ${key.weight}::int, ${key.requestsPerMinute}::int, ${key.allowedIps}::text[], ${key.expiresAt}::timestamptz,
             ${JSON.stringify(webhookSecrets)}::jsonb FROM secret`,
    );
    return inserted > 0;
  }

  /** Secrets that were used, by their hashes. */
  async touch(hashes: readonly Uint8Array[], at: Date): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE api_key_secret SET last_used_at = ${at}
          WHERE hash = ANY(${[...hashes]}::bytea[]) AND (last_used_at IS NULL OR last_used_at < ${at})`,
    );
  }

  /** Also of a key that was taken out of use: its last deliveries are still signed. Null when there is no such key. */
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
}

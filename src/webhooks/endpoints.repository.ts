import { type Page, pageArgs } from '../common/page.js';
import { type Database, execute, queryRow, queryRows, sql, type Tx } from '../database/database.js';
import type { WebhookEndpoint } from '../database/generated/client.js';
import { parseStoredSecrets, type StoredWebhookSecret } from '../keys/webhook-secrets.js';

/** Everything but the secrets. */
export type EndpointRow = Omit<WebhookEndpoint, 'secrets'>;
export type DisabledReason = 'owner' | 'gone' | 'failing';

export interface NewEndpoint {
  id: string;
  keyId: string;
  url: string;
  description: string | null;
  events: string[];
  secrets: StoredWebhookSecret[];
}

export interface EndpointChanges {
  url?: string;
  description?: string | null;
  events?: string[];
}

/** How an endpoint stands after a failed try. */
export interface EndpointFailure {
  keyId: string;
  failingSince: Date;
  isEnabled: boolean;
  isWarned: boolean;
  /** By the database's clock. */
  failingMs: number;
}

const WITHOUT_SECRETS = { secrets: true } as const;
/** Advisory lock class of keys whose endpoints are counted: "whep". */
const COUNT_LOCK = 0x77686570;

/** Table `webhook_endpoint`. A deleted one keeps its row, without secrets, for as long as its deliveries name it. */
export class EndpointsRepository {
  constructor(private readonly db: Database) {}

  /** False where the key has `limit` endpoints already. */
  async insert(endpoint: NewEndpoint, limit: number): Promise<boolean> {
    return this.db.transaction(async (tx) => {
      await execute(tx, sql`SELECT pg_advisory_xact_lock(${COUNT_LOCK}::int, hashtext(${endpoint.keyId}))`);
      const known = await tx.webhookEndpoint.count({ where: { keyId: endpoint.keyId, deletedAt: null } });
      if (known >= limit) return false;
      await tx.webhookEndpoint.create({ data: endpoint });
      return true;
    });
  }

  async find(keyId: string, id: string): Promise<EndpointRow | null> {
    return this.db.webhookEndpoint.findFirst({ where: { id, keyId, deletedAt: null }, omit: WITHOUT_SECRETS });
  }

  async list(keyId: string, page: Page): Promise<EndpointRow[]> {
    const { id, ...args } = pageArgs(page);
    return this.db.webhookEndpoint.findMany({ where: { keyId, deletedAt: null, id }, omit: WITHOUT_SECRETS, ...args });
  }

  /** Enabled endpoints of the key that want any of `events`, oldest first. */
  async listening(db: Tx, keyId: string, events: readonly string[]): Promise<{ endpointId: string; url: string }[]> {
    return queryRows(
      db,
      sql`
      SELECT id AS "endpointId", url FROM webhook_endpoint
      WHERE key_id = ${keyId} AND deleted_at IS NULL AND disabled_at IS NULL AND events && ${[...events]}::text[] ORDER BY id`,
    );
  }

  /** False when the key has no such endpoint. */
  async change(tx: Tx, keyId: string, id: string, changes: EndpointChanges): Promise<boolean> {
    const { count } = await tx.webhookEndpoint.updateMany({
      where: { id, keyId, deletedAt: null },
      data: { ...changes, updatedAt: new Date() },
    });
    return count > 0;
  }

  /** With nothing held against it. */
  async enable(tx: Tx, id: string): Promise<void> {
    await execute(
      tx,
      sql`
      UPDATE webhook_endpoint SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL, warned_at = NULL
      WHERE id = ${id} AND disabled_at IS NOT NULL`,
    );
  }

  /** Null where it is disabled or deleted already. */
  async disable(tx: Tx, id: string, reason: DisabledReason): Promise<{ keyId: string } | null> {
    return queryRow(
      tx,
      sql`
      UPDATE webhook_endpoint SET disabled_at = now(), disabled_reason = ${reason}, updated_at = now()
      WHERE id = ${id} AND disabled_at IS NULL AND deleted_at IS NULL RETURNING key_id AS "keyId"`,
    );
  }

  /** False when the key has no such endpoint. */
  async remove(tx: Tx, keyId: string, id: string): Promise<boolean> {
    const removed = await execute(
      tx,
      sql`
      UPDATE webhook_endpoint SET deleted_at = now(), secrets = '[]'::jsonb, updated_at = now()
      WHERE id = ${id} AND key_id = ${keyId} AND deleted_at IS NULL`,
    );
    return removed > 0;
  }

  /** Newest first; null where the endpoint was deleted. */
  async secrets(id: string): Promise<StoredWebhookSecret[] | null> {
    const row = await this.db.webhookEndpoint.findFirst({
      where: { id, deletedAt: null },
      select: { secrets: true },
    });
    return row && parseStoredSecrets(row.secrets);
  }

  /** Reads, changes and writes under the row's lock. Null when the key has no such endpoint. */
  async changeSecrets(
    keyId: string,
    id: string,
    change: (stored: StoredWebhookSecret[]) => StoredWebhookSecret[],
  ): Promise<StoredWebhookSecret[] | null> {
    return this.db.transaction(async (tx) => {
      const row = await queryRow<{ secrets: unknown }>(
        tx,
        sql`SELECT secrets FROM webhook_endpoint WHERE id = ${id} AND key_id = ${keyId} AND deleted_at IS NULL FOR UPDATE`,
      );
      if (row === null) return null;
      const changed = change(parseStoredSecrets(row.secrets));
      await execute(
        tx,
        sql`UPDATE webhook_endpoint SET secrets = ${JSON.stringify(changed)}::jsonb, updated_at = now() WHERE id = ${id}`,
      );
      return changed;
    });
  }

  /** Writes only where it was failing: deliveries are many, and this is one row. */
  async succeeded(id: string): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE webhook_endpoint SET failing_since = NULL, warned_at = NULL WHERE id = ${id} AND failing_since IS NOT NULL`,
    );
  }

  /** Null where it was deleted. */
  async failed(id: string): Promise<EndpointFailure | null> {
    await execute(
      this.db,
      sql`UPDATE webhook_endpoint SET failing_since = now() WHERE id = ${id} AND failing_since IS NULL AND deleted_at IS NULL`,
    );
    return queryRow<EndpointFailure>(
      this.db,
      sql`
      SELECT key_id AS "keyId", coalesce(failing_since, now()) AS "failingSince", disabled_at IS NULL AS "isEnabled",
             warned_at IS NOT NULL AS "isWarned", coalesce(extract(epoch FROM now() - failing_since) * 1000, 0)::float8 AS "failingMs"
      FROM webhook_endpoint WHERE id = ${id} AND deleted_at IS NULL`,
    );
  }

  /** True for one caller since it began to fail. */
  async warn(id: string): Promise<boolean> {
    const warned = await execute(
      this.db,
      sql`UPDATE webhook_endpoint SET warned_at = now() WHERE id = ${id} AND warned_at IS NULL AND failing_since IS NOT NULL`,
    );
    return warned > 0;
  }
}

import { type Page, pageArgs } from '../common/page.js';
import { type Database, queryRow, sql } from '../database/database.js';
import type { WebhookDelivery } from '../database/generated/client.js';
import type { Ring } from './rings.js';

/** Everything but the body, which may be long and is what the job shows. */
export type DeliveryRow = Omit<WebhookDelivery, 'body'>;

const WITHOUT_BODY = { body: true } as const;

/** What a key sees of `webhook_delivery`, and what it asks to be sent again. */
export class DeliveriesRepository {
  constructor(private readonly db: Database) {}

  /** Due now, with all its tries before it again. Null when the key has no such delivery. */
  async restart(keyId: string, id: string): Promise<Ring | null> {
    return queryRow<Ring>(
      this.db,
      sql`
      UPDATE webhook_delivery SET status = 'pending', attempts = 0, tick = tick + 1, wake_at = now()
      WHERE id = ${id} AND key_id = ${keyId} RETURNING id, tick`,
    );
  }

  async find(keyId: string, id: string): Promise<DeliveryRow | null> {
    return this.db.webhookDelivery.findFirst({ where: { id, keyId }, omit: WITHOUT_BODY });
  }

  async list(keyId: string, filter: { jobId?: string }, page: Page): Promise<DeliveryRow[]> {
    const { id, ...args } = pageArgs(page);
    return this.db.webhookDelivery.findMany({ where: { keyId, jobId: filter.jobId, id }, omit: WITHOUT_BODY, ...args });
  }

  /** Jobs are another module's table: only read here, so that a list by a foreign job is 404 and not empty. */
  async jobExists(keyId: string, jobId: string): Promise<boolean> {
    const row = await queryRow(
      this.db,
      sql`SELECT 1 AS one FROM job WHERE id = ${jobId} AND key_id = ${keyId} AND deleted_at IS NULL`,
    );
    return row !== null;
  }

  /** Oldest first. */
  async ofJob(keyId: string, jobId: string): Promise<DeliveryRow[]> {
    return this.db.webhookDelivery.findMany({ where: { keyId, jobId }, omit: WITHOUT_BODY, orderBy: { id: 'asc' } });
  }

  /** To jobs' own URLs, oldest first; the caller has checked whose jobs they are. */
  async ofJobs(jobIds: readonly string[]): Promise<DeliveryRow[]> {
    return this.db.webhookDelivery.findMany({
      where: { jobId: { in: [...jobIds] }, endpointId: null },
      omit: WITHOUT_BODY,
      orderBy: { id: 'asc' },
    });
  }
}

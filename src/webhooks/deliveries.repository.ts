import { idAt } from '../common/id-at.js';
import type { JsonObject } from '../common/json.js';
import { type Page, pageArgs } from '../common/page.js';
import { HOUR_MS } from '../common/time.js';
import { type Database, queryRow, sql } from '../database/database.js';
import type { WebhookDelivery, WebhookTry } from '../database/generated/client.js';
import type { DeliveryStatus } from './delivery-bodies.js';
import { PROGRESS_EVENT } from './progress-event.js';

/** Everything but the body, which may be long and is what the job shows. */
export type DeliveryRow = Omit<WebhookDelivery, 'body'>;

export type TryRow = WebhookTry;
export type WholeDelivery = DeliveryRow & { body: JsonObject };

export interface DeliveryFilter {
  jobId?: string;
  endpointId?: string;
  status?: DeliveryStatus;
  event?: string;
  createdAfter?: Date;
  createdBefore?: Date;
}

/** Ids are made by processes, `created_at` by the database: their clocks differ by less. */
const CLOCKS_DIFFER_MS = HOUR_MS;

/** Ids are time-ordered: the range that has all rows made between two times, and few more, by the index on ids. */
export const idsBetween = (after: Date | undefined, before: Date | undefined): { gte?: string; lt?: string } => ({
  ...(after && { gte: idAt('whd', 0, Math.max(after.getTime() - CLOCKS_DIFFER_MS, 0)) }),
  ...(before && { lt: idAt('whd', 0, Math.max(before.getTime() + CLOCKS_DIFFER_MS, 0)) }),
});

const WITHOUT_BODY = { body: true } as const;

/** What a key sees of `webhook_delivery`, and what it asks to be sent again. */
export class DeliveriesRepository {
  constructor(private readonly db: Database) {}

  async find(keyId: string, id: string): Promise<DeliveryRow | null> {
    return this.db.webhookDelivery.findFirst({ where: { id, keyId }, omit: WITHOUT_BODY });
  }

  /** With its body, which is stored without links. */
  async findWhole(keyId: string, id: string): Promise<WholeDelivery | null> {
    const row = await this.db.webhookDelivery.findFirst({ where: { id, keyId } });
    return row && { ...row, body: row.body as JsonObject };
  }

  /** The latest tries of a delivery, oldest first. */
  async tries(deliveryId: string, limit: number): Promise<TryRow[]> {
    const rows = await this.db.webhookTry.findMany({ where: { deliveryId }, orderBy: { n: 'desc' }, take: limit });
    return rows.toReversed();
  }

  async list(keyId: string, filter: DeliveryFilter, page: Page): Promise<DeliveryRow[]> {
    const { createdAfter, createdBefore, ...equal } = filter;
    const { id, ...args } = pageArgs(page);
    return this.db.webhookDelivery.findMany({
      where: {
        keyId,
        ...equal,
        createdAt: { gt: createdAfter, lt: createdBefore },
        AND: [{ id }, { id: idsBetween(createdAfter, createdBefore) }],
      },
      omit: WITHOUT_BODY,
      ...args,
    });
  }

  /** Jobs are another module's table: only read here, so that a list by a foreign job is 404 and not empty. */
  async jobExists(keyId: string, jobId: string): Promise<boolean> {
    const row = await queryRow(
      this.db,
      sql`SELECT 1 AS one FROM job WHERE id = ${jobId} AND key_id = ${keyId} AND deleted_at IS NULL`,
    );
    return row !== null;
  }

  /** A deleted one's messages are still told. */
  async endpointExists(keyId: string, id: string): Promise<boolean> {
    return (await this.db.webhookEndpoint.count({ where: { id, keyId } })) > 0;
  }

  /** To jobs' own URLs, oldest first, without progress; the caller has checked whose jobs they are. */
  async ofJobs(jobIds: readonly string[]): Promise<DeliveryRow[]> {
    return this.db.webhookDelivery.findMany({
      where: { jobId: { in: [...jobIds] }, endpointId: null, event: { not: PROGRESS_EVENT } },
      omit: WITHOUT_BODY,
      orderBy: { id: 'asc' },
    });
  }
}

import { z } from 'zod';
import { pageFields } from '../common/page.js';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** The most that one call sends again. */
const MAX_REDELIVERIES = 10_000;
const DEFAULT_REDELIVERIES = 1000;

const id = z.string().min(1).max(64).optional();
const event = z.string().min(1).max(64).optional();
const instant = z.iso.datetime({ offset: true });

/** Query of GET /v1/webhook_deliveries. */
export const listDeliveriesQuery = z.strictObject({
  ...pageFields,
  job_id: z.string().max(64).optional(),
  endpoint_id: id,
  status: z.enum(DELIVERY_STATUSES).optional(),
  event,
  created_after: instant.optional(),
  created_before: instant.optional(),
});
export type ListDeliveriesQuery = z.output<typeof listDeliveriesQuery>;

const redeliverFields = {
  since: instant,
  until: instant.optional(),
  endpoint_id: id,
  status: z.enum(DELIVERY_STATUSES).default('failed'),
  event,
  limit: z.int().min(1).max(MAX_REDELIVERIES).default(DEFAULT_REDELIVERIES),
};

/** Body of POST /v1/webhook_deliveries/redeliver; times are those of the messages' writing. */
export const redeliverBody = z.strictObject(redeliverFields);
export type RedeliverBody = z.output<typeof redeliverBody>;

/** Body of POST /admin/webhook_deliveries/redeliver: of every key, or of one. */
export const adminRedeliverBody = z.strictObject({ ...redeliverFields, key: id });
export type AdminRedeliverBody = z.output<typeof adminRedeliverBody>;

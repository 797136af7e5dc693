import type { DeliveryRow } from './deliveries.repository.js';

/** A delivery as the API shows it. `id` is also the message's `webhook-id`. */
export interface DeliveryView {
  id: string;
  object: 'webhook_delivery';
  job_id: string;
  run: number;
  event: string;
  url: string;
  status: string;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  last_attempt_at: string | null;
  next_attempt_at: string | null;
  delivered_at: string | null;
  created_at: string;
}

export const deliveryView = (row: DeliveryRow): DeliveryView => ({
  id: row.id,
  object: 'webhook_delivery',
  job_id: row.jobId,
  run: row.run,
  event: row.event,
  url: row.url,
  status: row.status,
  attempts: row.attempts,
  last_status: row.lastStatus,
  last_error: row.lastError,
  last_attempt_at: row.lastAttemptAt?.toISOString() ?? null,
  next_attempt_at: row.wakeAt?.toISOString() ?? null,
  delivered_at: row.deliveredAt?.toISOString() ?? null,
  created_at: row.createdAt.toISOString(),
});

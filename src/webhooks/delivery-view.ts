import type { DeliveryRow } from './deliveries.repository.js';

/** A delivery as the API shows it; its id is the `webhook-id` that the receiver sees. */
export interface DeliveryView {
  id: string;
  object: 'webhook_delivery';
  /** Null of a test event. */
  job_id: string | null;
  /** Null of a job's own URL. */
  endpoint_id: string | null;
  run: number;
  event: string;
  url: string;
  status: 'pending' | 'delivered' | 'failed';
  /** Tries since it was written or last redelivered. */
  attempts: number;
  last_attempt_at: string | null;
  /** Of a pending one. */
  next_attempt_at: string | null;
  delivered_at: string | null;
  /** HTTP status and beginning of the last answer; null where there was none. */
  response_status: number | null;
  response_body: string | null;
  /** Why the last try failed. */
  error: string | null;
  created_at: string;
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function deliveryView(row: DeliveryRow): DeliveryView {
  return {
    id: row.id,
    object: 'webhook_delivery',
    job_id: row.jobId,
    endpoint_id: row.endpointId,
    run: row.run,
    event: row.event,
    url: row.url,
    status: row.status === 'delivered' || row.status === 'failed' ? row.status : 'pending',
    attempts: row.attempts,
    last_attempt_at: iso(row.lastAttemptAt),
    next_attempt_at: iso(row.wakeAt),
    delivered_at: iso(row.deliveredAt),
    response_status: row.lastStatus,
    response_body: row.lastResponse,
    error: row.lastError,
    created_at: row.createdAt.toISOString(),
  };
}

import type { JsonObject } from '../common/json.js';
import type { DeliveryRow, TryRow } from './deliveries.repository.js';

/** A delivery as the API shows it; its id is the `webhook-id` that the receiver sees. */
export interface DeliveryView {
  id: string;
  object: 'webhook_delivery';
  /** Null of a test event. */
  job_id: string | null;
  /** Null of a job's own URL. */
  endpoint_id: string | null;
  run: number;
  /** Place among the job's events; null of a test event. */
  sequence: number | null;
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

/** One try, with what went over the wire. */
export interface TryView {
  /** Counts through redeliveries. A number is missing where the worker stopped before the outcome was known. */
  n: number;
  sent_at: string;
  duration_ms: number;
  error: string | null;
  /** Empty where the message never left. */
  request_headers: JsonObject;
  /** Null where no answer came. */
  response: { status: number; headers: JsonObject; body: string } | null;
}

export interface DeliveryDetail extends DeliveryView {
  request: {
    url: string;
    /** Of the last try; empty before the first. */
    headers: JsonObject;
    /** As it would be sent now: links in it last a day. */
    body: JsonObject;
  };
  /** The latest, newest last. */
  tries: TryView[];
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function deliveryView(row: DeliveryRow): DeliveryView {
  return {
    id: row.id,
    object: 'webhook_delivery',
    job_id: row.jobId,
    endpoint_id: row.endpointId,
    run: row.run,
    sequence: row.sequence,
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

/** `tries` oldest first, `body` as it would be sent now. */
export function deliveryDetail(row: DeliveryRow, tries: readonly TryRow[], body: JsonObject): DeliveryDetail {
  const views = tries.map(tryView);
  const headers = views.findLast(({ request_headers }) => Object.keys(request_headers).length > 0)?.request_headers;
  return { ...deliveryView(row), request: { url: row.url, headers: headers ?? {}, body }, tries: views };
}

function tryView(row: TryRow): TryView {
  const { status } = row;
  const headers = row.responseHeaders as JsonObject;
  return {
    n: row.n,
    sent_at: row.sentAt.toISOString(),
    duration_ms: row.durationMs,
    error: row.error,
    request_headers: row.requestHeaders as JsonObject,
    response: status === null ? null : { status, headers, body: row.responseBody ?? '' },
  };
}

import { z } from 'zod';
import type { DeliveryDetail, DeliveryView } from '../../webhooks/delivery-view.js';
import type { RedeliveryView } from '../../webhooks/redeliveries.js';

const time = z.iso.datetime();
const text = z.string();
const whole = z.int();
const object = z.record(z.string(), z.json());

const deliveryFields = {
  id: text.describe('The webhook-id that the receiver sees.'),
  object: z.literal('webhook_delivery'),
  job_id: text.nullable().describe('Null of a test event.'),
  endpoint_id: text.nullable().describe("Null of a job's own URL."),
  run: whole,
  sequence: whole.nullable().describe("Place among the job's events: receivers order messages by it."),
  event: text,
  url: text,
  status: z.enum(['pending', 'delivered', 'failed']),
  attempts: whole,
  last_attempt_at: time.nullable(),
  next_attempt_at: time.nullable(),
  delivered_at: time.nullable(),
  response_status: whole.nullable(),
  response_body: text.nullable(),
  error: text.nullable(),
  created_at: time,
};
export const delivery: z.ZodType<DeliveryView> = z.strictObject(deliveryFields);

export const deliveryDetail: z.ZodType<DeliveryDetail> = z.strictObject({
  ...deliveryFields,
  request: z.strictObject({
    url: text,
    headers: object.describe('Of the last try; empty before the first.'),
    body: object.describe('As it would be sent now: links in it last a day.'),
  }),
  tries: z
    .array(
      z.strictObject({
        n: whole.describe('Counts through redeliveries.'),
        sent_at: time,
        duration_ms: whole,
        error: text.nullable(),
        request_headers: object,
        response: z.strictObject({ status: whole, headers: object, body: text }).nullable(),
      }),
    )
    .describe('The latest 50, newest last.'),
});

export const redelivery: z.ZodType<RedeliveryView> = z.strictObject({
  object: z.literal('webhook_redelivery'),
  count: whole.describe('Messages that go out again.'),
  spread_seconds: whole.describe('Within so many seconds, evenly.'),
  skipped: whole.describe('Left out, since their endpoint is disabled or deleted; counted up to 10,000.'),
  has_more: z.boolean(),
  next_since: time.nullable().describe('`since` of the next call, where there is more.'),
});

export const webhookSecret = z.strictObject({
  object: z.literal('webhook_secret'),
  secret: text.describe('whsec_…, as Standard Webhooks libraries take it.'),
  rotated_at: time,
  previous_expires_at: time.nullable(),
});

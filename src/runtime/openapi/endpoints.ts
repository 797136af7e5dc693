import { z } from 'zod';
import type { EndpointView } from '../../webhooks/endpoint-view.js';
import type { Operation } from './operations.js';

const text = z.string();
const time = z.iso.datetime();
const fields = {
  id: text,
  object: z.literal('webhook_endpoint'),
  url: text,
  description: text.nullable(),
  events: z.array(text).describe('Event types, or `*` for all.'),
  disabled: z.boolean(),
  disabled_at: time.nullable(),
  disabled_reason: z
    .enum(['owner', 'gone', 'failing'])
    .nullable()
    .describe('`gone`: it answered 410. `failing`: nothing was delivered for five days.'),
  failing_since: time.nullable().describe('Since when tries fail and none was delivered.'),
  created_at: time,
  updated_at: time,
};
export const endpoint: z.ZodType<EndpointView> = z.strictObject(fields);
export const createdEndpoint = z.strictObject({ ...fields, secret: text.describe('whsec_…') });

const about = (
  id: string,
  summary: string,
  answers: Operation['answers'],
  more: Partial<Operation> = {},
): Operation => ({ id, tag: 'Webhooks', summary, answers, errors: ['not_found'], ...more });

/** /v1/webhook_endpoints. */
export const ENDPOINTS: Readonly<Record<string, Operation>> = {
  'POST /v1/webhook_endpoints': about(
    'createWebhookEndpoint',
    "Register a receiver of this key's events; its secret is in the answer.",
    { 201: 'CreatedEndpoint' },
    { errors: ['conflict'] },
  ),
  'GET /v1/webhook_endpoints': about('listWebhookEndpoints', 'Registered receivers of this key.', {
    200: 'WebhookEndpoint[]',
  }),
  'GET /v1/webhook_endpoints/{id}': about('getWebhookEndpoint', 'A receiver, without its secret.', {
    200: 'WebhookEndpoint',
  }),
  'PATCH /v1/webhook_endpoints/{id}': about(
    'changeWebhookEndpoint',
    'Change, disable or enable a receiver. What waits for a disabled one is given up.',
    { 200: 'WebhookEndpoint' },
  ),
  'DELETE /v1/webhook_endpoints/{id}': about(
    'deleteWebhookEndpoint',
    'Delete a receiver; what waits for it is not sent any more.',
    { 200: 'Deleted' },
  ),
  'GET /v1/webhook_endpoints/{id}/secret': about(
    'getWebhookEndpointSecret',
    'The secret that its messages are signed with.',
    { 200: 'WebhookSecret' },
  ),
  'POST /v1/webhook_endpoints/{id}/rotate_secret': about(
    'rotateWebhookEndpointSecret',
    'A new secret; until the overlap ends messages carry both signatures.',
    { 200: 'WebhookSecret' },
    { bodyOptional: true },
  ),
  'POST /v1/webhook_endpoints/{id}/test': about(
    'testWebhookEndpoint',
    'Send a `webhook.test` message now, also where the endpoint is disabled.',
    { 202: 'Delivery' },
    { bodyOptional: true },
  ),
};

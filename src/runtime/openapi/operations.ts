import type { z } from 'zod';
import { listUploadsQuery, presignBody } from '../../assets/uploads.controller.js';
import type { ErrorType } from '../../common/error-types.js';
import { adminRedeliverBody, listDeliveriesQuery, redeliverBody } from '../../webhooks/delivery-bodies.js';
import { ACCOUNT } from './account.js';
import { admin } from './admin-operation.js';
import { ENDPOINTS } from './endpoints.js';
import { FACADES } from './facades.js';
import { GATEWAY } from './gateway.js';
import { KEYS } from './keys.js';
import type { SchemaName } from './schemas.js';
import { VIDEOS } from './videos.js';

export type Answer = SchemaName | `${SchemaName}[]` | { type: string; about: string } | { about: string };

export interface Operation {
  id: string;
  tag: keyof typeof TAGS;
  summary: string;
  /** By status. */
  answers: Record<number, Answer>;
  /** Beside those that every operation with a key may answer. */
  errors: ErrorType[];
  /** Needs no key. */
  open?: true;
  query?: z.ZodObject;
  body?: z.ZodObject;
  /** Takes `metadata[name]=value`. */
  metadataFilter?: true;
  /** The body may be left out. */
  bodyOptional?: true;
  multipart?: true;
  /** `body` may come as multipart/form-data, too, or only so. */
  form?: true | 'only';
  /** The schema of refusals, where it is not `Error`. */
  envelope?: SchemaName;
  /** Request headers, beside Idempotency-Key of every POST. */
  headers?: Record<string, string>;
  /** The path as people write it, where the route has a wildcard. */
  path?: string;
}

export const TAGS = {
  Jobs: 'Videos, images and music: post a job, watch it, take what it made.',
  Text: 'Models of language behind three APIs: the same models, whichever a client speaks.',
  Embeddings: 'Vectors of texts.',
  Audio: 'Speech from text, and text from speech.',
  Images: "OpenAI's image endpoints: a job is made and waited for.",
  Videos: "OpenAI's video endpoints: every video is a job.",
  Uploads: 'Reference media.',
  Models: 'What this key may call, with limits, price and input schema.',
  Account: 'What was used, what it cost, and what is left of the day.',
  Webhooks: 'Registered endpoints, signing secrets, and what became of messages.',
  Files: 'Signed links; they need no key.',
  Callbacks: 'Doorbells of providers.',
  Keys: 'The key that asks.',
  Admin:
    'Operations. Needs the admin key, or a key whose role allows it: viewers look, operators act on jobs, lanes and routes, admins on keys too.',
  Health: 'For balancers and scrapers.',
} as const;

const PNG_OR_SO = { about: 'To a fresh link to the bytes.' };
const jobsErrors: ErrorType[] = [
  'not_found',
  'key_model_access_denied',
  'route_unavailable',
  'payload_too_large',
  'unsupported_media_type',
];

/** What the controllers do not say of themselves. A test holds this table and the routes of the app together. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...GATEWAY,
  ...FACADES,
  ...VIDEOS,
  ...ACCOUNT,
  ...KEYS,
  'POST /v1/jobs': {
    id: 'createJob',
    tag: 'Jobs',
    summary: "Post a job. `input` is read against the model's `input_schema`.",
    answers: { 202: 'Job', 200: 'Job' },
    errors: [...jobsErrors, 'asset_deleted', 'job_deleted', 'unusable_media', 'rate_limit_exceeded'],
    headers: { Prefer: '`wait=N`: answer 200 with the finished job when it ends within N (at most 60) seconds.' },
  },
  'POST /v1/jobs/quote': {
    id: 'quoteJob',
    tag: 'Jobs',
    summary: 'What a job would cost, where it would run and how long it would take. Nothing is made.',
    answers: { 200: 'Quote' },
    errors: jobsErrors,
  },
  'GET /v1/jobs': {
    id: 'listJobs',
    tag: 'Jobs',
    summary: 'Jobs of this key, newest first; `metadata[name]=value` filters by metadata.',
    answers: { 200: 'Job[]' },
    errors: ['not_found'],
    metadataFilter: true,
  },
  'GET /v1/jobs/{id}': {
    id: 'getJob',
    tag: 'Jobs',
    summary: 'A job as it is now.',
    answers: { 200: 'Job' },
    errors: ['not_found'],
  },
  'DELETE /v1/jobs/{id}': {
    id: 'deleteJob',
    tag: 'Jobs',
    summary: 'Delete a job that is over, with its files and messages.',
    answers: { 200: 'Deleted' },
    errors: ['not_found', 'job_not_finished', 'attempt_open', 'output_in_use'],
  },
  'GET /v1/jobs/{id}/events': {
    id: 'streamJob',
    tag: 'Jobs',
    summary:
      'Server-sent events: a snapshot, then every event, the whole job with the last. 204 when there will be none.',
    answers: {
      200: { type: 'text/event-stream', about: '`snapshot`, `job.*` and `job.progress` events.' },
      204: { about: 'The job is over and this reader has its last event.' },
    },
    errors: ['not_found'],
    headers: { 'Last-Event-ID': 'The last event the reader has; goes on after it.' },
  },
  'POST /v1/jobs/{id}/cancel': {
    id: 'cancelJob',
    tag: 'Jobs',
    summary: 'Cancel a job; again is no error.',
    answers: { 200: 'Job' },
    errors: ['not_found', 'job_finished'],
    bodyOptional: true,
  },
  'POST /v1/jobs/{id}/replay': {
    id: 'replayJob',
    tag: 'Jobs',
    summary: 'Run a failed or canceled job again under its id.',
    answers: { 202: 'Job' },
    errors: [
      'not_found',
      'rate_limit_exceeded',
      'job_not_replayable',
      'attempt_open',
      'conflict',
      'unusable_media',
      'input_expired',
      'route_unavailable',
    ],
    bodyOptional: true,
  },
  'GET /v1/jobs/{id}/outputs/{n}/content': {
    id: 'getOutputContent',
    tag: 'Jobs',
    summary: 'The bytes of output `n` (from 0), or one of its variants.',
    answers: { 302: PNG_OR_SO },
    errors: ['not_found', 'job_not_finished', 'output_expired'],
  },
  'POST /v1/uploads': {
    id: 'createUpload',
    tag: 'Uploads',
    summary: 'Upload a reference as multipart/form-data with one part `file`.',
    answers: { 201: 'Upload', 202: 'Upload' },
    errors: ['payload_too_large', 'unsupported_media_type', 'unusable_media'],
    multipart: true,
  },
  'GET /v1/uploads': {
    id: 'listUploads',
    tag: 'Uploads',
    summary: 'Uploads of this key.',
    answers: { 200: 'Upload[]' },
    errors: ['not_found'],
    query: listUploadsQuery,
  },
  'POST /v1/uploads/presign': {
    id: 'presignUpload',
    tag: 'Uploads',
    summary: 'A link to PUT exactly these bytes to, within 15 minutes; `complete` it then.',
    answers: { 201: 'Presigned' },
    errors: ['payload_too_large', 'unsupported_media_type'],
    body: presignBody,
  },
  'POST /v1/uploads/{id}/complete': {
    id: 'completeUpload',
    tag: 'Uploads',
    summary: 'Say that the bytes of a presigned upload are there.',
    answers: { 201: 'Upload', 202: 'Upload' },
    errors: ['not_found', 'upload_incomplete', 'unusable_media'],
  },
  'GET /v1/uploads/{id}': {
    id: 'getUpload',
    tag: 'Uploads',
    summary: 'An upload as it is now.',
    answers: { 200: 'Upload' },
    errors: ['not_found'],
  },
  'DELETE /v1/uploads/{id}': {
    id: 'deleteUpload',
    tag: 'Uploads',
    summary: 'Delete an upload that no live job reads.',
    answers: { 200: 'Deleted' },
    errors: ['not_found', 'upload_in_use'],
  },
  'GET /v1/models': {
    id: 'listModels',
    tag: 'Models',
    summary: 'Models that this key may call.',
    answers: { 200: 'Model[]' },
    errors: [],
  },
  'GET /v1/models/{path}': {
    id: 'getModel',
    tag: 'Models',
    summary: 'A model. Ids with slashes work raw and encoded.',
    answers: { 200: 'Model' },
    errors: ['not_found', 'key_model_access_denied'],
    path: '/v1/models/{id}',
  },
  'GET /v1/webhooks/secret': {
    id: 'getWebhookSecret',
    tag: 'Webhooks',
    summary: "The secret that this key's webhooks are signed with.",
    answers: { 200: 'WebhookSecret' },
    errors: [],
  },
  'POST /v1/webhooks/secret/rotate': {
    id: 'rotateWebhookSecret',
    tag: 'Webhooks',
    summary: 'A new secret; for a day messages carry both signatures.',
    answers: { 200: 'WebhookSecret' },
    errors: [],
  },
  ...ENDPOINTS,
  'GET /v1/webhook_deliveries': {
    id: 'listDeliveries',
    tag: 'Webhooks',
    summary: 'Webhook messages of this key.',
    answers: { 200: 'Delivery[]' },
    errors: ['not_found'],
    query: listDeliveriesQuery,
  },
  'GET /v1/webhook_deliveries/{id}': {
    id: 'getDelivery',
    tag: 'Webhooks',
    summary: 'What became of a message: the request and every try with its answer.',
    answers: { 200: 'DeliveryDetail' },
    errors: ['not_found'],
  },
  'POST /v1/webhook_deliveries/{id}/redeliver': {
    id: 'redeliver',
    tag: 'Webhooks',
    summary: 'Send a message once more, under the same id.',
    answers: { 202: 'Delivery' },
    errors: ['not_found', 'conflict'],
  },
  'POST /v1/webhook_deliveries/redeliver': {
    id: 'redeliverMany',
    tag: 'Webhooks',
    summary: 'Send all messages once more that failed since a time.',
    answers: { 202: 'Redelivery' },
    errors: ['not_found'],
    body: redeliverBody,
  },
  'GET /files/{assetId}/{variant}': {
    id: 'getFile',
    tag: 'Files',
    summary: 'The bytes behind a signed link, streamed with Range or from the object store.',
    answers: {
      200: { type: 'application/octet-stream', about: 'The bytes.' },
      206: { type: 'application/octet-stream', about: 'The asked range of them.' },
      302: { about: 'To the object store.' },
    },
    errors: ['invalid_link', 'expired'],
    open: true,
  },
  'POST /callbacks/{provider}/{token}': {
    id: 'ringCallback',
    tag: 'Callbacks',
    summary:
      'Where providers ring when work is done. It makes Kiln ask the provider; what the message says is not read.',
    open: true,
    answers: { 200: { about: 'The ring was heard.' } },
    errors: ['authentication_error', 'not_found', 'payload_too_large', 'unavailable'],
  },
  'PUT /files/put/{token}': {
    id: 'putFile',
    tag: 'Files',
    summary: 'Takes the bytes of a presigned upload.',
    answers: { 200: { about: 'Kept; complete the upload now.' } },
    errors: ['invalid_link', 'already_uploaded'],
    open: true,
  },
  'GET /healthz': {
    id: 'health',
    tag: 'Health',
    summary: 'The process lives.',
    answers: { 200: { about: 'It does.' } },
    errors: [],
    open: true,
  },
  'GET /readyz': {
    id: 'ready',
    tag: 'Health',
    summary: 'Whether this process should be sent requests.',
    answers: { 200: { about: 'It should.' }, 503: { about: 'It should not.' } },
    errors: [],
    open: true,
  },
  'GET /metrics': admin('metrics', 'Prometheus text format.', { 200: { type: 'text/plain', about: 'The metrics.' } }),
  'GET /admin/jobs': admin('adminListJobs', 'Jobs of all keys.', { 200: 'AdminJob[]' }, ['not_found']),
  'GET /admin/jobs/{id}': admin('adminGetJob', "A job of any key's.", { 200: 'AdminJob' }, ['not_found']),
  'POST /admin/jobs/{id}/release': admin('releaseJob', 'Let a quarantined job go on.', { 200: 'AdminJob' }, [
    'not_found',
    'job_not_quarantined',
  ]),
  'POST /admin/jobs/replay': admin('replayJobs', 'Replay many jobs; with `dry_run` only say which and for how much.', {
    202: 'ReplayBatch',
    200: 'ReplayPreview',
  }),
  'GET /admin/replays': admin('listReplays', 'Bulk replays.', { 200: 'ReplayBatch[]' }, ['not_found']),
  'GET /admin/replays/{id}': admin('getReplay', 'How far a bulk replay is.', { 200: 'ReplayBatch' }, ['not_found']),
  'POST /admin/attempts/{id}/resolve': admin(
    'resolveAttempt',
    'Say what became of an attempt whose outcome is unknown.',
    { 200: { about: 'The attempt.' } },
    ['not_found', 'attempt_closed', 'attempt_on_the_wire'],
  ),
  'POST /admin/webhook_deliveries/redeliver': {
    ...admin('adminRedeliver', 'Send all messages once more that failed since a time.', { 202: 'Redelivery' }),
    body: adminRedeliverBody,
  },
  'GET /admin/lanes': admin('listLanes', 'Lanes with their load.', { 200: 'Thing[]' }),
  'POST /admin/lanes/{id}/{action}': {
    ...admin('changeLane', '`pause`, `resume` or `drain` a lane.', { 200: 'Thing' }, ['not_found']),
    bodyOptional: true,
  },
  'GET /admin/routes': admin('listRoutes', 'Routes with their state.', { 200: 'Thing[]' }),
  'POST /admin/routes/{path}': {
    ...admin(
      'changeRoute',
      '`pause`, `resume` or `drain` a route. Ids with slashes work raw and encoded.',
      { 200: 'Thing' },
      ['not_found'],
    ),
    path: '/admin/routes/{id}/{action}',
    bodyOptional: true,
  },
  'GET /admin/events': admin('listEvents', 'What ops were told.', { 200: 'Thing[]' }, ['not_found']),
  'GET /admin/audit': admin('listAudit', 'Who did what.', { 200: 'Thing[]' }, ['not_found']),
};

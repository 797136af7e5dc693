import { z } from 'zod';
import { VARIANTS } from '../../assets/media-types.js';
import type { JsonObject } from '../../common/json.js';
import { pageFields } from '../../common/page.js';
import { EVENT_TYPES } from '../../webhooks/events.js';
import { JOB_STATUSES } from '../domain/states.js';

const MAX_DEADLINE_SECONDS = 7 * 24 * 3600;
const MAX_RETENTION_SECONDS = 365 * 24 * 3600;

const metadata = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((value) => Object.keys(value).length <= 16, { message: 'must have at most 16 keys' });

const routing = z.strictObject({
  allow_substitution: z.boolean().optional(),
  allow_fallback: z.boolean().optional(),
  only: z.array(z.string().min(1).max(128)).min(1).max(20).optional(),
  on_unknown: z.enum(['wait', 'next']).optional(),
});

const webhook = z.strictObject({
  url: z.string().min(1).max(2048),
  events: z.array(z.enum(EVENT_TYPES)).min(1).max(EVENT_TYPES.length).optional(),
});

/** Body of POST /v1/jobs; `input` and `provider_options` are read against the model. */
export const createJobBody = z.strictObject({
  model: z.string().min(1).max(200),
  input: z.record(z.string(), z.unknown()),
  provider_options: z.record(z.string(), z.unknown()).optional(),
  routing: routing.optional(),
  quote_id: z.string().max(4000).optional(),
  webhook: webhook.optional(),
  metadata: metadata.optional(),
  priority: z.enum(['low', 'normal', 'high']).optional(),
  deadline_seconds: z.int().min(1).max(MAX_DEADLINE_SECONDS).optional(),
  start_timeout_seconds: z.int().min(1).max(MAX_DEADLINE_SECONDS).optional(),
  retention_seconds: z.int().min(60).max(MAX_RETENTION_SECONDS).optional(),
});
export type CreateJobBody = z.infer<typeof createJobBody>;

/** Body of POST /v1/jobs/{id}/replay; may be left out. */
export const replayBody = z.strictObject({ route: z.string().min(1).max(200).optional() }).optional();
/** Body of POSTs that take none. */
export const noBody = z.strictObject({}).nullish();

/** Body of POST /v1/jobs/quote: a job, but no quote for it, for a quote would pin itself for ever. */
export const quoteBody = createJobBody.omit({ quote_id: true });
export type QuoteBody = z.infer<typeof quoteBody>;

/** Query of GET /v1/jobs, `metadata[k]` apart. */
export const listJobsQuery = z.looseObject({
  ...pageFields,
  status: z.enum(JOB_STATUSES).optional(),
  model: z.string().max(200).optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
  created_before: z.iso.datetime({ offset: true }).optional(),
});
export type ListJobsQuery = z.output<typeof listJobsQuery>;

export const eventsQuery = z.strictObject({ token: z.string().max(500).optional() });
export const contentQuery = z.strictObject({ variant: z.enum(VARIANTS).default('content') });

const LIST_FIELDS = Object.keys(listJobsQuery.shape);
const METADATA_FIELD = /^metadata\[(.{1,64})\]$/;

/** `metadata[k]=v` of a query, and the names that are no filter at all. */
export function readMetadataFilter(query: Record<string, unknown>): { metadata: JsonObject; unknown: string[] } {
  const filter: JsonObject = {};
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (LIST_FIELDS.includes(name)) continue;
    const [, key] = METADATA_FIELD.exec(name) ?? [];
    if (key !== undefined && typeof value === 'string') filter[key] = value;
    else unknown.push(name);
  }
  return { metadata: filter, unknown };
}

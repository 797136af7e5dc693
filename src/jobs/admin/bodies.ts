import { z } from 'zod';
import { pageFields } from '../../common/page.js';
import { JOB_STATUSES } from '../domain/states.js';

const MAX_AGE_SECONDS = 10 * 365 * 24 * 3600;
const MAX_IDS = 1000;
export const MAX_BATCH = 10_000;

const ageSeconds = z.coerce.number().int().min(0).max(MAX_AGE_SECONDS).optional();
const instant = z.iso.datetime({ offset: true }).optional();

/** Query of GET /admin/jobs; ages count from the job's creation. */
export const adminJobsQuery = z.strictObject({
  ...pageFields,
  status: z.enum(JOB_STATUSES).optional(),
  model: z.string().min(1).max(200).optional(),
  key: z.string().min(1).max(64).optional(),
  error_code: z.string().min(1).max(100).optional(),
  min_age_seconds: ageSeconds,
  max_age_seconds: ageSeconds,
  quarantined: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional(),
});
export type AdminJobsQuery = z.output<typeof adminJobsQuery>;

/** Which jobs a bulk replay takes. Without `status`: failed ones, and of `ids` canceled ones too. */
export const replayFilter = z.strictObject({
  status: z.enum(['failed', 'canceled']).optional(),
  model: z.string().min(1).max(200).optional(),
  key: z.string().min(1).max(64).optional(),
  error_code: z.string().min(1).max(100).optional(),
  created_after: instant,
  created_before: instant,
  ids: z.array(z.string().min(1).max(64)).min(1).max(MAX_IDS).optional(),
});
export type ReplayFilter = z.output<typeof replayFilter>;

/** Body of POST /admin/jobs/replay. The oldest `limit` jobs that fit are taken. */
export const bulkReplayBody = z.strictObject({
  filter: replayFilter,
  dry_run: z.boolean().default(false),
  route: z.string().min(1).max(200).optional(),
  limit: z.int().min(1).max(MAX_BATCH).default(1000),
});
export type BulkReplayBody = z.output<typeof bulkReplayBody>;

/** Query of lists without filters of their own. */
export const pageQuery = z.strictObject(pageFields);
export type PageQuery = z.output<typeof pageQuery>;

export const RESOLUTIONS = ['rejected', 'succeeded', 'abandoned'] as const;

/** Body of POST /admin/attempts/{id}/resolve. */
export const resolveBody = z.strictObject({
  outcome: z.enum(RESOLUTIONS),
  reason: z.string().trim().min(1).max(1000),
});
export type ResolveBody = z.output<typeof resolveBody>;

/** Body of pause, resume and drain; may be left out. */
export const stateBody = z.strictObject({ reason: z.string().trim().min(1).max(500).optional() }).nullish();
export type StateBody = z.output<typeof stateBody>;

export const STATE_ACTIONS = { pause: 'paused', resume: 'open', drain: 'draining' } as const;
export type StateAction = keyof typeof STATE_ACTIONS;

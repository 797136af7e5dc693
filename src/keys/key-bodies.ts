import { z } from 'zod';
import { pageFields } from '../common/page.js';
import { KEY_ROLES } from './auth-key.js';
import { isAddressRange } from '../common/address-ranges.js';

const MODEL_PATTERN = /^[A-Za-z0-9._:/@*-]{1,128}$/;
const MAX_OVERLAP_SECONDS = 30 * 86_400;
const DEFAULT_OVERLAP_SECONDS = 86_400;
export const MAX_REQUESTS_PER_MINUTE = 1_000_000;

const models = z
  .array(z.string().regex(MODEL_PATTERN, 'an alias or a pattern with *, at most 128 of A–Z a–z 0–9 . _ : / @ - *'))
  .max(200);
const addresses = z
  .array(
    z
      .string()
      .trim()
      .refine(isAddressRange, 'an IPv4 or IPv6 address, or a CIDR range such as 10.0.0.0/8 or 2001:db8::/32'),
  )
  .max(200);
/** With seconds and `Z` or an offset; a key that has ended already would be of no use. */
const ending = z.iso
  .datetime({ offset: true, error: 'a time as RFC 3339 has it, such as 2027-01-31T00:00:00Z' })
  .refine((text) => new Date(text).getTime() > Date.now(), 'a time in the future; to end a key at once, disable it');

const FIELDS = {
  name: z.string().trim().min(1).max(100),
  description: z.string().trim().max(1000).nullable(),
  role: z.enum(KEY_ROLES),
  daily_budget_micro_usd: z.int().min(0).nullable(),
  allowed_models: models,
  max_concurrent_jobs: z.int().min(1).max(100_000).nullable(),
  max_queued_jobs: z.int().min(1).max(10_000_000).nullable(),
  weight: z.int().min(1).max(1000),
  requests_per_minute: z.int().min(1).max(MAX_REQUESTS_PER_MINUTE).nullable(),
  expires_at: ending.nullable(),
  allowed_ips: addresses,
};

/** Body of POST /admin/keys. */
export const createKeyBody = z.strictObject({
  ...FIELDS,
  description: FIELDS.description.default(null),
  role: FIELDS.role.default('app'),
  daily_budget_micro_usd: FIELDS.daily_budget_micro_usd.default(null),
  allowed_models: FIELDS.allowed_models.default([]),
  max_concurrent_jobs: FIELDS.max_concurrent_jobs.default(null),
  max_queued_jobs: FIELDS.max_queued_jobs.default(null),
  weight: FIELDS.weight.default(1),
  requests_per_minute: FIELDS.requests_per_minute.default(null),
  expires_at: FIELDS.expires_at.default(null),
  allowed_ips: FIELDS.allowed_ips.default([]),
});
export type CreateKey = z.output<typeof createKeyBody>;

/** Body of PATCH /admin/keys/{id}: what is absent stays, null lifts a limit. */
export const patchKeyBody = z.strictObject({ ...FIELDS, disabled: z.boolean() }).partial();
export type PatchKey = z.output<typeof patchKeyBody>;

/** Body of POST /admin/keys/{id}/rotate, which may be left out. */
export const rotateKeyBody = z
  .strictObject({ overlap_seconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DEFAULT_OVERLAP_SECONDS) })
  .default({ overlap_seconds: DEFAULT_OVERLAP_SECONDS });
export type RotateKey = z.output<typeof rotateKeyBody>;

/** Of commands that take nothing. */
export const emptyBody = z.strictObject({}).optional();

export const listKeysQuery = z.strictObject({
  ...pageFields,
  disabled: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
  name: z.string().min(1).max(100).optional(),
});
export type ListKeysQuery = z.output<typeof listKeysQuery>;

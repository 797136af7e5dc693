import { z } from 'zod';
import { MICRO_USD } from '../common/money.js';

/** An id as it stands in URLs: one or more segments, never `..`. */
export const aliasName = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._:/@-]{0,127}|[A-Za-z0-9._:/@-]{0,125}\/\*)$/,
    'must be 1 to 128 of A–Z a–z 0–9 . _ : / @ -, beginning with a letter or digit, and may end with /*',
  )
  .refine((name) => !name.includes('..'), 'must not contain ".."');
export const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be 1 to 64 of a–z 0–9 . _ -, beginning with a letter or digit');
export const fieldName = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be a field name in snake_case');
export const scalar = z.union([z.string(), z.number(), z.boolean()]);
export const oneOrMore = z
  .union([scalar, z.array(scalar).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]));
export const day = z.iso.date('must be a day as YYYY-MM-DD');
export const seconds = (max: number) => z.number().positive().max(max);

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
  .refine((url) => !new URL(url).username && !new URL(url).password, 'must not hold a user name or password')
  .refine((url) => !/[?#]/.test(url), 'must not hold a query or fragment')
  .transform((url) => url.replace(/\/+$/, ''));

/** US dollars a unit, as people write prices; kept as whole micro-USD. */
export const usd = z
  .number()
  .positive('must be more than 0: nothing is free')
  .max(10_000)
  .refine((value) => Math.abs(value * MICRO_USD - Math.round(value * MICRO_USD)) < 1e-4, 'must have at most 6 decimals')
  .transform((value) => Math.round(value * MICRO_USD));

/** The endpoint sleeps when idle: after how long at the earliest, and how long it may take to wake. */
export const scaleToZero = z.union([
  z.boolean(),
  z.strictObject({ idle_seconds: seconds(86_400), start_seconds: seconds(7200) }).partial(),
]);

/** Where a route's requests go and what it is, whatever is asked of it. */
export const routeShape = {
  provider: name,
  model: z.string().min(1).max(256),
  /** Base URLs; or the name of an environment variable's end: `COMFYUI` reads KILN_ENDPOINTS_COMFYUI. */
  endpoints: z.array(httpUrl).min(1).optional(),
  endpoints_from: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, 'must be of A–Z 0–9 _')
    .optional(),
  credential: name.optional(),
  /** The endpoint may run without asking for the credential. */
  credential_optional: z.boolean().default(false),
  settings: z.record(z.string(), z.json()).default({}),
  retires_on: day.optional(),
  substitute: z.boolean().default(false),
  bridge: z.boolean().default(false),
  scale_to_zero: scaleToZero.default(false),
  /** Routes that stand one after the other and have a weight share the work by it. */
  weight: z.number().positive().max(1_000_000).optional(),
};

export const sandboxPaths = z
  .array(z.string().regex(/^\/[^?#]*[^/?#]$/, 'must be a path that begins with / and does not end with one'))
  .min(1);

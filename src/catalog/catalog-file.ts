import { z } from 'zod';
import type { JsonObject } from '../common/json.js';
import { MICRO_USD } from '../common/money.js';

/** An id as it stands in URLs: one or more segments, never `..`. */
const aliasName = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._:/@-]{0,127}|[A-Za-z0-9._:/@-]{0,125}\/\*)$/,
    'must be 1 to 128 of A–Z a–z 0–9 . _ : / @ -, beginning with a letter or digit, and may end with /*',
  )
  .refine((name) => !name.includes('..'), 'must not contain ".."');
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be 1 to 64 of a–z 0–9 . _ -, beginning with a letter or digit');
const fieldName = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be a field name in snake_case');
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const oneOrMore = z
  .union([scalar, z.array(scalar).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]));
const day = z.iso.date('must be a day as YYYY-MM-DD');
const seconds = (max: number) => z.number().positive().max(max);

const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
  .refine((url) => !new URL(url).username && !new URL(url).password, 'must not hold a user name or password')
  .refine((url) => !/[?#]/.test(url), 'must not hold a query or fragment')
  .transform((url) => url.replace(/\/+$/, ''));

/** US dollars a unit, as people write prices; kept as whole micro-USD. */
const usd = z
  .number()
  .positive('must be more than 0: nothing is free')
  .max(10_000)
  .refine((value) => Math.abs(value * MICRO_USD - Math.round(value * MICRO_USD)) < 1e-4, 'must have at most 6 decimals')
  .transform((value) => Math.round(value * MICRO_USD));

const rate = z.strictObject({
  when: z.record(fieldName, oneOrMore).default({}),
  usd,
  tokens: z.number().positive().max(10_000_000).optional(),
});
const priceUnit = z.enum(['second', 'image', 'song']);

const priceList = z
  .strictObject({
    /** `token`: `usd` is a price a million, and each `per` takes the rate's `tokens`. */
    unit: z.enum([...priceUnit.options, 'token']),
    per: priceUnit.optional(),
    /** The first rate that fits counts. */
    rates: z.array(rate).min(1, 'must hold a price'),
    source: z.string().min(1),
    date: day,
  })
  .refine(
    (list) =>
      list.unit === 'token'
        ? list.per !== undefined && list.rates.every(({ tokens }) => tokens !== undefined)
        : list.per === undefined && list.rates.every(({ tokens }) => tokens === undefined),
    'must hold per, and tokens in every rate, where the unit is token, and only there',
  );
export type PriceListFile = z.output<typeof priceList>;

/** One input field. `type` may be left out where the vocabulary knows only one. */
const field = z.strictObject({
  type: z
    .enum([
      'text',
      'integer',
      'number',
      'boolean',
      'choice',
      'choice_list',
      'size',
      'lora_list',
      'camera',
      'media',
      'media_list',
    ])
    .optional(),
  required: z.boolean().default(false),
  description: z.string().min(1).optional(),
  default: scalar.optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  step: z.int().min(1).optional(),
  max_length: z.int().min(1).max(100_000).optional(),
  max_items: z.int().min(1).max(16).optional(),
  values: z
    .array(z.union([z.string(), z.number()]))
    .min(1)
    .optional(),
  /** Type `lora_list`: whether links are taken beside names. */
  urls: z.boolean().optional(),
});
export type FieldFile = z.output<typeof field>;

const rule = z
  .strictObject({
    when: z.record(fieldName, z.union([z.literal('given').transform(() => true as const), oneOrMore])),
    require: z.record(fieldName, oneOrMore).optional(),
    needs: z.array(fieldName).min(1).optional(),
    excludes: z.array(fieldName).min(1).optional(),
    because: z.string().min(1),
  })
  .refine(
    (value) => [value.require, value.needs, value.excludes].filter((part) => part !== undefined).length === 1,
    'must hold exactly one of require, needs, excludes',
  );

/** The endpoint sleeps when idle: after how long at the earliest, and how long it may take to wake. */
const scaleToZero = z.union([
  z.boolean(),
  z.strictObject({ idle_seconds: seconds(86_400), start_seconds: seconds(7200) }).partial(),
]);

const route = z.strictObject({
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
  lane: name,
  settings: z.record(z.string(), z.json()).default({}),
  /** A list of `prices` by name, or written out. */
  upstream_price: z.union([name, priceList]),
  retires_on: day.optional(),
  substitute: z.boolean().default(false),
  bridge: z.boolean().default(false),
  scale_to_zero: scaleToZero.default(false),
  /** Most runs of this route at once, within its lane. */
  capacity: z.int().min(1).max(1_000_000).optional(),
  /** Routes that stand one after the other and have a weight share the work by it. */
  weight: z.number().positive().max(1_000_000).optional(),
  spill: z.union([z.enum(['never', 'at_once']), z.strictObject({ after_ms: z.int().min(0) })]).default('never'),
  max_run_seconds: seconds(86_400),
  submit_timeout_ms: z.int().min(1000).max(600_000).default(60_000),
  poll_interval_ms: z.int().min(100).max(600_000).default(5000),
  polls_per_second: z.number().positive().max(10_000).nullable().default(null),
  expected_seconds: seconds(86_400),
  unknown_ttl_seconds: seconds(30 * 86_400).default(86_400),
  /** Where the sandbox serves this wire; without it the sandbox does not stand in. */
  sandbox: z
    .strictObject({
      paths: z
        .array(z.string().regex(/^\/[^?#]*[^/?#]$/, 'must be a path that begins with / and does not end with one'))
        .min(1),
      expected_seconds: seconds(3600).default(3),
      poll_interval_ms: z.int().min(100).max(60_000).default(500),
      /** The sandbox's servers are always up, unless this says otherwise. */
      scale_to_zero: scaleToZero.default(false),
    })
    .optional(),
});
export type RouteFile = z.output<typeof route>;

const model = z.strictObject({
  modality: z.enum(['video', 'image', 'music']),
  title: z.string().min(1),
  description: z.string().min(1),
  created: day,
  operations: z.array(z.string()).min(1),
  input: z.record(fieldName, field),
  rules: z.array(rule).default([]),
  refused: z.record(fieldName, z.string().min(1)).default({}),
  /** The input field that takes the clip to edit, or to extend. */
  clips: z.strictObject({ edit: fieldName.optional(), extend: fieldName.optional() }).default({}),
  price: z.union([name, priceList]),
  /** Client price = list × this; without it the platform's. */
  multiplier: z.number().positive().max(100).optional(),
  deadline_seconds: z
    .int()
    .min(10)
    .max(7 * 86_400)
    .default(3600),
  routes: z.record(name, route),
  /** Order of choice; without it the order written. */
  route_order: z.array(name).optional(),
});
export type ModelFile = z.output<typeof model>;

const lane = z
  .strictObject({
    /** Parallel runs; without it, `per_endpoint` × the lane's endpoints. */
    capacity: z.int().min(1).max(1_000_000).optional(),
    per_endpoint: z.int().min(1).max(10_000).optional(),
  })
  .refine(
    (value) => value.capacity !== undefined || value.per_endpoint !== undefined,
    'must hold capacity or per_endpoint',
  );

/** What the shipped files and an overlay make together. */
export const catalogFile = z.strictObject({
  platform_multiplier: z.number().positive().max(100),
  prices: z.record(name, priceList).default({}),
  lanes: z.record(name, lane),
  models: z.record(aliasName, model),
});
export type CatalogFile = z.output<typeof catalogFile>;

export const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** JSON Merge Patch (RFC 7396): objects merge by key, null removes, anything else replaces. */
export function mergePatch(base: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(base) ? base : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value) as JsonObject[string]);
  }
  return Object.fromEntries(merged);
}

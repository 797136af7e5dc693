import { z } from 'zod';
import type { JsonObject } from '../common/json.js';
import {
  aliasName,
  day,
  fieldName,
  name,
  oneOrMore,
  routeShape,
  sandboxPaths,
  scalar,
  scaleToZero,
  seconds,
  usd,
} from './file-values.js';
import { syncModelFile, usagePriceFile } from './sync-file.js';

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

const route = z.strictObject({
  ...routeShape,
  lane: name,
  /** A list of `prices` by name, or written out. */
  upstream_price: z.union([name, priceList]),
  /** Most runs of this route at once, within its lane. */
  capacity: z.int().min(1).max(1_000_000).optional(),
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
      paths: sandboxPaths,
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
  models: z.record(aliasName, z.discriminatedUnion('modality', [model, syncModelFile])),
  usage_prices: z.record(name, usagePriceFile).default({}),
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

import { z } from 'zod';
import { day, name, routeShape, sandboxPaths, scaleToZero, seconds, usd } from './file-values.js';
import { FEATURES } from './sync-schema.js';

/** US dollars a million, by what is counted; minutes of audio are written by the minute. */
const usageRates = z
  .strictObject({
    input: usd,
    cache_read: usd,
    cache_write: usd,
    cache_write_1h: usd,
    input_audio: usd,
    output: usd,
    output_audio: usd,
    characters: usd,
    audio_minute: usd,
  })
  .partial()
  .refine((rates) => Object.keys(rates).length > 0, 'must hold a price');
export type UsageRatesFile = z.output<typeof usageRates>;

export const usagePriceFile = z.strictObject({
  rates: usageRates,
  /** Where a longer input has another price: above so many tokens the whole request costs by these rates. */
  long: z.strictObject({ above_input_tokens: z.int().min(1), rates: usageRates }).optional(),
  source: z.string().min(1),
  date: day,
});
export type UsagePriceFile = z.output<typeof usagePriceFile>;

const tokens = z.int().min(1).max(100_000_000);

const traits = z
  .strictObject({
    features: z.array(z.enum(FEATURES)),
    sampling: z.boolean(),
    thinking: z.enum(['none', 'budget', 'adaptive']),
    efforts: z.array(z.string().min(1)),
    forced_tools: z.boolean(),
    prefill: z.boolean(),
    max_tokens_field: z.enum(['max_completion_tokens', 'max_tokens']),
    system_role: z.enum(['system', 'developer']),
    stream_usage: z.boolean(),
    cache_marks: z.boolean(),
    reasoning_field: z.enum(['reasoning_content', 'reasoning']),
    signs_calls: z.boolean(),
  })
  .partial();
export type TraitsFile = z.output<typeof traits>;

const price = z.union([name, usagePriceFile]);

const syncRouteFile = z
  .strictObject({
    ...routeShape,
    /** What the provider asks for usage: a list of `usage_prices` by name, or written out. */
    price: price.optional(),
    /** Of a wildcard: prices by the beginning of the provider's model id; the longest that fits counts. */
    prices: z.record(z.string().min(1).max(128), price).optional(),
    /** The provider lists its prices itself, model by model. */
    price_list: z.literal(true).optional(),
    context_tokens: tokens.optional(),
    max_output_tokens: tokens.optional(),
    traits: traits.default({}),
    first_byte_timeout_ms: z.int().min(1000).max(600_000).default(60_000),
    timeout_ms: z.int().min(1000).max(3_600_000).default(300_000),
    idle_timeout_ms: z.int().min(1000).max(600_000).default(60_000),
    sandbox: z.strictObject({ paths: sandboxPaths, scale_to_zero: scaleToZero.default(false) }).optional(),
  })
  .refine(
    (route) => [route.price, route.prices, route.price_list].some((one) => one !== undefined),
    'must hold price, prices or price_list: nothing is free',
  );
export type SyncRouteFile = z.output<typeof syncRouteFile>;

export const syncModelFile = z.strictObject({
  modality: z.enum(['text', 'embedding', 'speech', 'transcription']),
  title: z.string().min(1),
  description: z.string().min(1),
  created: day,
  context_tokens: tokens.optional(),
  max_output_tokens: tokens.optional(),
  /** Of every route that does not say otherwise. */
  traits: traits.default({}),
  /** More facts for /v1/models: voices, formats, dimensions. */
  limits: z.record(z.string(), z.json()).default({}),
  /** Client price = list × this; without it the platform's. */
  multiplier: z.number().positive().max(100).optional(),
  routes: z.record(name, syncRouteFile),
  /** Order of choice; without it the order written. */
  route_order: z.array(name).optional(),
  /** Until an answer must have begun, a whole one have come: all routes together. */
  deadline_seconds: seconds(7200).default(600),
});
export type SyncModelFile = z.output<typeof syncModelFile>;

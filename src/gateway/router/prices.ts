import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { catalogPrice } from '../../catalog/route-price.js';
import type { SyncRoute, UsagePrice, UsageRates } from '../../catalog/sync-schema.js';
import { HOUR_MS, type Clock, systemClock } from '../../common/time.js';
import { EGRESS, type Egress } from '../../egress/egress.js';
import { Logger } from '../../telemetry/logger.js';

const usdPerToken = z.string().nullish();
const ratesShape = z
  .object({
    prompt: usdPerToken,
    completion: usdPerToken,
    input_cache_read: usdPerToken,
    input_cache_write: usdPerToken,
    input_cache_write_1h: usdPerToken,
    audio: usdPerToken,
    audio_output: usdPerToken,
  })
  .partial();

/**
 * OpenRouter's GET /models: prices are US dollars a token, as text (OpenRouter docs, "Models"). `overrides` hold where the
 * prompt is longer than `min_prompt_tokens`, or in hours of the day; what one leaves out stays (its OpenAPI file,
 * `PricingOverride`).
 */
const modelList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      pricing: ratesShape
        .extend({
          /** US dollars a request. */
          request: usdPerToken,
          overrides: z.array(ratesShape.extend({ min_prompt_tokens: z.number().nullish() })).nullish(),
        })
        .nullish(),
    }),
  ),
});
type Listed = NonNullable<z.output<typeof modelList>['data'][number]['pricing']>;

const FRESH_MS = HOUR_MS;
/** A list that could not be fetched is asked for again after this. */
const TRY_AGAIN_MS = 60_000;
const MICRO_USD_A_MILLION = 1e12;
const LIST_MAX_BYTES = 32 * 1024 * 1024;
const LIST_TIMEOUT_MS = 10_000;

interface PriceList {
  prices: ReadonlyMap<string, Omit<UsagePrice, 'multiplier'>>;
  /** When to ask again. */
  until: number;
}

/** Micro-USD a million tokens; rounded up so that a list price is never undercut. Undefined for what is no price above 0. */
function rate(text: string | null | undefined): number | undefined {
  const usd = Number(text ?? '');
  return Number.isFinite(usd) && usd > 0 ? Math.ceil(usd * MICRO_USD_A_MILLION - 1e-6) : undefined;
}

/**
 * What a route costs: by the catalog, by the longest beginning of a wildcard's list that fits, else by the provider's own
 * list of models, which is fetched when first needed, refreshed each hour and kept while it can't be.
 */
@Injectable()
export class RoutePrices {
  private readonly lists = new Map<string, PriceList>();
  private readonly fetching = new Map<string, Promise<void>>();

  constructor(
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly logger: Logger,
  ) {}

  /** Null: nobody knows, so the route is not asked. */
  async of(route: SyncRoute, now: Clock = systemClock): Promise<UsagePrice | null> {
    const known = catalogPrice(route);
    if (known) return known;
    const [endpoint] = route.endpoints;
    if (endpoint === undefined || route.prices.size > 0) return null;
    const listed = (await this.list(endpoint, now())).get(route.model);
    return listed ? { ...listed, multiplier: route.multiplier } : null;
  }

  /** Whether the route's prices stand in a list that could not be fetched yet. */
  isAway({ endpoints: [endpoint = ''] }: SyncRoute): boolean {
    return this.lists.get(endpoint)?.prices.size === 0;
  }

  private async list(endpoint: string, now: Date): Promise<PriceList['prices']> {
    const known = this.lists.get(endpoint);
    if (known && known.until > now.getTime()) return known.prices;
    const running = this.fetching.get(endpoint) ?? this.fetch(endpoint, now);
    this.fetching.set(endpoint, running);
    // An old list serves while a new one is fetched.
    if (!known) await running;
    return this.lists.get(endpoint)?.prices ?? new Map<string, never>();
  }

  private async fetch(endpoint: string, now: Date): Promise<void> {
    const old = this.lists.get(endpoint);
    try {
      const answer = await this.egress.configured(`${endpoint}/models`, {
        timeoutMs: LIST_TIMEOUT_MS,
        maxBytes: LIST_MAX_BYTES,
      });
      if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`);
      const prices = pricesOf(modelList.parse(await answer.json()), new URL(endpoint).host, now);
      this.lists.set(endpoint, { prices, until: now.getTime() + FRESH_MS });
    } catch (error) {
      this.logger.warn({ err: error, endpoint }, 'the list of prices could not be fetched; the last one stands');
      this.lists.set(endpoint, { prices: old?.prices ?? new Map(), until: now.getTime() + TRY_AGAIN_MS });
    } finally {
      this.fetching.delete(endpoint);
    }
  }
}

function pricesOf(list: z.output<typeof modelList>, host: string, now: Date): PriceList['prices'] {
  const terms = { source: `${host}/models`, date: now.toISOString().slice(0, 10) };
  return new Map(
    list.data.flatMap(({ id, pricing }) => {
      const price = pricing ? priceOf(pricing) : null;
      return price === null ? [] : [[id, { ...price, ...terms }] as const];
    }),
  );
}

/** Null where a token of either kind has no price, and where a request costs beside its tokens: that is not held for. */
function priceOf(listed: Listed): Pick<UsagePrice, 'rates' | 'long'> | null {
  const rates = ratesOf(listed);
  if (rates.input === undefined || rates.output === undefined || rate(listed.request) !== undefined) return null;
  const overrides = listed.overrides ?? [];
  const ofHours = overrides.filter((one) => (one.min_prompt_tokens ?? 0) <= 0).map(ratesOf);
  const ofLength = overrides.filter((one) => (one.min_prompt_tokens ?? 0) > 0);
  // At any hour the dearest stands, so that none is undercut; above the first of several limits, that of all of them.
  const usual = dearestOf([rates, ...ofHours]);
  const aboveInputTokens = Math.min(...ofLength.map((one) => one.min_prompt_tokens ?? 0));
  return {
    rates: usual,
    long:
      ofLength.length === 0
        ? null
        : {
            aboveInputTokens,
            rates: { ...usual, ...dearestOf(ofLength.map((one) => ratesOf({ ...listed, ...one }))) },
          },
  };
}

function ratesOf(listed: z.output<typeof ratesShape>): UsageRates {
  const input = rate(listed.prompt);
  const cacheWrite = rate(listed.input_cache_write);
  // Anthropic's, which ask more for writing than for reading, ask twice the input for an hour.
  const forAnHour = input !== undefined && cacheWrite !== undefined && cacheWrite > input ? 2 * input : undefined;
  return {
    input,
    output: rate(listed.completion),
    cacheRead: rate(listed.input_cache_read),
    cacheWrite,
    cacheWrite1h: rate(listed.input_cache_write_1h) ?? forAnHour,
    inputAudio: rate(listed.audio),
    outputAudio: rate(listed.audio_output),
  };
}

/** Of each kind the dearest that any of them has. */
function dearestOf(all: readonly UsageRates[]): UsageRates {
  const dearest: UsageRates = {};
  for (const rates of all)
    for (const [kind, microUsd] of Object.entries(rates) as [keyof UsageRates, number | undefined][])
      if (microUsd !== undefined) dearest[kind] = Math.max(dearest[kind] ?? 0, microUsd);
  return dearest;
}

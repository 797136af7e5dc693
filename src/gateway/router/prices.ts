import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { catalogPrice } from '../../catalog/route-price.js';
import type { SyncRoute, UsagePrice } from '../../catalog/sync-schema.js';
import { HOUR_MS, type Clock, systemClock } from '../../common/time.js';
import { EGRESS, type Egress } from '../../egress/egress.js';
import { Logger } from '../../telemetry/logger.js';

/** OpenRouter's GET /models: prices are US dollars a token, as text (OpenRouter docs, "Models"). */
const modelList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      pricing: z
        .object({
          prompt: z.string(),
          completion: z.string(),
          input_cache_read: z.string().nullish(),
          input_cache_write: z.string().nullish(),
          audio: z.string().nullish(),
        })
        .partial()
        .nullish(),
    }),
  ),
});

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
  const source = `${host}/models`;
  const date = now.toISOString().slice(0, 10);
  return new Map(
    list.data.flatMap(({ id, pricing }) => {
      const [input, output] = [rate(pricing?.prompt), rate(pricing?.completion)];
      if (input === undefined || output === undefined) return [];
      const rates = {
        input,
        output,
        cacheRead: rate(pricing?.input_cache_read),
        cacheWrite: rate(pricing?.input_cache_write),
        inputAudio: rate(pricing?.audio),
      };
      return [[id, { rates, long: null, source, date }] as const];
    }),
  );
}

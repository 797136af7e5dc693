import type { SyncRoute, UsagePrice, UsageRates } from './sync-schema.js';

/**
 * What the catalog says a route asks: its price, or that of the longest beginning of a wildcard's list that its model's id
 * has. Null where it says nothing of this model.
 */
export function catalogPrice(route: Pick<SyncRoute, 'price' | 'prices' | 'model'>): UsagePrice | null {
  if (route.price) return route.price;
  const [start] = [...route.prices.keys()]
    .filter((one) => route.model.startsWith(one))
    .toSorted((a, b) => b.length - a.length);
  return start === undefined ? null : (route.prices.get(start) ?? null);
}

const MILLION = 1_000_000;

interface Counted {
  rate: keyof UsageRates;
  /** What is counted, as clients read it. */
  of: string;
  /** So many of it make the price that is shown. */
  per: number;
}

/** How prices are shown: tokens and characters by the million, sound by the minute. */
const COUNTED: readonly Counted[] = [
  { rate: 'input', of: 'input_tokens', per: MILLION },
  { rate: 'cacheRead', of: 'cache_read_tokens', per: MILLION },
  { rate: 'cacheWrite', of: 'cache_write_tokens', per: MILLION },
  { rate: 'cacheWrite1h', of: 'cache_write_1h_tokens', per: MILLION },
  { rate: 'inputAudio', of: 'input_audio_tokens', per: MILLION },
  { rate: 'output', of: 'output_tokens', per: MILLION },
  { rate: 'outputAudio', of: 'output_audio_tokens', per: MILLION },
  { rate: 'characters', of: 'characters', per: MILLION },
  { rate: 'audioSeconds', of: 'audio_seconds', per: 60 },
];

/** What a client pays for `per` of a kind. */
export interface ShownRate {
  of: string;
  per: number;
  priceMicroUsd: number;
}

/** Rates × multiplier, in the order clients read them. Rounded to what a whole request can't tell apart. */
export function shownRates(rates: UsageRates, multiplier: number): ShownRate[] {
  return COUNTED.flatMap(({ rate, of, per }) => {
    const microUsd = rates[rate];
    if (microUsd === undefined) return [];
    return [{ of, per, priceMicroUsd: Number(((microUsd * multiplier * per) / MILLION).toFixed(3)) }];
  });
}

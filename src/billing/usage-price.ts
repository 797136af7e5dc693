import type { UsagePrice, UsageRates } from '../catalog/sync-schema.js';
import type { JsonObject } from '../common/json.js';
import { ceilSum } from './exact.js';
import type { Usage } from './usage.js';

/** The most that a request can use. */
export interface UsageBound {
  /** All input, audio included. */
  inputTokens: number;
  /** Whether audio is part of the input. */
  inputAudio: boolean;
  /** Whether the client asked for cache entries that live an hour. */
  cacheWrite1h: boolean;
  outputTokens: number;
  /** Whether the client asked for spoken output. */
  outputAudio: boolean;
  characters: number;
  audioSeconds: number;
}

export const NO_BOUND: UsageBound = Object.freeze({
  inputTokens: 0,
  inputAudio: false,
  cacheWrite1h: false,
  outputTokens: 0,
  outputAudio: false,
  characters: 0,
  audioSeconds: 0,
});

type Kind = keyof UsageRates;
type Quantities = Partial<Record<Kind, number>>;

/** Whose rate a kind costs by, own first. */
const FALLBACKS: Readonly<Record<Kind, readonly Kind[]>> = {
  input: ['input'],
  cacheRead: ['cacheRead', 'input'],
  cacheWrite: ['cacheWrite', 'input'],
  cacheWrite1h: ['cacheWrite1h', 'cacheWrite', 'input'],
  inputAudio: ['inputAudio', 'input'],
  output: ['output'],
  outputAudio: ['outputAudio', 'output'],
  characters: ['characters'],
  audioSeconds: ['audioSeconds'],
};

/** Rates in order: what the first has no rate for costs by the next. */
type Tariff = readonly UsageRates[];

/** A kind that the price has no rate for is no part of it: of speech priced by characters, tokens are only counted. */
function rateOf(tariff: Tariff, kind: Kind): number {
  for (const rates of tariff)
    for (const one of FALLBACKS[kind]) {
      const rate = rates[one];
      if (rate !== undefined) return rate;
    }
  return 0;
}

const tariffFor = ({ rates, long }: UsagePrice, inputTokens: number): Tariff =>
  long !== null && inputTokens > long.aboveInputTokens ? [long.rates, rates] : [rates];

const count = (value: number): number => (Number.isFinite(value) && value > 0 ? value : 0);

/** Each token once, under the kind it is billed as, even where a provider's parts don't add up to its total. */
function quantitiesOf(usage: Usage): Quantities {
  const cacheRead = count(usage.cacheReadTokens);
  const cacheWrite = count(usage.cacheWriteTokens);
  const cacheWrite1h = count(usage.cacheWrite1hTokens);
  const uncached = Math.max(0, count(usage.inputTokens) - cacheRead - cacheWrite - cacheWrite1h);
  // Audio that was read from the cache is billed as that.
  const inputAudio = Math.min(count(usage.inputAudioTokens), uncached);
  const output = count(usage.outputTokens);
  const outputAudio = Math.min(count(usage.outputAudioTokens), output);
  return {
    input: uncached - inputAudio,
    cacheRead,
    cacheWrite,
    cacheWrite1h,
    inputAudio,
    output: output - outputAudio,
    outputAudio,
    characters: count(usage.characters),
    audioSeconds: count(usage.audioSeconds),
  };
}

const inputOf = (quantities: Quantities): number =>
  (['input', 'cacheRead', 'cacheWrite', 'cacheWrite1h', 'inputAudio'] as const).reduce(
    (sum, kind) => sum + (quantities[kind] ?? 0),
    0,
  );

/** Micro-USD of the quantities × `multiplier`, rounded up once. */
function costOf(quantities: Quantities, tariff: Tariff, multiplier: number): number {
  const products = (Object.entries(quantities) as [Kind, number][])
    .filter(([, quantity]) => quantity > 0)
    .map(([kind, quantity]) => [quantity, rateOf(tariff, kind), multiplier]);
  return ceilSum(products, true);
}

/** Providers report dollars as binary fractions: below a millionth of a micro-USD there is only dust. */
const withoutDust = (microUsd: number): number => Math.round(count(microUsd) * 1e6) / 1e6;

/**
 * What a request that used this costs the client, and what it cost Kiln, in whole micro-USD rounded up once. Where the
 * provider reports its cost, that is Kiln's cost, and the client pays no less than it × multiplier.
 */
export function priceUsage(usage: Usage, price: UsagePrice): { amountMicroUsd: number; upstreamCostMicroUsd: number } {
  const quantities = quantitiesOf(usage);
  const tariff = tariffFor(price, inputOf(quantities));
  const amountMicroUsd = costOf(quantities, tariff, price.multiplier);
  if (usage.reportedCostMicroUsd === undefined)
    return { amountMicroUsd, upstreamCostMicroUsd: costOf(quantities, tariff, 1) };
  const reported = withoutDust(usage.reportedCostMicroUsd);
  return {
    amountMicroUsd: Math.max(amountMicroUsd, ceilSum([[reported, price.multiplier]])),
    upstreamCostMicroUsd: ceilSum([[reported]]),
  };
}

/**
 * What to hold: the most that any usage within the bound costs on any of the routes, in whole micro-USD. Input counts at
 * the dearest kind that it can turn out to be.
 */
export function worstCase(bound: UsageBound, prices: readonly UsagePrice[]): number {
  if (prices.length === 0) throw new RangeError('there is no price to hold by');
  return Math.max(...prices.map((price) => worstOf(bound, price)));
}

/**
 * How much of a request's measure `microUsd` pays for on every one of the routes, `most` at most: the largest `amount` whose
 * `worstCase(boundOf(amount))` is no more. Null where not even none of it is paid for.
 */
export function mostWithin(
  microUsd: number,
  prices: readonly UsagePrice[],
  most: number,
  boundOf: (amount: number) => UsageBound,
): number | null {
  const fits = (amount: number): boolean => worstCase(boundOf(amount), prices) <= microUsd;
  if (!fits(0)) return null;
  if (fits(most)) return most;
  // Costs never fall with use: by halves, between what fits and what does not.
  let [fitting, beyond] = [0, most];
  while (beyond - fitting > 1) {
    const middle = Math.floor((fitting + beyond) / 2);
    if (fits(middle)) fitting = middle;
    else beyond = middle;
  }
  return fitting;
}

function worstOf(bound: UsageBound, price: UsagePrice): number {
  const whole = atDearest(bound, price);
  const limit = price.long?.aboveInputTokens ?? bound.inputTokens;
  // Below the limit other rates hold, which nothing says are the lower ones.
  return bound.inputTokens <= limit ? whole : Math.max(whole, atDearest({ ...bound, inputTokens: limit }, price));
}

function atDearest(bound: UsageBound, price: UsagePrice): number {
  const tariff = tariffFor(price, bound.inputTokens);
  const dearest = (kinds: readonly Kind[]): Kind =>
    kinds.reduce((most, kind) => (rateOf(tariff, kind) > rateOf(tariff, most) ? kind : most));
  const inputs: Kind[] = ['input', 'cacheRead', 'cacheWrite'];
  if (bound.cacheWrite1h) inputs.push('cacheWrite1h');
  if (bound.inputAudio) inputs.push('inputAudio');
  const quantities: Quantities = {
    [dearest(inputs)]: bound.inputTokens,
    [dearest(bound.outputAudio ? ['output', 'outputAudio'] : ['output'])]: bound.outputTokens,
    characters: bound.characters,
    audioSeconds: bound.audioSeconds,
  };
  return costOf(quantities, tariff, price.multiplier);
}

const snapshots = new WeakMap<UsagePrice, JsonObject>();

/** A price as JSON; made once for each, since prices never change. */
function snapshotOf(price: UsagePrice): JsonObject {
  const known = snapshots.get(price);
  if (known) return known;
  const made = JSON.parse(JSON.stringify(price)) as JsonObject;
  snapshots.set(price, made);
  return made;
}

/**
 * What stays with the ledger rows: by what prices, and for how much use, an amount was held. Where less was to be had, the row
 * says `fullMicroUsd` for what the bound costs, and `amountMicroUsd` is what was held.
 */
export function holdSnapshot(
  bound: UsageBound,
  routes: readonly { id: string; price: UsagePrice }[],
  amountMicroUsd: number,
): JsonObject {
  return {
    unit: 'usage',
    amountMicroUsd,
    bound: { ...bound },
    routes: routes.map(({ id, price }) => ({ id, price: snapshotOf(price) })),
  };
}

import type { JsonObject } from '../common/json.js';
import type { PriceRule, PriceUnit, Rate } from '../catalog/schema.js';

/** A price as it stood when the work was accepted; kept with every ledger row. */
export type PriceSnapshot = {
  /** What the work costs: ceil(quantity × unit price × multiplier); of tokens, the price is one of a million. */
  amountMicroUsd: number;
  unit: PriceRule['unit'];
  quantity: number;
  /** List price of one unit; of a million tokens. */
  unitPriceMicroUsd: number;
  multiplier: number;
  source: string;
  date: string;
  model: string;
};

/** Binary dust of a product such as 0.1 × 3 must not become a micro-dollar. */
const DUST = 1e-6;
const TOKENS_PER_PRICE = 1_000_000;

function quantityOf(unit: PriceUnit, input: JsonObject): number {
  switch (unit) {
    case 'second':
      return positive(input['duration_seconds'], 'duration_seconds');
    case 'image':
      return positive(input['n'] ?? 1, 'n');
    case 'song':
      return 1;
  }
}

function positive(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new Error(`can't price ${name} ${JSON.stringify(value)}`);
}

const applies = (rate: Rate, input: JsonObject): boolean =>
  Object.entries(rate.when).every(([name, values]) => values.some((value) => value === input[name]));

/**
 * What `input`, with its defaults applied, costs by `rule`, in whole micro-USD rounded up. The catalog's loader has checked
 * that a rate fits every input the model takes, so a throw is a bug and never a price of 0.
 */
export function priceOf(rule: PriceRule, input: JsonObject, model: { id: string }): PriceSnapshot {
  const rate = rule.rates.find((one) => applies(one, input));
  if (!rate) throw new Error(`no rate of ${model.id} fits ${JSON.stringify(Object.keys(input))}`);
  const isTokens = rule.unit === 'token';
  const quantity = isTokens ? quantityOf(rule.per, input) * (rate.tokens ?? 0) : quantityOf(rule.unit, input);
  const unitMicroUsd = isTokens ? rate.microUsd / TOKENS_PER_PRICE : rate.microUsd;
  return {
    amountMicroUsd: Math.ceil(quantity * unitMicroUsd * rule.multiplier - DUST),
    unit: rule.unit,
    quantity,
    unitPriceMicroUsd: rate.microUsd,
    multiplier: rule.multiplier,
    source: rule.source,
    date: rule.date,
    model: model.id,
  };
}

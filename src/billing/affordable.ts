import type { FieldSpec, Model, PriceUnit } from '../catalog/schema.js';
import type { JsonObject } from '../common/json.js';
import type { Affordable } from './budget-refusals.js';
import { priceOf } from './price.js';

/** Fields that a price is counted by; a song is one. */
const MEASURES: Readonly<Record<PriceUnit, 'duration_seconds' | 'n' | null>> = {
  second: 'duration_seconds',
  image: 'n',
  song: null,
};

/** Values the field takes, largest first; of a range, the whole numbers and its end. */
function valuesOf(spec: FieldSpec | undefined): number[] {
  if (spec?.type !== 'integer' && spec?.type !== 'number') return [];
  if (spec.values) return spec.values.toSorted((a, b) => b - a);
  const { min, max } = spec;
  if (min === undefined || max === undefined) return [];
  const whole = Math.floor(max);
  const values = Array.from({ length: Math.max(0, whole - Math.ceil(min) + 1) }, (_, n) => whole - n);
  return whole === max ? values : [max, ...values];
}

/**
 * The longest clip, or the most pictures, that the model makes of an otherwise equal input for what is left; nothing where
 * not even the least fits, or where the price does not depend on it. `input` has its defaults applied; `isAllowed` says
 * whether the model takes the value beside the other fields.
 */
export function affordableOf(
  model: Pick<Model, 'id' | 'fields' | 'price'>,
  input: JsonObject,
  leftMicroUsd: number,
  isAllowed: (name: string, value: number) => boolean,
): Affordable {
  const { price } = model;
  const name = MEASURES[price.unit === 'token' ? price.per : price.unit];
  if (name === null) return {};
  const most = valuesOf(model.fields[name]).find(
    (value) =>
      priceOf(price, { ...input, [name]: value }, model).amountMicroUsd <= leftMicroUsd && isAllowed(name, value),
  );
  return most === undefined ? {} : { [name]: most };
}

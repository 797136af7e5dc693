import type { PriceListFile } from './catalog-file.js';
import { CatalogProblem } from './model-fields.js';
import type { FieldSpec, PriceRule, Scalar } from './schema.js';

/** More combinations of priced fields than this are a mistake. */
const COMBINATIONS_MAX = 4096;

/** Values a field can have once parsed; null where they can't be listed. */
function domainOf(spec: FieldSpec): (Scalar | undefined)[] | null {
  const absent = spec.required || ('default' in spec && spec.default !== undefined) ? [] : [undefined];
  if (spec.type === 'boolean') return [true, false, ...absent];
  if (spec.type === 'choice') return [...spec.values, ...absent];
  if ((spec.type === 'integer' || spec.type === 'number') && spec.values) return [...spec.values, ...absent];
  return null;
}

const isCertain = (spec: FieldSpec | undefined): boolean =>
  spec !== undefined && (spec.required || ('default' in spec && spec.default !== undefined));

function combinations(domains: [string, (Scalar | undefined)[]][]): Record<string, Scalar | undefined>[] {
  return domains.reduce<Record<string, Scalar | undefined>[]>(
    (rows, [name, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value }))),
    [{}],
  );
}

/**
 * The rule of a price list for a model with these fields. Throws CatalogProblem where a request could be made that no rate
 * prices: a missing price stops the start, it is never free.
 */
export function priceRule(
  list: PriceListFile,
  multiplier: number,
  fields: Readonly<Record<string, FieldSpec>>,
  path: readonly string[],
): PriceRule {
  const unit = list.unit === 'token' ? list.per : list.unit;
  if (unit === 'second' && !isCertain(fields['duration_seconds']))
    throw new CatalogProblem(path, 'is a price a second, so input.duration_seconds must be required or have a default');
  const names = [...new Set(list.rates.flatMap((rate) => Object.keys(rate.when)))];
  const domains = names.map((name): [string, (Scalar | undefined)[]] => {
    const spec = fields[name];
    if (!spec) throw new CatalogProblem(path, `depends on ${name}, which is not in input`);
    const domain = domainOf(spec);
    if (!domain) throw new CatalogProblem(path, `depends on ${name}, which must then list its values`);
    return [name, domain];
  });
  if (domains.reduce((count, [, values]) => count * values.length, 1) > COMBINATIONS_MAX)
    throw new CatalogProblem(path, `depends on more than ${COMBINATIONS_MAX} combinations of ${names.join(', ')}`);
  for (const row of combinations(domains)) {
    const priced = list.rates.some((rate) =>
      Object.entries(rate.when).every(([name, values]) => values.some((value) => value === row[name])),
    );
    if (priced) continue;
    const what = Object.entries(row).map(
      ([name, value]) => `${name} ${value === undefined ? 'left out' : JSON.stringify(value)}`,
    );
    throw new CatalogProblem(path, `has no rate for ${what.join(', ')}`);
  }
  const rates = list.rates.map(({ when, usd, tokens }) => ({
    when,
    microUsd: usd,
    ...(tokens === undefined ? {} : { tokens }),
  }));
  const terms = { rates, multiplier, source: list.source, date: list.date };
  if (list.unit !== 'token') return { unit: list.unit, ...terms };
  // The file's schema has seen that a price a token says what it counts.
  return { unit: 'token', per: list.per ?? 'song', ...terms };
}

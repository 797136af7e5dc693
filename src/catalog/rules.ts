import { invalidRequest } from '../common/errors.js';
import { shown } from './fields.js';
import type { FieldRule, Scalar } from './schema.js';

const list = (values: readonly Scalar[]): string =>
  values.length === 1 ? JSON.stringify(values[0]) : `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;

const matches = (value: unknown, values: readonly Scalar[]): boolean => values.some((item) => item === value);

/**
 * Throws KilnError 400 for the first rule that does not hold. `given` holds the fields as they came, `effective` those with
 * defaults: a default satisfies a condition on values, but never counts as a field the client gave.
 */
export function checkRules(
  rules: readonly FieldRule[],
  given: Readonly<Record<string, unknown>>,
  effective: Readonly<Record<string, unknown>>,
  param: string,
): void {
  for (const rule of rules) {
    const conditions = Object.entries(rule.when);
    if (
      !conditions.every(([name, wanted]) =>
        wanted === true ? given[name] !== undefined : matches(effective[name], wanted),
      )
    )
      continue;
    const when = conditions
      .map(([name, wanted]) =>
        wanted === true ? `'${param}.${name}' is given` : `'${param}.${name}' is ${shown(effective[name])}`,
      )
      .join(' and ');
    for (const [name, values] of Object.entries(rule.require ?? {})) {
      if (matches(effective[name], values)) continue;
      throw invalidRequest(
        `'${param}.${name}' must be ${list(values)} when ${when} (${rule.because}); got ${shown(effective[name])}.`,
        `${param}.${name}`,
      );
    }
    for (const name of rule.needs ?? []) {
      if (given[name] !== undefined) continue;
      throw invalidRequest(`'${param}.${name}' is required when ${when} (${rule.because}).`, `${param}.${name}`);
    }
    for (const name of rule.excludes ?? []) {
      if (given[name] === undefined) continue;
      throw invalidRequest(`'${param}.${name}' is not allowed when ${when} (${rule.because}).`, `${param}.${name}`);
    }
  }
}

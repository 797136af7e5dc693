import { invalidRequest } from '../../common/errors.js';

const MAX_DEPTH = 5;
const MAX_ITEMS = 64;
const NAME_CHARS = 200;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

export type FormFields = Record<string, unknown>;

/**
 * Puts one part of a form where its name says: `size`, `image[]`, `images[0][image_url]`, `input_reference[image_url]`. A plain
 * name that comes again makes a list, as with `[]`. Throws 400 for a name that is none, or that says something else than the
 * parts before it.
 */
export function setField(fields: FormFields, name: string, value: unknown): void {
  const [key, ...path] = pathOf(name);
  let at: FormFields | unknown[] = fields;
  let step = key ?? '';
  for (const next of path) {
    const inner: unknown = slot(at, step);
    const wanted = /^\d*$/.test(next) ? [] : {};
    if (inner === undefined) put(at, step, wanted, name);
    else if (typeof inner !== 'object' || inner === null || Array.isArray(inner) !== Array.isArray(wanted))
      throw twice(name);
    at = (inner ?? wanted) as FormFields | unknown[];
    step = next;
  }
  const before = slot(at, step);
  if (before === undefined) put(at, step, value, name);
  else if (path.length === 0 && at === fields) put(at, step, [before, value].flat(), name);
  else throw twice(name);
}

function pathOf(name: string): string[] {
  const [, key, brackets = ''] = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name) ?? [];
  const path = [...brackets.matchAll(/\[([^\]]*)\]/g)].map(([, step = '']) => step);
  // A list of lists has no place for its items.
  const isEmptyInside = path.slice(0, -1).includes('');
  if (
    key === undefined ||
    path.length >= MAX_DEPTH ||
    isEmptyInside ||
    [key, ...path].some((one) => FORBIDDEN.has(one))
  )
    throw invalidRequest(
      `'${name.slice(0, NAME_CHARS)}' is no field name; they look like size, image[], images[0][image_url].`,
      name.slice(0, NAME_CHARS),
    );
  return [key, ...path];
}

const slot = (at: FormFields | unknown[], step: string): unknown => {
  if (!Array.isArray(at)) return Object.hasOwn(at, step) ? at[step] : undefined;
  return step === '' ? undefined : at[Number(step)];
};

function put(at: FormFields | unknown[], step: string, value: unknown, name: string): void {
  if (!Array.isArray(at)) {
    at[step] = value;
    return;
  }
  const index = step === '' ? at.length : Number(step);
  // In order and without gaps, as clients count them: what is left out would become nothing.
  if (index > at.length || index >= MAX_ITEMS)
    throw invalidRequest(
      `'${name.slice(0, NAME_CHARS)}': items are counted from 0 without gaps, at most ${MAX_ITEMS}.`,
      name.slice(0, NAME_CHARS),
    );
  at[index] = value;
}

const twice = (name: string): Error =>
  invalidRequest(
    `'${name.slice(0, NAME_CHARS)}' comes twice, or beside a part that gives the same field in another way.`,
    name.slice(0, NAME_CHARS),
  );

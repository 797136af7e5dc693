import { z } from 'zod';
import { invalidRequest, type KilnError } from './errors.js';

/** What Standard Schema says of a wrong value, with the fields that Zod adds. */
export interface RequestIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly code?: string;
  readonly keys?: readonly string[];
}

const SHOWN_CHARS = 100;
const NAME_CHARS = 200;

/** 400 that names the field, what came and what is allowed there. */
export function requestError(schema: unknown, issue: RequestIssue, value: unknown): KilnError {
  const path = (issue.path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment));
  if (issue.code === 'unrecognized_keys') {
    const field = nameOf([...path, issue.keys?.[0] ?? '']);
    const allowed = fieldsAt(schema, path);
    return invalidRequest(
      `Unknown parameter: '${field}'.${allowed.length > 0 ? ` Allowed: ${allowed.join(', ')}.` : ''}`,
      field,
      'unknown_parameter',
    );
  }
  const field = nameOf(path);
  if (field === '') {
    return invalidRequest(
      value === undefined || value === null
        ? 'The request needs a JSON body.'
        : `The body is not valid: ${issue.message}; got ${shown(value)}.`,
    );
  }
  const came = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
  return came === undefined
    ? invalidRequest(`'${field}' is required. ${issue.message}.`, field)
    : invalidRequest(`'${field}' is not valid: ${issue.message}; got ${shown(came)}.`, field);
}

/** Throws 400 for a string that PostgreSQL can't keep: one with a NUL or half of a surrogate pair. */
export function assertText(value: unknown, path: readonly PropertyKey[] = []): void {
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) {
      const field = nameOf(path);
      throw invalidRequest(`'${field}' contains a NUL or half of a surrogate pair, which is no text.`, field);
    }
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) assertText(item, [...path, index]);
  } else if (value !== null && typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) {
      assertText(key, [...path, key.toWellFormed().replaceAll('\0', '�')]);
      assertText(item, [...path, key]);
    }
  }
}

/** `input.images[1]`, at most 200 characters of it. */
function nameOf(path: readonly PropertyKey[]): string {
  return path
    .reduce<string>(
      (name, key) =>
        typeof key === 'number' ? `${name}[${key}]` : name === '' ? String(key) : `${name}.${String(key)}`,
      '',
    )
    .slice(0, NAME_CHARS);
}

/** Field names of the object at `path`; none where the schema says nothing about it. */
function fieldsAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  let at = unwrapped(schema);
  for (const key of path) {
    if (at instanceof z.ZodObject) at = unwrapped((at.shape as Record<PropertyKey, unknown>)[key]);
    else if (at instanceof z.ZodArray) at = unwrapped(at.element);
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  let at = schema;
  while (at instanceof z.ZodOptional || at instanceof z.ZodNullable || at instanceof z.ZodDefault) at = at.unwrap();
  return at;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}… (${text.length} characters)`;
}

import { invalidRequest, type KilnError } from '../../../common/errors.js';
import type { JsonObject, JsonValue } from '../../../common/json.js';
import { isObject } from '../shapes.js';

const SHOWN_CHARS = 80;

/** Turns a value that is there into `T`; throws 400 that names `field`. */
export type Read<T> = (value: JsonValue, field: string) => T;

/** 400 that names the field, what came and what is allowed. */
export const wrong = (field: string, allowed: string, came: JsonValue | undefined): KilnError =>
  came === undefined
    ? invalidRequest(`'${field}' is required: ${allowed}.`, field)
    : invalidRequest(`'${field}' is not valid: expected ${allowed}; got ${shown(came)}.`, field);

/** Null is how SDKs write "not given". */
export const isGiven = (value: JsonValue | undefined): value is Exclude<JsonValue, null> =>
  value !== undefined && value !== null;

/** Reads `object[key]`; undefined where it was not given. */
export function optional<T>(object: JsonObject, key: string, at: string, read: Read<T>): T | undefined {
  const value = object[key];
  return isGiven(value) ? read(value, child(at, key)) : undefined;
}

/** Reads `object[key]`, which must be there. */
export function required<T>(object: JsonObject, key: string, at: string, read: Read<T>, allowed: string): T {
  const value = object[key];
  if (!isGiven(value)) throw wrong(child(at, key), allowed, value);
  return read(value, child(at, key));
}

export const child = (at: string, key: string): string => (at === '' ? key : `${at}.${key}`);

export const text: Read<string> = (value, field) => {
  if (typeof value !== 'string') throw wrong(field, 'a string', value);
  return value;
};

export const name: Read<string> = (value, field) => {
  if (typeof value !== 'string' || value === '') throw wrong(field, 'a string that is not empty', value);
  return value;
};

export const flag: Read<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw wrong(field, 'true or false', value);
  return value;
};

export const object: Read<JsonObject> = (value, field) => {
  if (!isObject(value)) throw wrong(field, 'an object', value);
  return value;
};

export const list: Read<JsonValue[]> = (value, field) => {
  if (!Array.isArray(value)) throw wrong(field, 'a list', value);
  return value;
};

export const number =
  (least: number, most: number): Read<number> =>
  (value, field) => {
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw wrong(field, `a number from ${least} to ${most}`, value);
    }
    return value;
  };

export const integer =
  (least: number, most: number): Read<number> =>
  (value, field) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
      throw wrong(field, `an integer from ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}`, value);
    }
    return value;
  };

export const oneOf =
  <T extends string>(...allowed: readonly T[]): Read<T> =>
  (value, field) => {
    const found = allowed.find((word) => word === value);
    if (found === undefined) throw wrong(field, allowed.map((word) => `'${word}'`).join(', '), value);
    return found;
  };

/** Big values (pictures, schemas) are named by their kind alone. */
function shown(value: JsonValue): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value))
    return typeof value.type === 'string' ? `an object of type '${value.type.slice(0, 40)}'` : 'an object';
  const written = JSON.stringify(value);
  return written.length <= SHOWN_CHARS ? written : `${written.slice(0, SHOWN_CHARS)}… (${written.length} characters)`;
}

import type { JsonObject } from '../../common/json.js';
import { isObject } from './shapes.js';

/** Lenient reading of what upstreams send: a field of the wrong type counts as left out. */
export const objectAt = (value: JsonObject | undefined, name: string): JsonObject | undefined => {
  const found = value?.[name];
  return isObject(found) ? found : undefined;
};
export const textAt = (value: JsonObject | undefined, name: string): string | undefined => {
  const found = value?.[name];
  return typeof found === 'string' ? found : undefined;
};
/** Tokens: whole and not negative. */
export const countAt = (value: JsonObject | undefined, name: string): number | undefined => {
  const found = value?.[name];
  return typeof found === 'number' && Number.isFinite(found) && found >= 0 ? Math.round(found) : undefined;
};
export const listAt = (value: JsonObject | undefined, name: string): JsonObject[] => {
  const found = value?.[name];
  return Array.isArray(found) ? found.filter(isObject) : [];
};

/** Throws TypeError for anything but an object. */
export function demandObject(value: unknown): JsonObject {
  if (isObject(value)) return value;
  throw new TypeError('the upstream sent no JSON object');
}
/** Throws SyntaxError or TypeError. */
export const parseObject = (text: string): JsonObject => demandObject(JSON.parse(text));

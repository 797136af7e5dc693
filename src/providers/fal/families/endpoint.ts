import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { ReferenceRole } from '../../contract.js';

/** One request field: what it becomes on the wire, or why it can't. `warning`: what was not given exactly. */
export type Converted = { wire: JsonObject; warning?: string } | { problem: string };
export type FieldMap = (value: JsonValue, field: string) => Converted;

/** Files of one role: the parameter they go to, as one URL or a list, and how many. */
export interface FileMap {
  param: string;
  list: boolean;
  min: number;
  max: number;
}

/** One fal endpoint: everything it takes, by the request's own words. What is not here passes the route over. */
export interface Endpoint {
  /** The route's model id followed by the sub-path. */
  id: string;
  fields: Readonly<Record<string, FieldMap>>;
  files: Partial<Record<ReferenceRole, FileMap>>;
  /** Sent with every request: where fal's default is not what Kiln promises. */
  constants?: JsonObject;
  /** Names of `provider_options.fal` that this endpoint knows. */
  options?: readonly string[];
  /** What no field can say alone. */
  problems?: (input: JsonObject, references: Partial<Record<ReferenceRole, number>>) => string[];
}

/** What a route's settings and the request choose an endpoint by. */
export interface Choice {
  /** The route's model id: the base that sub-paths stand below. */
  model: string;
  operation: string;
  input: JsonObject;
  settings: { tier?: string | undefined; loras?: Readonly<Record<string, string>> | undefined };
}

/** The endpoint for a request, or null where the family has none for this operation. */
export type Family = (choice: Choice) => Endpoint | null;

/** A value as a message shows it. */
export const shown = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Text, as it is. */
export const text =
  (param: string, maxLength = Number.POSITIVE_INFINITY): FieldMap =>
  (value, field) =>
    typeof value !== 'string'
      ? { problem: `${field} must be text` }
      : Array.from(value).length > maxLength
        ? { problem: `${field} has more than ${maxLength} characters` }
        : { wire: { [param]: value } };

/** One of the values listed, spelled as the wire spells it. */
export const choice =
  (param: string, spelling: Readonly<Record<string, JsonValue>>): FieldMap =>
  (value, field) => {
    const key = shown(value);
    const word = Object.hasOwn(spelling, key) ? spelling[key] : undefined;
    return word === undefined
      ? { problem: `${field} ${key} is not one of ${Object.keys(spelling).join(', ')}` }
      : { wire: { [param]: word } };
  };

/** Values that the wire spells as the request does. */
export const same = (param: string, values: readonly string[]): FieldMap =>
  choice(param, Object.fromEntries(values.map((value) => [value, value])));

/** A number within a range. */
export const range =
  (param: string, min: number, max: number, whole = false): FieldMap =>
  (value, field) =>
    typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value))
      ? { wire: { [param]: value } }
      : { problem: `${field} must be ${whole ? 'a whole number ' : ''}from ${min} to ${max}` };

export const flag =
  (param: string): FieldMap =>
  (value, field) =>
    typeof value === 'boolean' ? { wire: { [param]: value } } : { problem: `${field} must be true or false` };

/** What the endpoint does anyway: these values are taken and nothing is sent, others are not. */
export const always =
  (...values: JsonValue[]): FieldMap =>
  (value, field) =>
    values.includes(value)
      ? { wire: {} }
      : { problem: `${field} ${shown(value)} is not one of ${values.map(shown).join(', ')}` };

/** The choice of the operation itself, which the path says. */
export const implied: FieldMap = () => ({ wire: {} });

/** Seconds as a number of frames, the nearest of `offset + step × n`. */
export const frames =
  (param: string, rule: { fps: number; min: number; max: number; step: number; offset: number }): FieldMap =>
  (value, field) => {
    const { fps, min, max, step, offset } = rule;
    if (typeof value !== 'number') return { problem: `${field} must be a number` };
    const count = offset + step * Math.round((value * fps - offset) / step);
    if (count < min || count > max)
      return { problem: `${field} must be from ${(min / fps).toFixed(2)} to ${(max / fps).toFixed(2)}` };
    const actual = count / fps;
    return {
      wire: { [param]: count },
      ...(Math.abs(actual - value) > 1e-9 && {
        warning: `${field} ${value} became ${count} frames (${actual.toFixed(2)} s)`,
      }),
    };
  };

/** A seed as JSON carries it exactly; fal names no limit of its own. */
export const seed = range('seed', 0, Number.MAX_SAFE_INTEGER, true);

export const oneFile = (param: string, required = true): FileMap => ({
  param,
  list: false,
  min: required ? 1 : 0,
  max: 1,
});
export const fileList = (param: string, max: number, min = 1): FileMap => ({ param, list: true, min, max });

import type { JsonObject, JsonValue } from '../../common/json.js';
import type { MediaTask, ReferenceRole, TaskShape } from '../contract.js';
import type { Options } from './options.js';

/** One field of the request that has one counterpart in a model's input. */
export interface Term {
  /** Name in the model's input. */
  wire: string;
  /** What is wrong with this value, to be read after the field's name; null where nothing is. */
  problem(value: JsonValue): string | null;
  /** Default: as it stands. */
  spell?(value: JsonValue): JsonValue;
}

/** A picture that goes into a model's input. Bounds are the model's own. */
export interface MediaTerm {
  wire: string;
  contentTypes: readonly string[];
  maxBytes: number;
  /** Shorter side in pixels. */
  minSide?: number;
  /** Longest side to shortest. */
  maxRatio?: number;
}

/** How one model's inputs are spelt: tables, and what holds between fields. */
export interface Family {
  /** As messages name it. */
  title: string;
  produces: 'image' | 'video';
  terms: Readonly<Record<string, Term>>;
  /** Fields that `more` turns into input together with others. */
  composed: readonly string[];
  media: Readonly<Partial<Record<ReferenceRole, MediaTerm>>>;
  /** What can't be asked together, or not of this model. Pure. */
  problems(shape: TaskShape): string[];
  /** Input that does not follow from one field alone. */
  more(task: MediaTask, options: Options): JsonObject;
  /** What is not given exactly. */
  warnings(task: MediaTask, options: Options): string[];
}

export const text = (wire: string, maxLength = Number.POSITIVE_INFINITY): Term => ({
  wire,
  problem: (value) => {
    if (typeof value !== 'string') return 'must be a text';
    return value.length > maxLength ? `has ${value.length} characters; at most ${maxLength} are taken` : null;
  },
});

export const flag = (wire: string): Term => ({
  wire,
  problem: (value) => (typeof value === 'boolean' ? null : 'must be true or false'),
});

export const within = (wire: string, min: number, max: number, whole = false): Term => ({
  wire,
  problem: (value) =>
    typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value))
      ? null
      : `must be ${whole ? 'a whole number ' : ''}from ${min} to ${max}`,
});

/** `spelling`: the request's word → the model's. */
export const oneOf = (wire: string, spelling: Readonly<Record<string, string>>): Term => ({
  wire,
  problem: (value) =>
    typeof value === 'string' && Object.hasOwn(spelling, value)
      ? null
      : `${JSON.stringify(value)} is not one of ${Object.keys(spelling).join(', ')}`,
  spell: (value) => (typeof value === 'string' ? (spelling[value] ?? value) : value),
});

export const asWritten = (values: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(values.map((value) => [value, value]));

import type { FieldSpec, Model } from '../../catalog/schema.js';
import { createJobBody, type CreateJobBody } from '../../jobs/api/bodies.js';
import type { FacadeForm } from './form-reader.js';
import type { FormFields } from './form-fields.js';

export type TextType = 'number' | 'boolean' | 'json' | 'text';

const jobOptions = createJobBody.omit({ model: true, input: true });
const OPTION_TYPES: Record<keyof typeof jobOptions.shape, TextType> = {
  provider_options: 'json',
  routing: 'json',
  quote_id: 'text',
  webhook: 'json',
  metadata: 'json',
  priority: 'text',
  deadline_seconds: 'number',
  start_timeout_seconds: 'number',
  retention_seconds: 'number',
};

/** Fields of POST /v1/jobs beside `model` and `input`: each facade takes them under the same names. */
export type JobOptions = Omit<CreateJobBody, 'model' | 'input'>;
export const JOB_OPTIONS = Object.keys(OPTION_TYPES) as (keyof JobOptions)[];

const TYPES: Partial<Record<FieldSpec['type'], TextType>> = {
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  lora_list: 'json',
  camera: 'json',
};

/**
 * The form's fields with their types: in text, the model's fields and the job's options become the numbers, booleans and objects
 * that they stand for, and so do those of `own`. What is no such thing stays text, for the field's check to refuse it by name.
 */
export function typedFields(
  { fields, isText }: Pick<FacadeForm, 'fields' | 'isText'>,
  model: Model | undefined,
  own: Readonly<Record<string, TextType>> = {},
): FormFields {
  if (!isText) return fields;
  const ofModel = Object.entries(model?.fields ?? {}).map(
    ([name, spec]) => [name, TYPES[spec.type] ?? 'text'] as const,
  );
  const types: Record<string, TextType> = { ...Object.fromEntries(ofModel), ...OPTION_TYPES, ...own };
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      Object.hasOwn(types, name) ? typed(value, types[name] ?? 'text', name) : value,
    ]),
  );
}

function typed(value: unknown, type: TextType, name: string): unknown {
  if (type === 'json') return name === 'metadata' && typeof value !== 'string' ? value : fromJson(value);
  if (typeof value !== 'string') return value;
  if (type === 'number') return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? Number(value) : value;
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  return value;
}

/** JSON text, or an object of bracketed parts whose numbers and booleans are text. */
function fromJson(value: unknown): unknown {
  if (typeof value === 'string') {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return value;
    }
  }
  if (Array.isArray(value)) return value.map(scalarsIn);
  return scalarsIn(value);
}

function scalarsIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(scalarsIn);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, scalarsIn(inner)]));
  return typeof value === 'string' && /^(true|false|-?\d+(\.\d+)?)$/.test(value) ? JSON.parse(value) : value;
}

/** Takes the job's options out of the fields. Their values are checked with the job's body. */
export function splitOptions(fields: FormFields): { options: FormFields; rest: FormFields } {
  const isOption = (name: string): boolean => Object.hasOwn(OPTION_TYPES, name);
  const entries = Object.entries(fields);
  return {
    options: Object.fromEntries(entries.filter(([name]) => isOption(name))),
    rest: Object.fromEntries(entries.filter(([name]) => !isOption(name))),
  };
}

import { type Detail, invalid } from './errors.js';

export type Media = 'image' | 'video' | 'audio';

/** What one parameter takes, in the words of fal's model pages. */
export type Field = { required?: boolean } & (
  | { type: 'string'; max?: number }
  | { type: 'enum'; values: readonly string[] }
  | { type: 'integer' | 'float'; min?: number; max?: number }
  | { type: 'boolean' }
  | { type: 'url'; media: Media }
  | { type: 'urls'; media: Media; max: number }
  /** A preset, or width and height. */
  | { type: 'image_size' }
  | { type: 'loras' }
);
export type Values = Record<string, unknown>;

export const string = (max?: number): Field => ({ type: 'string', max });
export const required = (field: Field): Field => ({ ...field, required: true });
export const oneOf = (...values: string[]): Field => ({ type: 'enum', values });
export const integer = (min?: number, max?: number): Field => ({ type: 'integer', min, max });
export const float = (min?: number, max?: number): Field => ({ type: 'float', min, max });
export const boolean: Field = { type: 'boolean' };
export const url = (media: Media): Field => ({ type: 'url', media });
export const urls = (media: Media, max: number): Field => ({ type: 'urls', media, max });

export const PRESETS: Readonly<Record<string, readonly [number, number]>> = {
  square_hd: [1024, 1024],
  square: [512, 512],
  portrait_4_3: [768, 1024],
  portrait_16_9: [576, 1024],
  landscape_4_3: [1024, 768],
  landscape_16_9: [1024, 576],
};
const SIDE_MAX = 14_142;

const isSide = (value: unknown): boolean => Number.isInteger(value) && Number(value) > 0 && Number(value) <= SIDE_MAX;
const isRecord = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function imageSizeProblem(value: unknown): string | null {
  if (typeof value === 'string')
    return value in PRESETS ? null : `Input should be one of ${Object.keys(PRESETS).join(', ')}`;
  if (!isRecord(value)) return 'Input should be a preset or an object';
  const other = Object.keys(value).find((key) => key !== 'width' && key !== 'height');
  if (other !== undefined) return `${other} is not permitted`;
  return isSide(value['width']) && isSide(value['height']) ? null : `Sides should be from 1 to ${SIDE_MAX}`;
}

function lorasProblem(value: unknown): string | null {
  if (!Array.isArray(value)) return 'Input should be a list';
  for (const entry of value) {
    if (!isRecord(entry) || typeof entry['path'] !== 'string') return 'Each entry needs a path';
    if (entry['scale'] !== undefined && typeof entry['scale'] !== 'number') return 'scale should be a number';
    const other = Object.keys(entry).find((key) => !['path', 'scale', 'force'].includes(key));
    if (other !== undefined) return `${other} is not permitted`;
  }
  return null;
}

function numberDetail(name: string, field: Field & { type: 'integer' | 'float' }, value: unknown): Detail | null {
  if (typeof value !== 'number' || !Number.isFinite(value))
    return invalid(name, 'Input should be a valid number', `${field.type === 'integer' ? 'int' : 'float'}_type`, value);
  if (field.type === 'integer' && !Number.isInteger(value))
    return invalid(name, 'Input should be a valid integer', 'int_from_float', value);
  if (field.min !== undefined && value < field.min)
    return invalid(name, `Input should be greater than or equal to ${field.min}`, 'greater_than_equal', value, {
      ge: field.min,
    });
  if (field.max !== undefined && value > field.max)
    return invalid(name, `Input should be less than or equal to ${field.max}`, 'less_than_equal', value, {
      le: field.max,
    });
  return null;
}

function detailOf(name: string, field: Field, value: unknown): Detail | null {
  switch (field.type) {
    case 'string':
    case 'url':
      if (typeof value !== 'string') return invalid(name, 'Input should be a valid string', 'string_type', value);
      return field.type === 'string' && field.max !== undefined && value.length > field.max
        ? invalid(name, `String should have at most ${field.max} characters`, 'string_too_long', value, {
            max_length: field.max,
          })
        : null;
    case 'enum':
      return typeof value === 'string' && field.values.includes(value)
        ? null
        : invalid(name, `Input should be ${field.values.map((one) => `'${one}'`).join(', ')}`, 'literal_error', value);
    case 'integer':
    case 'float':
      return numberDetail(name, field, value);
    case 'boolean':
      return typeof value === 'boolean' ? null : invalid(name, 'Input should be a valid boolean', 'bool_type', value);
    case 'urls':
      if (!Array.isArray(value) || value.some((one) => typeof one !== 'string'))
        return invalid(name, 'Input should be a list of strings', 'list_type', value);
      return value.length > field.max
        ? invalid(name, `List should have at most ${field.max} items`, 'too_long', value, { max_length: field.max })
        : null;
    case 'image_size': {
      const problem = imageSizeProblem(value);
      return problem === null ? null : invalid(name, problem, 'value_error', value);
    }
    case 'loras': {
      const problem = lorasProblem(value);
      return problem === null ? null : invalid(name, problem, 'value_error', value);
    }
  }
}

/** Everything that is wrong with a body: unknown parameters too, which a mistake in ours would be. */
export function problemsOf(fields: Readonly<Record<string, Field>>, body: unknown): Detail[] {
  if (!isRecord(body))
    return [{ loc: ['body'], msg: 'Input should be an object', type: 'model_attributes_type', input: body }];
  const unknown = Object.keys(body)
    .filter((name) => !Object.hasOwn(fields, name))
    .map((name) => invalid(name, 'Extra inputs are not permitted', 'extra_forbidden', body[name]));
  const wrong = Object.entries(fields).flatMap(([name, field]) => {
    const value = body[name];
    if (value === undefined) return field.required ? [invalid(name, 'Field required', 'missing', body)] : [];
    const detail = detailOf(name, field, value);
    return detail === null ? [] : [detail];
  });
  return [...unknown, ...wrong];
}

import { z } from 'zod';
import type { FieldSpec } from './schema.js';

/** Longest part of a client's value that is said back to it. */
const SHOWN_MAX_CHARS = 80;

/** PostgreSQL's jsonb takes neither NUL nor half of a surrogate pair. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** Characters as a reader counts them, not UTF-16 units. */
export const lengthOf = (text: string): number => {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
};

export interface Size {
  width: number;
  height: number;
}

/** `1024x768` → its sides; null for anything else. */
export function parseSize(value: unknown): Size | null {
  const match = typeof value === 'string' ? /^(\d{1,5})x(\d{1,5})$/.exec(value) : null;
  return match ? { width: Number(match[1]), height: Number(match[2]) } : null;
}

const mediaObject = z.union([
  z.strictObject({ upload_id: z.string() }).describe('A file sent to /v1/uploads.'),
  z.strictObject({ url: z.string() }).describe('A public https URL.'),
  z.strictObject({ data: z.string() }).describe('A data URI.'),
  z.strictObject({ job_id: z.string(), output: z.int().min(0).optional() }).describe("Another job's output."),
]);

/** Shape of a media reference; `readReference` says what is wrong with one. */
const mediaSchema = z.union([z.string().describe('An https URL, a data URI or an upload id.'), mediaObject]);

function numberSchema(spec: FieldSpec & { type: 'integer' | 'number' }): z.ZodType {
  if (spec.values) return z.literal([...spec.values]);
  let schema = spec.type === 'integer' ? z.int() : z.number();
  if (spec.min !== undefined) schema = schema.min(spec.min);
  if (spec.max !== undefined) schema = schema.max(spec.max);
  return schema;
}

function valueSchema(spec: FieldSpec): z.ZodType {
  switch (spec.type) {
    case 'text':
      return z
        .string()
        .refine((text) => text.length <= 2 * spec.maxLength && lengthOf(text) <= spec.maxLength && isStorable(text))
        .refine((text) => !spec.required || text.trim() !== '')
        .meta({ maxLength: spec.maxLength, ...(spec.required && { minLength: 1 }) });
    case 'integer':
    case 'number':
      return numberSchema(spec);
    case 'boolean':
      return z.boolean();
    case 'choice':
      return z.literal([...spec.values]);
    case 'choice_list':
      return z
        .array(z.literal([...spec.values]))
        .min(1)
        .max(spec.max)
        .refine((items) => new Set(items).size === items.length)
        .meta({ uniqueItems: true });
    case 'size':
      return z
        .string()
        .refine((text) => {
          const size = parseSize(text);
          const fits = (side: number): boolean => side >= spec.min && side <= spec.max && side % spec.step === 0;
          return size !== null && fits(size.width) && fits(size.height);
        })
        .meta({ pattern: '^\\d+x\\d+$' });
    case 'lora_list':
      return z.array(loraSchema(spec)).min(1).max(spec.max);
    case 'camera':
      return cameraSchema(spec.values);
    case 'media':
      return mediaSchema;
    case 'media_list':
      return z.array(mediaSchema).min(1).max(spec.max);
  }
}

const httpsUrl = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:')
  .describe('An https link to the weights.');
const STRENGTH = z.number().min(-4).max(4).default(1).describe('How much it counts.');

/** `{name | url, strength}`. */
function loraSchema({ values, urls }: FieldSpec & { type: 'lora_list' }): z.ZodType {
  const named = values.length > 0 ? [z.strictObject({ name: z.literal([...values]), strength: STRENGTH })] : [];
  const linked = urls ? [z.strictObject({ url: httpsUrl, strength: STRENGTH })] : [];
  return z.union([...named, ...linked]);
}

/** Movements that have an amount; the others are whole movements by themselves. */
export const CAMERA_AXES: readonly string[] = ['horizontal', 'vertical', 'pan', 'tilt', 'roll', 'zoom'];

/** `{move: "zoom", amount: -4}`, `{move: "forward_up"}`. */
function cameraSchema(values: readonly string[]): z.ZodType {
  const amount = z.number().min(-10).max(10);
  const axes = values.filter((value) => CAMERA_AXES.includes(value));
  const whole = values.filter((value) => !CAMERA_AXES.includes(value));
  return z.union([
    ...(axes.length > 0
      ? [z.strictObject({ move: z.literal(axes), amount: amount.refine((value) => value !== 0) })]
      : []),
    ...(whole.length > 0 ? [z.strictObject({ move: z.literal(whole) })] : []),
  ]);
}

export const defaultOf = (spec: FieldSpec): string | number | boolean | undefined =>
  'default' in spec ? spec.default : undefined;

/** Schema of one input field: its default applied, otherwise optional unless required. */
export function fieldSchema(spec: FieldSpec): z.ZodType {
  const value = valueSchema(spec).describe(spec.description);
  const preset = defaultOf(spec);
  if (preset !== undefined) return value.default(preset);
  return spec.required ? value : value.optional();
}

const quoted = (values: readonly (string | number)[]): string =>
  values.map((value) => JSON.stringify(value)).join(', ');

export const MEDIA_SHAPES =
  'an https URL, a data URI, an upload id (upload_…), or one of {upload_id}, {url}, {data}, {job_id, output}';

/** What the field takes, as words after "must be". */
export function allowed(spec: FieldSpec): string {
  switch (spec.type) {
    case 'text':
      return `${spec.required ? 'a non-empty string' : 'a string'} of at most ${spec.maxLength} characters`;
    case 'integer':
    case 'number': {
      if (spec.values) return spec.values.length === 1 ? quoted(spec.values) : `one of ${quoted(spec.values)}`;
      const noun = spec.type === 'integer' ? 'an integer' : 'a number';
      if (spec.min !== undefined && spec.max !== undefined) return `${noun} from ${spec.min} to ${spec.max}`;
      if (spec.min !== undefined) return `${noun} of at least ${spec.min}`;
      return spec.max === undefined ? noun : `${noun} of at most ${spec.max}`;
    }
    case 'boolean':
      return 'true or false';
    case 'choice':
      return spec.values.length === 1 ? quoted(spec.values) : `one of ${quoted(spec.values)}`;
    case 'choice_list':
      return `a list of 1 to ${spec.max} different values of ${quoted(spec.values)}`;
    case 'size': {
      const step = spec.step > 1 ? `, multiples of ${spec.step}` : '';
      return `"WIDTHxHEIGHT" with sides from ${spec.min} to ${spec.max} pixels${step}`;
    }
    case 'lora_list': {
      const names = spec.values.length > 0 ? [`{name, strength} with a name of ${quoted(spec.values)}`] : [];
      const links = spec.urls ? ['{url, strength} with an https link'] : [];
      return `a list of 1 to ${spec.max} of ${[...names, ...links].join(' or ')}, strength from -4 to 4`;
    }
    case 'camera': {
      const axes = spec.values.filter((value) => CAMERA_AXES.includes(value));
      const whole = spec.values.filter((value) => !CAMERA_AXES.includes(value));
      const withAmount =
        axes.length > 0 ? [`{move, amount} with a move of ${quoted(axes)} and an amount from -10 to 10, not 0`] : [];
      return [...withAmount, ...(whole.length > 0 ? [`{move} with a move of ${quoted(whole)}`] : [])].join(' or ');
    }
    case 'media':
      return MEDIA_SHAPES;
    case 'media_list':
      return `a list of 1 to ${spec.max} references, each ${MEDIA_SHAPES}`;
  }
}

/** What came, cut to a readable length. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > SHOWN_MAX_CHARS
    ? `${text.slice(0, SHOWN_MAX_CHARS).toWellFormed()}… (${text.length} characters)`
    : text;
}

/** What the field takes, as data for /v1/models. */
export function limitOf(spec: FieldSpec): Record<string, unknown> {
  const base = { required: spec.required, ...(defaultOf(spec) !== undefined && { default: defaultOf(spec) }) };
  switch (spec.type) {
    case 'text':
      return { ...base, max_length: spec.maxLength };
    case 'integer':
    case 'number':
      return spec.values
        ? { ...base, values: spec.values }
        : {
            ...base,
            ...(spec.min !== undefined && { min: spec.min }),
            ...(spec.max !== undefined && { max: spec.max }),
          };
    case 'boolean':
      return base;
    case 'choice':
      return { ...base, values: spec.values };
    case 'choice_list':
      return { ...base, values: spec.values, max_items: spec.max };
    case 'size':
      return { ...base, min: spec.min, max: spec.max, step: spec.step };
    case 'lora_list':
      return { ...base, values: spec.values, urls: spec.urls, max_items: spec.max };
    case 'camera':
      return { ...base, values: spec.values };
    case 'media':
      return { ...base, media: spec.media };
    case 'media_list':
      return { ...base, media: spec.media, max_items: spec.max };
  }
}

import type { Model } from '../../catalog/schema.js';
import { invalidRequest } from '../../common/errors.js';
import type { FormFields } from '../shared/form-fields.js';

/** Values that OpenAI's clients send where nothing was asked for. `standard` was DALL·E's. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  n: [1],
  size: ['auto'],
  quality: ['auto', 'standard'],
  background: ['auto'],
  moderation: ['auto'],
  input_fidelity: ['low'],
  output_compression: [100],
};

/** Whether the value asks for nothing that the model would have to be able to do. */
export function isNeutral(model: Model, field: string, value: unknown): boolean {
  if (!(NEUTRAL[field] ?? []).includes(value)) return false;
  const spec = model.fields[field];
  // What the model itself has a word for is its own to read.
  if (spec?.type === 'choice') return typeof value !== 'string' || !spec.values.includes(value);
  return spec === undefined || spec.type === 'size';
}

interface OpenaiOptions {
  /** With those that the client gave; undefined where there are none. */
  providerOptions: unknown;
  /** Fields that are dealt with here. */
  taken: ReadonlySet<string>;
}

/**
 * OpenAI's fields that are no job input: `moderation` and `output_compression` are options of the provider `openai`, and keep the
 * job on its routes. Throws 400 where the model has none, and for `input_fidelity: high`, which no price of an alias covers.
 */
export function openaiOptions(model: Model, rest: FormFields, given: unknown): OpenaiOptions {
  const taken = new Set(['moderation', 'output_compression', 'input_fidelity']);
  const asked = [...taken].filter((field) => rest[field] !== undefined && !isNeutral(model, field, rest[field]));
  if (asked.includes('input_fidelity'))
    throw invalidRequest(
      `'input_fidelity' must be low: other values change what a picture costs, and the price of ${model.id} is fixed; got ${JSON.stringify(rest['input_fidelity'])}.`,
      'input_fidelity',
    );
  const [first] = asked;
  if (first === undefined) return { providerOptions: given, taken };
  if (!model.routes.some(({ provider }) => provider === 'openai'))
    throw invalidRequest(
      `'${first}' is not supported by ${model.id}: leave it out, or send ${NEUTRAL[first]?.join(' or ')}.`,
      first,
    );
  if (first === 'moderation' && rest['moderation'] !== 'low')
    throw invalidRequest(
      `'moderation' must be one of: auto, low; got ${JSON.stringify(rest['moderation']).slice(0, 100)}.`,
      'moderation',
    );
  const compression = rest['output_compression'];
  if (
    asked.includes('output_compression') &&
    !(Number.isInteger(compression) && Number(compression) >= 0 && Number(compression) <= 100)
  )
    throw invalidRequest(
      `'output_compression' must be a whole number from 0 to 100; got ${JSON.stringify(compression).slice(0, 100)}.`,
      'output_compression',
    );
  const byProvider = isObject(given) ? given : {};
  const openai = isObject(byProvider['openai']) ? byProvider['openai'] : {};
  return {
    providerOptions: {
      ...byProvider,
      openai: { ...openai, ...Object.fromEntries(asked.map((field) => [field, rest[field]])) },
    },
    taken,
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

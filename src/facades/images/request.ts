import type { Model } from '../../catalog/schema.js';
import { invalidRequest } from '../../common/errors.js';
import { modelNotFound } from '../../jobs/api/request.js';
import type { FacadeJob } from '../shared/facade-jobs.js';
import type { FormFields } from '../shared/form-fields.js';
import type { FacadeForm } from '../shared/form-reader.js';
import { splitOptions, type TextType, typedFields } from '../shared/typed-fields.js';
import { isNeutral, openaiOptions } from './openai-fields.js';

export type ImagesCall = 'generation' | 'edit';

/** A request to /v1/images/*, read. */
export interface ImagesRequest extends FacadeJob {
  responseFormat: 'b64_json' | 'url';
  isStream: boolean;
}

const OWN_TYPES: Readonly<Record<string, TextType>> = {
  n: 'number',
  stream: 'boolean',
  partial_images: 'number',
  output_compression: 'number',
};
/** OpenAI's fields that say how to answer, or nothing that a model would do. */
const NOT_INPUT = new Set([
  'model',
  'response_format',
  'stream',
  'partial_images',
  'user',
  'safety_identifier',
  'style',
  'image',
  'images',
  'mask',
]);
const MAX_PARTIAL_IMAGES = 3;

/**
 * OpenAI's fields and Kiln's own as a job of this model. Fields that neither knows are the job's to refuse. Throws 400 for what
 * is about the answer, 404 for no model.
 */
export function imagesRequest(call: ImagesCall, form: FacadeForm, model: Model | undefined): ImagesRequest {
  const fields = typedFields(form, model, OWN_TYPES);
  const { options, rest } = splitOptions(fields);
  const name = rest['model'];
  if (typeof name !== 'string' || name === '')
    throw invalidRequest("'model' is required: the name of an image model of GET /v1/models.", 'model');
  if (!model) throw modelNotFound(name.slice(0, 200));
  if (model.modality !== 'image')
    throw invalidRequest(`'model' must be an image model; ${model.id} makes ${model.modality}.`, 'model');

  const { providerOptions, taken } = openaiOptions(model, rest, options['provider_options']);
  const input: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(rest))
    if (!NOT_INPUT.has(field) && !taken.has(field) && !isNeutral(model, field, value)) input[field] = value;
  const { images, mask, names } = media(call, rest);
  if (images) input['images'] = images;
  if (mask !== undefined) input['mask'] = mask;
  return {
    model: name,
    input,
    options: { ...options, ...(providerOptions !== undefined && { provider_options: providerOptions }) },
    names,
    ...answerOf(rest),
  };
}

function answerOf(rest: FormFields): Pick<ImagesRequest, 'responseFormat' | 'isStream'> {
  const { stream = false, response_format: responseFormat = 'b64_json', partial_images: partials = 0 } = rest;
  if (typeof stream !== 'boolean')
    throw invalidRequest(`'stream' must be true or false; got ${shown(stream)}.`, 'stream');
  if (responseFormat !== 'b64_json' && responseFormat !== 'url')
    throw invalidRequest(
      `'response_format' must be one of: b64_json, url; got ${shown(responseFormat)}.`,
      'response_format',
    );
  if (stream && responseFormat === 'url')
    throw invalidRequest("'response_format' must be b64_json where 'stream' is true; got 'url'.", 'response_format');
  if (!Number.isInteger(partials) || Number(partials) < 0 || Number(partials) > MAX_PARTIAL_IMAGES)
    throw invalidRequest(
      `'partial_images' must be a whole number from 0 to ${MAX_PARTIAL_IMAGES}; got ${shown(partials)}.`,
      'partial_images',
    );
  return { responseFormat, isStream: stream };
}

interface GivenMedia {
  images: unknown[] | null;
  mask: unknown;
  names: Readonly<Record<string, string>>;
}

function media(call: ImagesCall, rest: FormFields): GivenMedia {
  const field = rest['images'] === undefined ? 'image' : 'images';
  if (call === 'generation') {
    const given = ['image', 'images', 'mask'].find((name) => rest[name] !== undefined);
    if (given !== undefined)
      throw invalidRequest(`'${given}' belongs to POST /v1/images/edits; generations start from words alone.`, given);
    return { images: null, mask: undefined, names: {} };
  }
  if (rest['image'] !== undefined && rest['images'] !== undefined)
    throw invalidRequest("Send the pictures as 'image' or as 'images', not both.", 'images');
  const given = rest[field];
  if (given === undefined)
    throw invalidRequest(
      "'image' is required: a file part, repeated 'image[]' parts, or 'images' of a JSON body, each {image_url} or {file_id}.",
      'image',
    );
  return {
    images: (Array.isArray(given) ? given : [given]).map(reference),
    mask: rest['mask'] === undefined ? undefined : reference(rest['mask']),
    names: { images: field },
  };
}

/** OpenAI's `{image_url}` and `{file_id}` as Kiln's references; a string, a file's `{upload_id}` and Kiln's other forms are some. */
function reference(item: unknown): unknown {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return item;
  const entries = Object.entries(item).filter(([, value]) => value !== null);
  const [first] = entries;
  if (entries.length !== 1 || first === undefined) return item;
  const [name, value] = first as [string, unknown];
  if (name === 'file_id') return { upload_id: value };
  if (name !== 'image_url') return item;
  // Chat's form has the link in an object.
  return value !== null && typeof value === 'object' && 'url' in value ? value.url : value;
}

const SHOWN_CHARS = 100;
const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, SHOWN_CHARS);

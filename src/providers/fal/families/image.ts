import type { JsonObject, JsonValue } from '../../../common/json.js';
import {
  fileList,
  oneFile,
  range,
  same,
  seed,
  shown,
  text,
  type Converted,
  type Endpoint,
  type FieldMap,
  type Family,
} from './endpoint.js';

/** Sides for a shape, about one megapixel, in multiples of 16. */
export const FLUX_SIDES: Readonly<Record<string, readonly [number, number]>> = {
  '1:1': [1024, 1024],
  '16:9': [1280, 720],
  '9:16': [720, 1280],
  '4:3': [1152, 864],
  '3:4': [864, 1152],
  '3:2': [1248, 832],
  '2:3': [832, 1248],
  '5:4': [1120, 896],
  '4:5': [896, 1120],
  '21:9': [1680, 720],
};

const sized = (width: number, height: number): Converted => ({ wire: { image_size: { width, height } } });

/** `1024x768`. */
const size: FieldMap = (value, field) => {
  const match = typeof value === 'string' ? /^(\d+)x(\d+)$/.exec(value) : null;
  return match ? sized(Number(match[1]), Number(match[2])) : { problem: `${field} must be WIDTHxHEIGHT` };
};
const shape: FieldMap = (value, field) => {
  const sides = typeof value === 'string' && Object.hasOwn(FLUX_SIDES, value) ? FLUX_SIDES[value] : undefined;
  return sides
    ? sized(sides[0], sides[1])
    : { problem: `${field} ${shown(value)} is not one of ${Object.keys(FLUX_SIDES).join(', ')}` };
};
/** One of two sides: the wire holds them in one object, which request.ts merges. */
const side =
  (name: 'width' | 'height'): FieldMap =>
  (value, field) =>
    typeof value === 'number' ? { wire: { image_size: { [name]: value } } } : { problem: `${field} must be a number` };
const sides: Endpoint['fields'] = { size, aspect_ratio: shape, width: side('width'), height: side('height') };

function sideProblems({ width, height }: JsonObject): string[] {
  const given = (value: JsonValue | undefined): boolean => typeof value === 'number';
  return given(width) === given(height) ? [] : ['width and height go together'];
}

const fluxFields: Endpoint['fields'] = {
  prompt: text('prompt'),
  n: range('num_images', 1, 4, true),
  steps: range('num_inference_steps', 1, 50, true),
  guidance: range('guidance_scale', 1, 20),
  seed,
  output_format: same('output_format', ['png', 'jpeg']),
};
/** fal's own default is jpeg, which loses what a png keeps. */
const PNG = { output_format: 'png' };

/** FLUX.1 dev (client 1.10.1: fal-ai/flux/dev). From a picture, the result has the picture's size. */
export const flux: Family = ({ model, operation }) => {
  const options = ['acceleration'];
  if (operation === 'text_to_image')
    return {
      id: model,
      fields: { ...fluxFields, ...sides },
      files: {},
      constants: PNG,
      options,
      problems: sideProblems,
    };
  if (operation === 'image_to_image')
    return {
      id: `${model}/image-to-image`,
      fields: { ...fluxFields, strength: range('strength', 0.01, 1) },
      files: { images: oneFile('image_url') },
      constants: PNG,
      options,
    };
  return null;
};

/** Weights by link, or by a name that the route's settings give a link. */
const loras =
  (known: Readonly<Record<string, string>>): FieldMap =>
  (value, field) => {
    const list: JsonValue[] = Array.isArray(value) ? value : [];
    const wire: JsonValue[] = [];
    for (const entry of list) {
      const { url, name, strength } = (entry ?? {}) as JsonObject;
      const path = typeof url === 'string' ? url : typeof name === 'string' ? known[name] : undefined;
      if (path === undefined) return { problem: `${field} ${shown(name ?? null)} is not known to this route` };
      wire.push({ path, ...(typeof strength === 'number' && { scale: strength }) });
    }
    return { wire: { loras: wire } };
  };

/** FLUX.1 dev with LoRA weights (client 1.10.1: fal-ai/flux-lora); unlike flux/dev it takes a size for a changed picture. */
export const fluxLora: Family = ({ model, operation, settings }) => {
  const fields: Endpoint['fields'] = { ...fluxFields, ...sides, loras: loras(settings.loras ?? {}) };
  const shared = { constants: PNG, options: ['acceleration'], problems: sideProblems };
  if (operation === 'text_to_image') return { id: model, fields, files: {}, ...shared };
  if (operation === 'image_to_image')
    return {
      id: `${model}/image-to-image`,
      fields: { ...fields, strength: range('strength', 0.01, 1) },
      files: { images: oneFile('image_url') },
      ...shared,
    };
  return null;
};

export const GPT_SIZES = ['1024x1024', '1536x1024', '1024x1536'] as const;
/** OpenAI's own limit of pictures in one edit. */
const GPT_IMAGES_MAX = 16;
const gptFields: Endpoint['fields'] = {
  prompt: text('prompt', 32_000),
  n: range('num_images', 1, 4, true),
  size: same('image_size', GPT_SIZES),
  quality: same('quality', ['low', 'medium', 'high']),
  background: same('background', ['auto', 'transparent', 'opaque']),
  output_format: same('output_format', ['png', 'jpeg', 'webp']),
};
const editSize = same('image_size', [...GPT_SIZES, 'auto']);

/** GPT Image 1.5 (client 1.10.1: fal-ai/gpt-image-1.5). */
export const gptImage15: Family = ({ model, operation }) => {
  if (operation === 'text_to_image') return { id: model, fields: gptFields, files: {} };
  if (operation === 'image_to_image' || operation === 'inpaint')
    return {
      id: `${model}/edit`,
      fields: { ...gptFields, size: editSize },
      files: { images: fileList('image_urls', GPT_IMAGES_MAX), mask: oneFile('mask_image_url', false) },
    };
  return null;
};

/** GPT Image 1 (client 1.10.1: fal-ai/gpt-image-1): no mask. */
export const gptImage1: Family = ({ model, operation }) => {
  if (operation === 'text_to_image') return { id: `${model}/text-to-image`, fields: gptFields, files: {} };
  if (operation === 'image_to_image')
    return {
      id: `${model}/edit-image`,
      fields: { ...gptFields, size: editSize, quality: same('quality', ['auto', 'low', 'medium', 'high']) },
      files: { images: fileList('image_urls', GPT_IMAGES_MAX) },
    };
  return null;
};

export const NANO_RATIOS = [
  'auto',
  '21:9',
  '16:9',
  '3:2',
  '4:3',
  '5:4',
  '1:1',
  '4:5',
  '3:4',
  '2:3',
  '9:16',
  '4:1',
  '1:4',
  '8:1',
  '1:8',
] as const;

/** Nano Banana 2 (client 1.10.1: fal-ai/nano-banana-2). Up to 14 pictures, as the model's maker says. */
export const nanoBanana2: Family = ({ model, operation }) => {
  const fields: Endpoint['fields'] = {
    prompt: text('prompt', 50_000),
    n: range('num_images', 1, 4, true),
    aspect_ratio: same('aspect_ratio', NANO_RATIOS),
    resolution: same('resolution', ['0.5K', '1K', '2K', '4K']),
    output_format: same('output_format', ['png', 'jpeg', 'webp']),
    seed,
  };
  const options = ['safety_tolerance'];
  if (operation === 'text_to_image') return { id: model, fields, files: {}, options };
  if (operation === 'image_to_image')
    return { id: `${model}/edit`, fields, files: { images: fileList('image_urls', 14) }, options };
  return null;
};

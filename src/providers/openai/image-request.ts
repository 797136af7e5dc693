import { z } from 'zod';
import type { MediaTask, ResolvedReference, TaskShape } from '../contract.js';
import { extensionOf } from '../media-types.js';
import { givenFields, givenRoles, invalidInput, readInput, readReference, referencesOf } from '../task-input.js';
import { optionsShape, type ImageSettings } from './options.js';

const IMAGES_MAX = 16;
const IMAGE_MAX_BYTES = 50 * 1024 * 1024;
const MASK_MAX_BYTES = 4 * 1024 * 1024;
const IMAGE_TYPES = ['image/png', 'image/webp', 'image/jpeg'];

const STANDARD_SIZES = ['1024x1024', '1536x1024', '1024x1536', 'auto'];
/** gpt-image-2 and later: sides in steps, a ratio of at most 3, and no more than 3840x2160 either way. */
const FREE_SIZES = { step: 16, ratio: 3, long: 3840, short: 2160 };
const QUALITIES = ['auto', 'low', 'medium', 'high'] as const;
const BACKGROUNDS = ['auto', 'opaque', 'transparent'] as const;
const FORMATS = ['png', 'jpeg', 'webp'] as const;

const fields = z.object({
  prompt: z.string().nullish(),
  n: z.number().nullish(),
  size: z.string().nullish(),
  quality: z.enum(QUALITIES).nullish(),
  background: z.enum(BACKGROUNDS).nullish(),
  output_format: z.enum(FORMATS).nullish(),
});

/** Fields of both calls. Only generations take `moderation`. */
export interface ImageFields {
  model: string;
  prompt: string;
  n?: number;
  size?: string;
  quality?: (typeof QUALITIES)[number];
  background?: (typeof BACKGROUNDS)[number];
  output_format?: (typeof FORMATS)[number];
  output_compression?: number;
}
export interface GenerationFields extends ImageFields {
  moderation?: 'auto' | 'low';
}

function sizeProblem(size: string, sizes: ImageSettings['sizes']): string | null {
  if (STANDARD_SIZES.includes(size)) return null;
  const match = /^(\d{1,5})x(\d{1,5})$/.exec(size);
  if (sizes === 'standard' || !match) return `size ${size} is not one of ${STANDARD_SIZES.join(', ')}`;
  const [short = 0, long = 0] = [Number(match[1]), Number(match[2])].toSorted((a, b) => a - b);
  const { step, ratio } = FREE_SIZES;
  if (short < step || short % step !== 0 || long % step !== 0)
    return `size ${size} has sides that ${step} does not divide`;
  if (long > short * ratio) return `size ${size} is longer than ${ratio} times its other side`;
  if (long <= FREE_SIZES.long && short <= FREE_SIZES.short) return null;
  return `size ${size} is larger than ${FREE_SIZES.long}x${FREE_SIZES.short}`;
}

/** Why a job can't go to this route. */
export function unsupportedImage(shape: TaskShape, settings: ImageSettings): string[] {
  const known = Object.keys(fields.shape);
  const problems = [
    ...givenFields(shape.input).filter((field) => !known.includes(field)),
    ...givenRoles(shape.references).filter((role) => role !== 'images' && role !== 'mask'),
  ].map((field) => `${field} is not taken by the Images API`);
  const parsed = fields.safeParse(shape.input);
  if (!parsed.success)
    return [...problems, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)];
  const { prompt, n, size, background, output_format: format } = parsed.data;
  if (!prompt) problems.push('prompt is needed');
  if (typeof n === 'number' && !(Number.isInteger(n) && n >= 1 && n <= 10)) problems.push('n must be 1 to 10');
  const wrongSize = size ? sizeProblem(size, settings.sizes) : null;
  if (wrongSize) problems.push(wrongSize);
  if (background === 'transparent' && format === 'jpeg')
    problems.push('background transparent needs output_format png or webp');
  const { images = 0, mask = 0 } = shape.references;
  if (images > IMAGES_MAX) problems.push(`images takes at most ${IMAGES_MAX} files`);
  if (mask > 1) problems.push('mask takes one file');
  if (mask > 0 && images === 0) problems.push('mask needs images');
  return problems;
}

/** What both calls have in common; `moderation` only where nothing is edited. */
export function imageFields(task: MediaTask): GenerationFields {
  const { prompt, n, size, quality, background, output_format: format } = readInput(fields, task.input);
  const { moderation, output_compression: compression } = optionsShape.parse(task.options);
  if (!prompt) throw invalidInput('prompt is needed', 'prompt');
  if (moderation && isEdit(task))
    throw invalidInput('moderation is not taken where images are edited', 'provider_options.openai.moderation');
  if (compression !== undefined && (format ?? 'png') === 'png')
    throw invalidInput(
      'output_compression needs output_format jpeg or webp',
      'provider_options.openai.output_compression',
    );
  return {
    model: task.model,
    prompt,
    ...(typeof n === 'number' && { n }),
    ...(size && { size }),
    ...(quality && { quality }),
    ...(background && { background }),
    ...(format && { output_format: format }),
    ...(compression !== undefined && { output_compression: compression }),
    ...(moderation && { moderation }),
  };
}

const isEdit = (task: MediaTask): boolean => task.references.length > 0;

/** PNG says in its header whether it has an alpha channel, or before its pixels which colour is transparent. */
function hasAlpha(png: Buffer): boolean {
  const colourType = png[25];
  return colourType === 4 || colourType === 6 || png.subarray(0, png.indexOf('IDAT')).includes('tRNS');
}

async function fileOf(reference: ResolvedReference, maxBytes: number): Promise<[Blob, string]> {
  const bytes = await readReference(reference, maxBytes);
  const name = `${reference.role}-${reference.index}.${extensionOf(reference.contentType)}`;
  return [new Blob([new Uint8Array(bytes)], { type: reference.contentType }), name];
}

/** The mask lies on the first picture, and its transparent pixels say where to paint. */
async function maskOf(mask: ResolvedReference, first: ResolvedReference | undefined): Promise<[Blob, string]> {
  if (mask.contentType !== 'image/png')
    throw invalidInput(`mask is ${mask.contentType}; this route takes image/png`, 'mask');
  if (mask.width !== first?.width || mask.height !== first?.height)
    throw invalidInput(
      `mask has ${mask.width}x${mask.height} pixels; it must have those of the first of images, ${first?.width}x${first?.height}`,
      'mask',
    );
  if (!hasAlpha(await readReference(mask, MASK_MAX_BYTES)))
    throw invalidInput('mask has no alpha channel; its transparent parts say where to change the picture', 'mask');
  return fileOf(mask, MASK_MAX_BYTES);
}

export interface ImageCall {
  path: '/images/generations' | '/images/edits';
  headers: Record<string, string>;
  body: string | FormData;
}

/** JSON without pictures, multipart with them. */
export async function imageCall(task: MediaTask): Promise<ImageCall> {
  const wire = imageFields(task);
  if (!isEdit(task))
    return {
      path: '/images/generations',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wire),
    };
  const form = new FormData();
  for (const [name, value] of Object.entries(wire)) form.set(name, String(value));
  const images = referencesOf(task, 'images');
  for (const image of images) {
    if (!IMAGE_TYPES.includes(image.contentType))
      throw invalidInput(`images: ${image.contentType} is not one of ${IMAGE_TYPES.join(', ')}`, 'images');
    form.append('image[]', ...(await fileOf(image, IMAGE_MAX_BYTES)));
  }
  const [mask] = referencesOf(task, 'mask');
  if (mask) form.set('mask', ...(await maskOf(mask, images[0])));
  return { path: '/images/edits', headers: {}, body: form };
}

/** How many pictures were asked for, and of which type; the wire's defaults where the request leaves it open. */
export function wantedOf(task: MediaTask): { count: number; contentType: string } {
  const { n, output_format: format } = readInput(fields, task.input);
  return { count: n ?? 1, contentType: `image/${format ?? 'png'}` };
}

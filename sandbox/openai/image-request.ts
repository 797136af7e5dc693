import sharp from 'sharp';
import type { SandboxContext } from '../context.js';
import type { PictureFormat } from '../render/recipes.js';
import { type Body, type PictureFile, readLinked, readPicture } from './body.js';
import { invalidType, invalidValue, missingParameter, notOneOf, OpenAIError } from './errors.js';

export const IMAGE_MODELS: readonly string[] = [
  'gpt-image-1',
  'gpt-image-1-mini',
  'gpt-image-1.5',
  'gpt-image-1.5-2025-12-16',
  'chatgpt-image-latest',
  'gpt-image-2',
  'gpt-image-2-2026-04-21',
  'gpt-image-2.5-sunburst',
  'gpt-image-2.5-sunburst-2026-09-08',
  'gpt-image-2.5-flare',
  'gpt-image-2.5-flare-2026-09-08',
  'gpt-image-2.6-sunburst',
  'gpt-image-2.6-flare',
];

const PROMPT_MAX_CHARACTERS = 32_000;
const IMAGES_MAX = 16;
const IMAGE_MAX_BYTES = 50 * 1024 * 1024;
const MASK_MAX_BYTES = 4 * 1024 * 1024;
const STANDARD_SIZES = ['1024x1024', '1024x1536', '1536x1024', 'auto'] as const;
const QUALITIES = ['low', 'medium', 'high', 'auto'] as const;
const MORE_QUALITIES = [...QUALITIES, 'xhigh', 'max'] as const;
const FORMATS = ['png', 'jpeg', 'webp'] as const;

const SHARED = [
  'model',
  'prompt',
  'n',
  'size',
  'quality',
  'background',
  'output_format',
  'output_compression',
  'stream',
  'partial_images',
  'user',
  'safety_identifier',
];

export interface ImageRequest {
  model: string;
  prompt: string;
  n: number;
  width: number;
  height: number;
  quality: 'low' | 'medium' | 'high' | 'xhigh' | 'max';
  background: 'opaque' | 'transparent';
  format: PictureFormat;
  stream: boolean;
  partials: number;
  images: PictureFile[];
}

/** Checks a generation or an edit as the Images API does for this model. */
export async function readImages(
  context: SandboxContext,
  body: Body,
  kind: 'generation' | 'edit',
): Promise<ImageRequest> {
  const model = body.text('model');
  const isSecond = model?.startsWith('gpt-image-2') ?? false;
  const own = kind === 'edit' ? ['image', 'images', 'mask', 'input_fidelity'] : ['moderation'];
  body.onlyKnown(
    [...SHARED, ...own, ...(isSecond ? ['complexity'] : [])],
    kind === 'edit' ? ['image', 'image[]', 'mask'] : [],
  );
  const prompt = body.prompt(PROMPT_MAX_CHARACTERS);
  if (model === undefined) throw missingParameter('model');
  if (!IMAGE_MODELS.includes(model))
    throw new OpenAIError(404, `The model \`${model}\` does not exist or you do not have access to it.`, {
      code: 'model_not_found',
    });
  const n = body.integer('n', 1, 10) ?? 1;
  const format = body.choice('output_format', FORMATS) ?? 'png';
  const background = body.choice('background', ['auto', 'opaque', 'transparent'] as const) ?? 'auto';
  if (background === 'transparent' && format === 'jpeg')
    throw invalidValue('background', 'Transparent background is not supported for the jpeg output format.');
  const compression = body.integer('output_compression', 0, 100) ?? 100;
  if (compression < 100 && format === 'png')
    throw invalidValue('output_compression', 'Compression less than 100 is not supported for PNG output format.');
  const quality = body.choice('quality', /^gpt-image-2\.\d/.test(model) ? MORE_QUALITIES : QUALITIES) ?? 'auto';
  const size = body.text('size') ?? 'auto';
  checkSize(size, isSecond);
  body.choice('moderation', ['auto', 'low'] as const);
  body.choice('complexity', ['low', 'medium', 'high'] as const);
  body.text('user');
  body.text('safety_identifier');
  checkFidelity(body, model, isSecond);
  const stream = body.boolean('stream');
  const partials = body.integer('partial_images', 0, 3) ?? 0;
  if (partials > 0 && !stream) throw invalidValue('partial_images', "'partial_images' needs 'stream' to be true.");
  const images = kind === 'edit' ? await readPictures(context, body) : [];
  const [width = 0, height = 0] = (size === 'auto' ? autoSize(images[0]) : size).split('x').map(Number);
  return {
    model,
    prompt,
    n,
    width,
    height,
    quality: quality === 'auto' ? 'medium' : quality,
    background: background === 'transparent' ? 'transparent' : 'opaque',
    format,
    stream,
    partials,
    images,
  };
}

function checkSize(size: string, isFree: boolean): void {
  if (STANDARD_SIZES.some((known) => known === size)) return;
  if (!isFree) throw notOneOf('size', size, STANDARD_SIZES);
  const [, width = 0, height = 0] = (/^(\d+)x(\d+)$/.exec(size) ?? []).map(Number);
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const fits =
    short >= 16 && width % 16 === 0 && height % 16 === 0 && long <= 3 * short && long <= 3840 && short <= 2160;
  if (!fits)
    throw invalidValue(
      'size',
      `Invalid size '${size}'. Width and height must be divisible by 16, the ratio between 1:3 and 3:1, and at most 3840x2160.`,
    );
}

function checkFidelity(body: Body, model: string, isSecond: boolean): void {
  const fidelity = body.choice('input_fidelity', ['low', 'high'] as const);
  if (fidelity === undefined) return;
  if (isSecond) throw invalidValue('input_fidelity', `'input_fidelity' is not supported by ${model}.`);
  if (model === 'gpt-image-1-mini' && fidelity === 'high') throw notOneOf('input_fidelity', fidelity, ['low']);
}

function autoSize(first: PictureFile | undefined): string {
  if (!first || first.width === first.height) return '1024x1024';
  return first.width > first.height ? '1536x1024' : '1024x1536';
}

async function readPictures(context: SandboxContext, body: Body): Promise<PictureFile[]> {
  const files = body.files.filter(({ field }) => field !== 'mask');
  const listed = body.given('images');
  if (body.given('image') !== undefined) throw invalidType('image', 'a file', 'a string');
  if (listed !== undefined && !Array.isArray(listed)) throw invalidType('images', 'an array', 'an object');
  const links = (listed ?? []) as unknown[];
  if (files.length + links.length === 0) throw missingParameter('image');
  if (files.length + links.length > IMAGES_MAX)
    throw invalidValue('image', `Invalid 'image': expected at most ${IMAGES_MAX} images.`);
  const pictures: PictureFile[] = [];
  for (const file of files) pictures.push(await readPicture(context, file.field, file, IMAGE_MAX_BYTES));
  for (const [index, link] of links.entries())
    pictures.push(await readLinked(context, `images[${index}]`, link, IMAGE_MAX_BYTES));
  const mask = body.files.find(({ field }) => field === 'mask');
  const linked = body.given('mask');
  if (mask) await checkMask(await readPicture(context, 'mask', mask, MASK_MAX_BYTES), pictures[0]);
  else if (linked !== undefined)
    await checkMask(await readLinked(context, 'mask', linked, MASK_MAX_BYTES), pictures[0]);
  return pictures;
}

async function checkMask(mask: PictureFile, first: PictureFile | undefined): Promise<void> {
  const refuse = (message: string): OpenAIError =>
    new OpenAIError(400, `Invalid mask image format - ${message}`, { code: 'invalid_image_format', param: 'mask' });
  if (mask.contentType !== 'image/png') throw refuse('the mask must be a PNG');
  if (mask.width !== first?.width || mask.height !== first.height) throw refuse('mask size does not match image size');
  if (!(await sharp(mask.bytes).metadata()).hasAlpha) throw refuse('mask image missing alpha channel');
}

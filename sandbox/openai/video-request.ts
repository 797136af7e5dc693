import { randomInt } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import type { Output } from '../generations.js';
import type { Picture } from '../render/recipes.js';
import { type Body, readLinked, readPicture } from './body.js';
import { invalidType, invalidValue, OpenAIError } from './errors.js';

export const VIDEO_MODELS = [
  'sora-2',
  'sora-2-pro',
  'sora-2-2025-10-06',
  'sora-2-pro-2025-10-06',
  'sora-2-2025-12-08',
] as const;

const FPS = 30;
const PROMPT_MAX_CHARACTERS = 32_000;
const REFERENCE_MAX_BYTES = 20 * 1024 * 1024;
const SECONDS = ['4', '8', '12'] as const;
const SIZES = ['720x1280', '1280x720'] as const;
const PRO_SIZES = [...SIZES, '1024x1792', '1792x1024'] as const;

/** What the wire says of a video later. */
export interface VideoRequest {
  model: string;
  /** Without markers. */
  prompt: string;
  seconds: string;
  size: string;
}

export interface NewVideo extends VideoRequest {
  first: Picture | null;
}

/** Checks a create body as the Videos API does. */
export async function readVideo(context: SandboxContext, body: Body): Promise<NewVideo> {
  body.onlyKnown(['model', 'prompt', 'seconds', 'size', 'input_reference'], ['input_reference']);
  const prompt = body.prompt(PROMPT_MAX_CHARACTERS);
  const model = body.text('model') ?? 'sora-2';
  if (!VIDEO_MODELS.some((known) => known === model))
    throw new OpenAIError(404, `The model \`${model}\` does not exist or you do not have access to it.`, {
      code: 'model_not_found',
    });
  const sizes: readonly string[] = model.includes('-pro') ? PRO_SIZES : SIZES;
  const size = body.choice('size', sizes) ?? '720x1280';
  const seconds = body.choice('seconds', SECONDS) ?? '4';
  return { model, prompt, seconds, size, first: await readReference(context, body, size) };
}

async function readReference(context: SandboxContext, body: Body, size: string): Promise<Picture | null> {
  const value = body.given('input_reference');
  const [file, second] = body.files;
  if (second || (file && value !== undefined))
    throw invalidValue('input_reference', "Invalid 'input_reference': expected one reference.");
  if (!file && value === undefined) return null;
  if (typeof value === 'string') throw invalidType('input_reference', 'a file', 'a string');
  const { picture, width, height } = await (file
    ? readPicture(context, 'input_reference', file, REFERENCE_MAX_BYTES)
    : readLinked(context, 'input_reference', value, REFERENCE_MAX_BYTES));
  if (`${width}x${height}` !== size)
    throw new OpenAIError(400, 'Inpaint image must match the requested width and height');
  return picture;
}

/** In the order of VARIANTS. */
export function outputsOf({ model, prompt, seconds, size, first }: NewVideo): Output[] {
  const [width = 0, height = 0] = size.split('x').map(Number);
  const seed = randomInt(2 ** 32);
  const card = (over: Picture[]): Picture => ({
    kind: 'drawn',
    width,
    height,
    title: `sandbox · ${model}`,
    prompt,
    seed,
    over,
  });
  const frame = card(first ? [first] : []);
  const clip = { width, height, fps: FPS, frames: Number(seconds) * FPS, seed, first: frame, last: null, sound: true };
  return [
    { kind: 'clip', clip },
    { kind: 'picture', picture: frame, format: 'webp' },
    { kind: 'picture', picture: card([frame, frame, frame, frame]), format: 'jpeg' },
  ];
}

export const VARIANTS: readonly string[] = ['video', 'thumbnail', 'spritesheet'];

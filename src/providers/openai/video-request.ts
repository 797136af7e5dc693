import { z } from 'zod';
import type { MediaTask, ResolvedReference, TaskShape } from '../contract.js';
import { extensionOf } from '../media-types.js';
import { givenFields, givenRoles, invalidInput, readInput, readReference, referencesOf } from '../task-input.js';
import { optionsShape } from './options.js';

/** Of an image sent as a data URL; a file is held to the same. */
const REFERENCE_MAX_BYTES = 20 * 1024 * 1024;
const REFERENCE_TYPES = ['image/jpeg', 'image/png', 'image/webp'];

const SECONDS = { 4: '4', 8: '8', 12: '12' } as const;
type Seconds = keyof typeof SECONDS;

/** By resolution, then by aspect ratio. The larger sizes are sora-2-pro's, and a little narrower than 16:9. */
const SIZES = {
  '720p': { '16:9': '1280x720', '9:16': '720x1280' },
  '1024p': { '16:9': '1792x1024', '9:16': '1024x1792' },
} as const;
type Resolution = keyof typeof SIZES;
type AspectRatio = keyof (typeof SIZES)[Resolution];
type VideoSize = (typeof SIZES)[Resolution][AspectRatio];
/** What the wire makes where no size is named. */
const DEFAULT_SIZE: VideoSize = '720x1280';

const fields = z.object({
  prompt: z.string().nullish(),
  duration_seconds: z.number().nullish(),
  resolution: z.string().nullish(),
  aspect_ratio: z.string().nullish(),
  generate_audio: z.boolean().nullish(),
});

/** The fields of POST /videos beside the file; `seconds` is a text on this wire. */
export interface VideoFields {
  model: string;
  prompt: string;
  seconds?: (typeof SECONDS)[Seconds];
  size?: VideoSize;
}

const isSeconds = (value: number): value is Seconds => Object.hasOwn(SECONDS, value);
const isResolution = (value: string): value is Resolution => Object.hasOwn(SIZES, value);
const isAspectRatio = (value: string): value is AspectRatio => Object.hasOwn(SIZES['720p'], value);
const isPro = (model: string): boolean => model.includes('-pro');

/** Why a job can't go to this route. */
export function unsupportedVideo(shape: TaskShape): string[] {
  const known = Object.keys(fields.shape);
  const problems = [
    ...givenFields(shape.input).filter((field) => !known.includes(field)),
    ...givenRoles(shape.references).filter((role) => role !== 'image'),
  ].map((field) => `${field} is not taken by the Videos API`);
  const parsed = fields.safeParse(shape.input);
  if (!parsed.success)
    return [...problems, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)];
  const input = parsed.data;
  if (!input.prompt) problems.push('prompt is needed');
  if ((shape.references.image ?? 0) > 1) problems.push('image takes one file');
  if (typeof input.duration_seconds === 'number' && !isSeconds(input.duration_seconds))
    problems.push(`duration_seconds ${input.duration_seconds} is not one of ${Object.values(SECONDS).join(', ')}`);
  const resolutions = isPro(shape.model) ? Object.keys(SIZES) : ['720p'];
  if (input.resolution && !resolutions.includes(input.resolution))
    problems.push(`resolution "${input.resolution}" is not one of ${resolutions.join(', ')}`);
  if (input.aspect_ratio && !isAspectRatio(input.aspect_ratio))
    problems.push(`aspect_ratio "${input.aspect_ratio}" is not one of ${Object.keys(SIZES['720p']).join(', ')}`);
  if (input.generate_audio === false) problems.push('generate_audio can not be false: every clip has sound');
  return problems;
}

function sizeOf(resolution: string, aspectRatio: string): VideoSize {
  if (!isResolution(resolution)) throw invalidInput(`resolution ${resolution} is not made`, 'resolution');
  if (!isAspectRatio(aspectRatio)) throw invalidInput(`aspect_ratio ${aspectRatio} is not made`, 'aspect_ratio');
  return SIZES[resolution][aspectRatio];
}

/** The request's fields; throws ProviderError `invalid_input` for what `unsupportedVideo` would name. */
export function videoFields(task: MediaTask): VideoFields {
  const input = readInput(fields, task.input);
  const [option] = Object.keys(optionsShape.parse(task.options));
  if (option)
    throw invalidInput(`provider_options.openai.${option} is for images`, `provider_options.openai.${option}`);
  if (!input.prompt) throw invalidInput('prompt is needed', 'prompt');
  const { duration_seconds: seconds, resolution, aspect_ratio: aspectRatio } = input;
  if (typeof seconds === 'number' && !isSeconds(seconds))
    throw invalidInput(`duration_seconds ${seconds} is not made`, 'duration_seconds');
  return {
    model: task.model,
    prompt: input.prompt,
    ...(typeof seconds === 'number' && { seconds: SECONDS[seconds] }),
    ...((resolution || aspectRatio) && { size: sizeOf(resolution ?? '720p', aspectRatio ?? '16:9') }),
  };
}

/** The wire takes a first frame of the clip's own size only, and says so after a while; nothing is scaled here. */
function checkReference(image: ResolvedReference, size: VideoSize): void {
  if (!REFERENCE_TYPES.includes(image.contentType))
    throw invalidInput(`image is ${image.contentType}; this route takes ${REFERENCE_TYPES.join(', ')}`, 'image');
  if (image.width === null || image.height === null || `${image.width}x${image.height}` === size) return;
  throw invalidInput(
    `image has ${image.width}x${image.height} pixels; it must have those of the clip, ${size}`,
    'image',
  );
}

/** Multipart, as the official client always sends it, and as every server of this wire takes it. */
export async function videoForm(task: MediaTask): Promise<FormData> {
  const wire = videoFields(task);
  const form = new FormData();
  for (const [name, value] of Object.entries(wire)) form.set(name, value as string);
  const [image] = referencesOf(task, 'image');
  if (image) {
    checkReference(image, wire.size ?? DEFAULT_SIZE);
    const bytes = await readReference(image, REFERENCE_MAX_BYTES);
    const file = new Blob([new Uint8Array(bytes)], { type: image.contentType });
    form.set('input_reference', file, `image.${extensionOf(image.contentType)}`);
  }
  return form;
}

import { z } from 'zod';
import type { MediaTask, ReferenceRole, ResolvedReference, TaskShape } from '../../contract.js';
import { givenRoles, readInput, readReference, referencesOf } from '../../task-input.js';
import { optionsShape, type Surface } from '../options.js';
import { imageBytes, oneOf, readFields } from '../request.js';

const IMAGE_MAX_BYTES = 20 * 1024 * 1024;
const VIDEO_MAX_BYTES = 50 * 1024 * 1024;
const IMAGE_TYPES = ['image/png', 'image/jpeg'];

const fields = z.object({
  prompt: z.string().nullish(),
  negative_prompt: z.string().nullish(),
  duration_seconds: z.number().nullish(),
  aspect_ratio: z.string().nullish(),
  resolution: z.string().nullish(),
  fps: z.number().nullish(),
  seed: z.number().nullish(),
  generate_audio: z.boolean().nullish(),
});

type VeoImage = { bytesBase64Encoded: string; mimeType: string };
type VeoVideo = { bytesBase64Encoded: string; mimeType: string } | { encodedVideo: string; encoding: string };

/** Body of `:predictLongRunning`, as Google's SDKs send it. */
export interface VeoRequest {
  instances: [
    {
      prompt?: string;
      image?: VeoImage;
      lastFrame?: VeoImage;
      referenceImages?: { image: VeoImage; referenceType: 'asset' }[];
      video?: VeoVideo;
    },
  ];
  parameters: {
    aspectRatio?: string;
    durationSeconds?: number;
    resolution?: string;
    negativePrompt?: string;
    seed?: number;
    generateAudio?: boolean;
    personGeneration?: string;
    enhancePrompt?: boolean;
    sampleCount: 1;
  };
}

function referenceProblems(shape: TaskShape): string[] {
  const count = (role: ReferenceRole): number => shape.references[role] ?? 0;
  const problems = givenRoles(shape.references)
    .filter((role) => !['image', 'last_image', 'reference_images', 'video'].includes(role))
    .map((role) => `${role} is not taken by Veo`);
  for (const role of ['image', 'last_image', 'video'] as const)
    if (count(role) > 1) problems.push(`${role} takes one file`);
  if (count('last_image') > 0 && count('image') === 0) problems.push('last_image needs image');
  if (count('reference_images') > 3) problems.push('reference_images takes at most 3 files');
  const starts = (['image', 'reference_images', 'video'] as const).filter((role) => count(role) > 0);
  if (starts.length > 1) problems.push(`${starts.join(' and ')} exclude each other`);
  return problems;
}

/** Why a job can't go to this route: Veo 3.1's own limits, and what one of the two wires lacks. */
export function unsupported(shape: TaskShape, surface: Surface): string[] {
  const { input, problems } = readFields(fields, shape.input, 'Veo');
  if (input === null) return problems;
  problems.push(
    ...referenceProblems(shape),
    ...oneOf('aspect_ratio', input.aspect_ratio, ['16:9', '9:16']),
    ...oneOf('duration_seconds', input.duration_seconds, [4, 6, 8]),
    ...oneOf(
      'resolution',
      input.resolution,
      shape.model.includes('lite') ? ['720p', '1080p'] : ['720p', '1080p', '4k'],
    ),
    ...oneOf('fps', input.fps, [24]),
  );
  const needsEight =
    (input.resolution === '1080p' || input.resolution === '4k' ? `resolution ${input.resolution}` : null) ??
    givenRoles(shape.references).find((role) => role === 'reference_images' || role === 'video');
  if (needsEight && (input.duration_seconds ?? 8) !== 8) problems.push(`duration_seconds must be 8 with ${needsEight}`);
  if ((shape.references.video ?? 0) > 0 && (input.resolution ?? '720p') !== '720p')
    problems.push('resolution must be 720p when a video is extended');
  if (input.seed !== null && input.seed !== undefined) {
    if (surface === 'gemini') problems.push('seed is not taken by the Gemini API');
    else if (!Number.isInteger(input.seed) || input.seed < 0 || input.seed > 0xffffffff)
      problems.push('seed must be a whole number from 0 to 4294967295');
  }
  if (surface === 'gemini' && input.generate_audio === false)
    problems.push('generate_audio can not be false on the Gemini API');
  return problems;
}

async function image(reference: ResolvedReference): Promise<VeoImage> {
  const bytes = await imageBytes(reference, IMAGE_TYPES, IMAGE_MAX_BYTES);
  return { bytesBase64Encoded: bytes.toString('base64'), mimeType: reference.contentType };
}

async function video(reference: ResolvedReference, surface: Surface): Promise<VeoVideo> {
  const data = (await readReference(reference, VIDEO_MAX_BYTES)).toString('base64');
  return surface === 'vertex'
    ? { bytesBase64Encoded: data, mimeType: reference.contentType }
    : { encodedVideo: data, encoding: reference.contentType };
}

/** The request body for one video. Throws ProviderError `invalid_input` for a reference that the wire can't carry. */
export async function toWire(task: MediaTask, surface: Surface): Promise<VeoRequest> {
  const input = readInput(fields, task.input);
  const options = optionsShape.parse(task.options);
  const [first] = referencesOf(task, 'image');
  const [last] = referencesOf(task, 'last_image');
  const [clip] = referencesOf(task, 'video');
  const assets = await Promise.all(referencesOf(task, 'reference_images').map(image));
  return {
    instances: [
      {
        ...(input.prompt && { prompt: input.prompt }),
        ...(first && { image: await image(first) }),
        ...(last && { lastFrame: await image(last) }),
        ...(assets.length > 0 && {
          referenceImages: assets.map((asset) => ({ image: asset, referenceType: 'asset' as const })),
        }),
        ...(clip && { video: await video(clip, surface) }),
      },
    ],
    parameters: {
      ...(input.aspect_ratio && { aspectRatio: input.aspect_ratio }),
      ...(typeof input.duration_seconds === 'number' && { durationSeconds: input.duration_seconds }),
      ...(input.resolution && { resolution: input.resolution }),
      ...(input.negative_prompt && { negativePrompt: input.negative_prompt }),
      ...(surface === 'vertex' && typeof input.seed === 'number' && { seed: input.seed }),
      // The Gemini API always makes sound and refuses the field.
      ...(surface === 'vertex' && typeof input.generate_audio === 'boolean' && { generateAudio: input.generate_audio }),
      ...(options.person_generation && { personGeneration: options.person_generation }),
      ...(typeof options.enhance_prompt === 'boolean' && { enhancePrompt: options.enhance_prompt }),
      sampleCount: 1,
    },
  };
}

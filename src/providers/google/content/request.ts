import { z } from 'zod';
import type { MediaTask, ResolvedReference, TaskShape } from '../../contract.js';
import { givenRoles, invalidInput, readInput, referencesOf } from '../../task-input.js';
import { musicFields, musicPrompt, unsupportedMusic } from '../music-prompt.js';
import { optionsShape, type Options, type Surface } from '../options.js';
import { imageBytes, oneOf, readFields } from '../request.js';

const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/webp'];
const MAX_IMAGES = 14;
const MIB = 1024 * 1024;
/** Vertex takes 7 MB of inline bytes an image. The Gemini API has one limit for the request, 100 MB, which base64 fills by a third more. */
const IMAGE_MAX_BYTES: Readonly<Record<Surface, number>> = { vertex: 7_000_000, gemini: 20 * MIB };
const IMAGES_MAX_BYTES = 70 * MIB;
const MAX_INT32 = 0x7fff_ffff;

const RATIOS = ['1:1', '1:4', '1:8', '2:3', '3:2', '3:4', '4:1', '4:3', '4:5', '5:4', '8:1', '9:16', '16:9', '21:9'];

const imageFields = z.object({
  prompt: z.string().nullish(),
  aspect_ratio: z.string().nullish(),
  resolution: z.string().nullish(),
  n: z.number().nullish(),
  seed: z.number().nullish(),
});

/** 512 came with Nano Banana 2 and went with 2.1. */
const sizesOf = (model: string): string[] =>
  model.includes('3.1-flash-image') ? ['512', '1K', '2K', '4K'] : ['1K', '2K', '4K'];

type Part = { text: string } | { inlineData: { mimeType: string; data: string } };

/** Body of `:generateContent`, as Google's SDKs send it. */
export interface ContentRequest {
  contents: [{ role: 'user'; parts: Part[] }];
  generationConfig: {
    responseModalities: ('TEXT' | 'IMAGE' | 'AUDIO')[];
    responseMimeType?: 'audio/wav';
    seed?: number;
    imageConfig?: { aspectRatio?: string; imageSize?: string; personGeneration?: string };
  };
}

function unsupportedImage(shape: TaskShape): string[] {
  const { input, problems } = readFields(imageFields, shape.input, 'Nano Banana');
  problems.push(
    ...givenRoles(shape.references)
      .filter((role) => role !== 'images')
      .map((role) => `${role} is not taken by Nano Banana`),
  );
  if ((shape.references.images ?? 0) > MAX_IMAGES) problems.push(`images takes at most ${MAX_IMAGES} files`);
  if (input === null) return problems;
  problems.push(
    ...oneOf('aspect_ratio', input.aspect_ratio, RATIOS),
    ...oneOf('resolution', input.resolution, sizesOf(shape.model)),
    ...oneOf('n', input.n, [1]),
  );
  const { seed } = input;
  if (typeof seed === 'number' && (!Number.isInteger(seed) || seed < 0 || seed > MAX_INT32))
    problems.push(`seed must be a whole number from 0 to ${MAX_INT32}`);
  return problems;
}

/** Why a job can't go to this route. */
export const unsupported = (shape: TaskShape): string[] =>
  shape.modality === 'music' ? unsupportedMusic(shape) : unsupportedImage(shape);

async function parts(images: ResolvedReference[], surface: Surface): Promise<Part[]> {
  const total = images.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > IMAGES_MAX_BYTES)
    throw invalidInput(`images have ${total} bytes together; this route takes at most ${IMAGES_MAX_BYTES}`, 'images');
  return Promise.all(
    images.map(async (image): Promise<Part> => {
      const bytes = await imageBytes(image, IMAGE_TYPES, IMAGE_MAX_BYTES[surface]);
      return { inlineData: { mimeType: image.contentType, data: bytes.toString('base64') } };
    }),
  );
}

const PERSONS = { allow_all: 'ALLOW_ALL', allow_adult: 'ALLOW_ADULT', dont_allow: 'ALLOW_NONE' } as const;

/** Options are checked for the whole provider, before the route is known. */
const unused = (options: Options, taken: readonly string[]): string[] =>
  Object.keys(options)
    .filter((name) => !taken.includes(name))
    .map((name) => `provider_options.google.${name} is not taken by this model`);

/**
 * The request body for one result, and what it can't say. A picture to change, also one of an earlier job, is inline data of
 * the user's turn. Throws ProviderError `invalid_input` for a reference that the wire can't carry.
 */
export async function toWire(task: MediaTask, surface: Surface): Promise<{ body: ContentRequest; warnings: string[] }> {
  const options = optionsShape.parse(task.options);
  if (task.modality === 'music') {
    const { text, warnings } = musicPrompt(task.input);
    const { format } = readInput(musicFields, task.input);
    return {
      body: {
        contents: [{ role: 'user', parts: [{ text }] }],
        generationConfig: {
          responseModalities: ['AUDIO', 'TEXT'],
          ...(format === 'wav' && { responseMimeType: 'audio/wav' as const }),
        },
      },
      warnings: [...warnings, ...unused(options, [])],
    };
  }
  const input = readInput(imageFields, task.input);
  const persons = surface === 'vertex' ? options.person_generation : undefined;
  const imageConfig = {
    ...(input.aspect_ratio && { aspectRatio: input.aspect_ratio }),
    ...(input.resolution && { imageSize: input.resolution }),
    // The Gemini API refuses the field.
    ...(persons && { personGeneration: PERSONS[persons] }),
  };
  return {
    body: {
      contents: [
        {
          role: 'user',
          parts: [
            ...(input.prompt ? [{ text: input.prompt }] : []),
            ...(await parts(referencesOf(task, 'images'), surface)),
          ],
        },
      ],
      generationConfig: {
        responseModalities: ['IMAGE'],
        ...(typeof input.seed === 'number' && { seed: input.seed }),
        ...(Object.keys(imageConfig).length > 0 && { imageConfig }),
      },
    },
    warnings: unused(options, surface === 'vertex' ? ['person_generation'] : []),
  };
}

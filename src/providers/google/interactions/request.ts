import { z } from 'zod';
import type { MediaTask, ReferenceRole, ResolvedReference, TaskShape } from '../../contract.js';
import { givenRoles, readInput, referencesOf } from '../../task-input.js';
import { musicFields, musicPrompt, unsupportedMusic } from '../music-prompt.js';
import { imageBytes, oneOf, readFields } from '../request.js';

const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/webp'];
const IMAGE_MAX_BYTES = 20 * 1024 * 1024;
const MAX_REFERENCES = 3;
const MIN_SECONDS = 3;
const MAX_SECONDS = 10;
const MAX_INT32 = 0x7fff_ffff;

const videoFields = z.object({
  prompt: z.string().nullish(),
  duration_seconds: z.number().nullish(),
  aspect_ratio: z.string().nullish(),
  resolution: z.string().nullish(),
  seed: z.number().nullish(),
  generate_audio: z.boolean().nullish(),
});

type Content = { type: 'text'; text: string } | { type: 'image'; data: string; mime_type: string };

/** Body of POST /interactions, as Google's SDKs send it: snake_case throughout. */
export interface InteractionRequest {
  model: string;
  input: string | Content[];
  response_format?:
    | { type: 'audio'; mime_type: 'audio/wav'; delivery: 'inline' }
    | { type: 'video'; aspect_ratio?: string; duration?: string; resolution?: string; delivery: 'uri' };
  generation_config?: { seed?: number; video_config?: { task: string } };
  /** Runs on after the answer, which needs it to be stored. */
  background: true;
  store: true;
}

const VIDEO_TASKS: Readonly<Record<string, { task: string; role: ReferenceRole | null; most: number }>> = {
  text_to_video: { task: 'text_to_video', role: null, most: 0 },
  image_to_video: { task: 'image_to_video', role: 'image', most: 1 },
  reference_to_video: { task: 'reference_to_video', role: 'reference_images', most: MAX_REFERENCES },
};

function unsupportedVideo(shape: TaskShape): string[] {
  const { input, problems } = readFields(videoFields, shape.input, 'Gemini Omni');
  const task = VIDEO_TASKS[shape.operation];
  if (!task) problems.push(`${shape.operation} is not done by this route`);
  for (const role of givenRoles(shape.references)) {
    if (role !== task?.role) problems.push(`${role} is not taken for ${shape.operation}`);
    else if ((shape.references[role] ?? 0) > task.most) problems.push(`${role} takes at most ${task.most} files`);
  }
  if (input === null) return problems;
  const { duration_seconds: seconds, seed } = input;
  problems.push(
    ...oneOf('aspect_ratio', input.aspect_ratio, ['16:9', '9:16']),
    ...oneOf('resolution', input.resolution, ['360p', '720p', '1080p', '4k']),
  );
  if (typeof seconds === 'number' && (!Number.isInteger(seconds) || seconds < MIN_SECONDS || seconds > MAX_SECONDS))
    problems.push(`duration_seconds must be a whole number from ${MIN_SECONDS} to ${MAX_SECONDS}`);
  if (typeof seed === 'number' && (!Number.isInteger(seed) || seed < 0 || seed > MAX_INT32))
    problems.push(`seed must be a whole number from 0 to ${MAX_INT32}`);
  if (input.generate_audio === false) problems.push('generate_audio can not be false: Gemini Omni always makes sound');
  return problems;
}

/** Why a job can't go to this route. */
export const unsupported = (shape: TaskShape): string[] =>
  shape.modality === 'music' ? unsupportedMusic(shape) : unsupportedVideo(shape);

async function picture(reference: ResolvedReference): Promise<Content> {
  const bytes = await imageBytes(reference, IMAGE_TYPES, IMAGE_MAX_BYTES);
  return { type: 'image', data: bytes.toString('base64'), mime_type: reference.contentType };
}

async function video(task: MediaTask): Promise<Omit<InteractionRequest, 'model' | 'background' | 'store'>> {
  const input = readInput(videoFields, task.input);
  const { task: mode = 'text_to_video', role = null } = VIDEO_TASKS[task.operation] ?? {};
  const pictures = await Promise.all((role === null ? [] : referencesOf(task, role)).map(picture));
  return {
    input: [...(input.prompt ? [{ type: 'text' as const, text: input.prompt }] : []), ...pictures],
    response_format: {
      type: 'video',
      ...(input.aspect_ratio && { aspect_ratio: input.aspect_ratio }),
      ...(typeof input.duration_seconds === 'number' && { duration: `${input.duration_seconds}s` }),
      ...(input.resolution && { resolution: input.resolution }),
      // Results above some 4 MB do not come inline.
      delivery: 'uri',
    },
    generation_config: {
      ...(typeof input.seed === 'number' && { seed: input.seed }),
      video_config: { task: mode },
    },
  };
}

/** The request body for one result, and what it can't say exactly. */
export async function toWire(task: MediaTask): Promise<{ body: InteractionRequest; warnings: string[] }> {
  const unused = Object.keys(task.options).map((name) => `provider_options.google.${name} is not taken by this model`);
  const common = { model: task.model, background: true, store: true } as const;
  if (task.modality !== 'music') return { body: { ...common, ...(await video(task)) }, warnings: unused };
  const { text, warnings } = musicPrompt(task.input);
  const { format } = readInput(musicFields, task.input);
  return {
    body: {
      ...common,
      input: text,
      ...(format === 'wav' && { response_format: { type: 'audio', mime_type: 'audio/wav', delivery: 'inline' } }),
    },
    warnings: [...warnings, ...unused],
  };
}

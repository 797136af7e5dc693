import { z } from 'zod';
import type { MediaTask, ReferenceRole, TaskShape } from '../contract.js';
import { givenFields, givenRoles, invalidInput, readInput, referencesOf } from '../task-input.js';
import { mediaItems, referenceVideoSeconds, type ContentItem } from './media.js';
import { optionsShape, RESOLUTIONS, settingsShape, type Settings } from './options.js';
import { flagProblem, promptFlag } from '../seedance-flags.js';

const RATIOS = ['21:9', '16:9', '4:3', '1:1', '3:4', '9:16'];
const DURATION = { min: 4, max: 15, default: 5 };
/** The documentation's upper end; other public notes say 2^32-1. */
const SEED_MAX = 2_147_483_647;
/** Files of each role in one request. */
const MOST: Partial<Record<ReferenceRole, number>> = {
  image: 1,
  last_image: 1,
  reference_images: 9,
  reference_videos: 3,
  reference_audios: 3,
};
const FRAMES = ['image', 'last_image'];

const fields = z.object({
  prompt: z.string().nullish(),
  duration_seconds: z.number().nullish(),
  aspect_ratio: z.string().nullish(),
  resolution: z.enum(RESOLUTIONS).nullish(),
  fps: z.number().nullish(),
  seed: z.number().nullish(),
  generate_audio: z.boolean().nullish(),
});

/** Body of POST /contents/generations/tasks: parameters as fields, which are checked strictly, never as flags of the prompt. */
export interface CreateTask {
  model: string;
  content: ContentItem[];
  resolution?: string;
  ratio?: string;
  duration?: number;
  seed?: number;
  generate_audio?: boolean;
  watermark: false;
  callback_url?: string;
  execution_expires_after?: number;
  safety_identifier?: string;
}

/** Fast and mini models stop at 720p. */
const resolutionsOf = (model: string): readonly string[] =>
  /-(?:fast|mini)\b/.test(model) ? ['480p', '720p'] : RESOLUTIONS;

const oneOf = (field: string, value: unknown, allowed: readonly (string | number)[]): string[] =>
  value === null || value === undefined || allowed.some((item) => item === value)
    ? []
    : [`${field} ${JSON.stringify(value)} is not one of ${allowed.join(', ')}`];

function whole(field: string, value: number | null | undefined, min: number, max: number): string[] {
  if (value === null || value === undefined) return [];
  return Number.isInteger(value) && value >= min && value <= max
    ? []
    : [`${field} must be a whole number from ${min} to ${max}`];
}

/** First frame, first and last frame, and references are three modes that exclude each other. */
function referenceProblems({ references }: TaskShape): string[] {
  const given = givenRoles(references);
  const problems = given.flatMap((role) => {
    const most = MOST[role];
    if (most === undefined) return [`${role} is not taken by Seedance`];
    return (references[role] ?? 0) > most ? [`${role} takes at most ${most} file${most === 1 ? '' : 's'}`] : [];
  });
  const has = (role: ReferenceRole): boolean => given.includes(role);
  if (has('last_image') && !has('image')) problems.push('last_image needs image');
  const frames = given.filter((role) => FRAMES.includes(role));
  const others = given.filter((role) => role.startsWith('reference_'));
  if (frames.length > 0 && others.length > 0)
    problems.push(`${frames.join(' and ')} and ${others.join(' and ')} exclude each other`);
  if (has('reference_audios') && !has('reference_images') && !has('reference_videos'))
    problems.push('reference_audios need reference_images or reference_videos');
  return problems;
}

/** Why a job can't go to this route: the limits of the Seedance 2.0 family. */
export function unsupported(shape: TaskShape): string[] {
  const known = Object.keys(fields.shape);
  const problems = givenFields(shape.input)
    .filter((field) => !known.includes(field))
    .map((field) => `${field} is not taken by Seedance`);
  const parsed = fields.safeParse(shape.input);
  if (!parsed.success)
    return [...problems, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)];
  const input = parsed.data;
  const flag = promptFlag(input.prompt ?? '');
  if (flag !== null) problems.push(flagProblem(flag));
  if (!input.prompt?.trim() && givenRoles(shape.references).length === 0)
    problems.push('prompt or a reference is needed');
  return [
    ...problems,
    ...referenceProblems(shape),
    ...whole('duration_seconds', input.duration_seconds, DURATION.min, DURATION.max),
    ...oneOf('aspect_ratio', input.aspect_ratio, RATIOS),
    ...oneOf('resolution', input.resolution, resolutionsOf(shape.model)),
    ...oneOf('fps', input.fps, [24]),
    ...whole('seed', input.seed, 0, SEED_MAX),
  ];
}

/** The provider bills the seconds of reference videos too: see `reference_seconds_per_second`. */
function checkReferenceSeconds(task: MediaTask, { reference_seconds_per_second: most }: Settings): void {
  if (referencesOf(task, 'reference_videos').length === 0) return;
  const given = referenceVideoSeconds(task);
  const input = readInput(fields, task.input);
  const seconds = input.duration_seconds ?? DURATION.default;
  if (most !== undefined && given > most * seconds + 0.2)
    throw invalidInput(
      `reference_videos are ${given} s together; a clip of ${seconds} s takes at most ${most * seconds} s of them`,
      'reference_videos',
    );
}

const ratioOf = (text: string): number => {
  const [width = 1, height = 1] = text.split(':').map(Number);
  return width / height;
};

/** The listed ratio that is nearest to these sides. */
const nearestRatio = (width: number, height: number): string | undefined =>
  RATIOS.toSorted(
    (a, b) => Math.abs(Math.log(ratioOf(a) / (width / height))) - Math.abs(Math.log(ratioOf(b) / (width / height))),
  )[0];

/** A first frame gives the clip its shape: an asked-for ratio that is another one is told, not dropped in silence. */
function shapeWarnings(task: MediaTask, aspectRatio: string | null | undefined): string[] {
  const [first] = referencesOf(task, 'image');
  if (!first || !aspectRatio || first.width === null || first.height === null) return [];
  return nearestRatio(first.width, first.height) === aspectRatio
    ? []
    : [`aspect_ratio ${aspectRatio} gave way to the shape of image (${first.width}x${first.height})`];
}

/** Micro-USD for a million tokens of this task; null where the settings don't say. */
export function tokenPrice(task: MediaTask): number | null {
  const { token_prices: prices } = settingsShape.parse(task.settings);
  const price = prices?.[readInput(fields, task.input).resolution ?? '720p'];
  if (!price) return null;
  return referencesOf(task, 'reference_videos').length > 0 ? price.with_video : price.plain;
}

/** The request for one video. Throws ProviderError `invalid_input` for what the provider would refuse or read as something else. */
export async function toWire(
  task: MediaTask,
  callbackUrl: string | undefined,
): Promise<{ body: CreateTask; warnings: string[] }> {
  const input = readInput(fields, task.input);
  const options = optionsShape.parse(task.options);
  const settings = settingsShape.parse(task.settings);
  const flag = promptFlag(input.prompt ?? '');
  if (flag !== null) throw invalidInput(flagProblem(flag), 'prompt');
  checkReferenceSeconds(task, settings);
  const hasFrame = referencesOf(task, 'image').length > 0;
  const body: CreateTask = {
    model: task.model,
    content: [
      ...(input.prompt?.trim() ? [{ type: 'text' as const, text: input.prompt }] : []),
      ...(await mediaItems(task)),
    ],
    ...(input.resolution && { resolution: input.resolution }),
    // A ratio beside a first frame is refused by newer models: the picture says it.
    ...(hasFrame ? { ratio: 'adaptive' } : input.aspect_ratio && { ratio: input.aspect_ratio }),
    ...(typeof input.duration_seconds === 'number' && { duration: input.duration_seconds }),
    ...(typeof input.seed === 'number' && { seed: input.seed }),
    ...(typeof input.generate_audio === 'boolean' && { generate_audio: input.generate_audio }),
    watermark: false,
    ...(callbackUrl !== undefined && { callback_url: callbackUrl }),
    ...(settings.expires_after_seconds !== undefined && { execution_expires_after: settings.expires_after_seconds }),
    ...(options.safety_identifier !== undefined && { safety_identifier: options.safety_identifier }),
  };
  return { body, warnings: shapeWarnings(task, input.aspect_ratio) };
}

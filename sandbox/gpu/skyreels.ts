import { randomInt } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import { readInput, pictureOf } from '../inputs.js';
import type { Clip, Picture } from '../render/recipes.js';
import { invalid } from './errors.js';
import { mp4Seconds } from './mp4.js';

export const MODEL = 'Skywork/SkyReels-V2-DF-14B-720P';
const FPS = 24;
/** The VAE packs four frames: clips have 4k+1. */
const FRAME_STEP = 4;
const MAX_SECONDS = 120;
const SIZES = { '540p': [960, 544], '720p': [1280, 720] } as const;
type Resolution = keyof typeof SIZES;
const SEED_MAX = 2 ** 32 - 2;

/** Media that each operation works on, by role: exactly these. */
const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  text_to_video: [],
  image_to_video: ['image'],
  first_last_frame: ['image', 'last_image'],
  video_to_video: ['video'],
};

export interface Wanted {
  clip: Clip;
  warnings: string[];
}

interface Reference {
  role: string;
  url: string;
  contentType: string;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function unknownField(value: Record<string, unknown>, known: readonly string[], where: string): void {
  const stray = Object.keys(value).find((name) => !known.includes(name));
  if (stray !== undefined) throw invalid(`${where}${stray} is not known; known are ${known.join(', ')}`, stray);
}

function text(input: Record<string, unknown>, name: string, maxLength: number): string | null {
  const value = input[name];
  if (value === undefined) return null;
  if (typeof value !== 'string') throw invalid(`${name} must be a string`, name);
  if (value.length > maxLength) throw invalid(`${name} has more than ${maxLength} characters`, name);
  return value;
}

function number(
  input: Record<string, unknown>,
  name: string,
  range: { min: number; max: number; whole: boolean },
): number | null {
  const value = input[name];
  if (value === undefined) return null;
  const { min, max, whole } = range;
  const isGood = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));
  if (!isGood)
    throw invalid(
      `${name} must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}, got ${JSON.stringify(value)}`,
      name,
    );
  return value;
}

function choice<T extends string>(input: Record<string, unknown>, name: string, values: readonly T[]): T | null {
  const value = input[name];
  if (value === undefined) return null;
  const found = values.find((one) => one === value);
  if (found === undefined)
    throw invalid(`${name} must be one of ${values.join(', ')}, got ${JSON.stringify(value)}`, name);
  return found;
}

function referencesOf(input: Record<string, unknown>): Reference[] {
  const list = input['references'];
  if (!Array.isArray(list)) throw invalid('references must be a list', 'references');
  return list.map((entry): Reference => {
    if (!isObject(entry)) throw invalid('a reference must be an object', 'references');
    unknownField(entry, ['role', 'index', 'content_type', 'url'], 'a reference: ');
    const { role, index, content_type: contentType, url } = entry;
    if (typeof role !== 'string' || typeof contentType !== 'string' || typeof url !== 'string' || index !== 0)
      throw invalid('a reference must have role, index 0, content_type and url', 'references');
    return { role, url, contentType };
  });
}

async function bytesOf({ role, url, contentType }: Reference, kind: 'image' | 'video'): Promise<Buffer> {
  if (!contentType.startsWith(`${kind}/`)) throw invalid(`${role} must be ${kind}/…, got ${contentType}`, role);
  if (!/^https?:\/\//.test(url)) throw invalid(`${role} must have an http(s) link`, role);
  try {
    return (await readInput(url)).bytes;
  } catch (error) {
    throw invalid(`${role} can't be read: ${(error as Error).message}`, role);
  }
}

async function pictureFor(
  context: SandboxContext,
  reference: Reference,
): Promise<Picture & { width: number; height: number }> {
  const bytes = await bytesOf(reference, 'image');
  try {
    return (await pictureOf(context, bytes)) as Picture & { width: number; height: number };
  } catch (error) {
    throw invalid(`${reference.role}: ${(error as Error).message}`, reference.role);
  }
}

async function secondsOf(reference: Reference): Promise<number> {
  const seconds = mp4Seconds(await bytesOf(reference, 'video'));
  if (seconds === null) throw invalid('video must be an MP4', 'video');
  return seconds;
}

/**
 * What a wrapper around `generate_video_df.py` takes: long clips, a first and a last picture, or a clip that goes on. `drawn` is
 * the prompt without markers. Throws ContractError.
 */
export async function validateSkyReels(context: SandboxContext, value: unknown, drawn: string): Promise<Wanted> {
  if (!isObject(value)) throw invalid('input must be an object', 'input');
  const known = ['operation', 'model', 'prompt', 'negative_prompt', 'duration_seconds', 'resolution', 'aspect_ratio'];
  unknownField(value, [...known, 'fps', 'seed', 'steps', 'guidance', 'references'], '');
  if (value['model'] !== MODEL) throw invalid(`model must be ${MODEL}, got ${JSON.stringify(value['model'])}`, 'model');
  const operation = choice(value, 'operation', Object.keys(OPERATIONS));
  if (operation === null) throw invalid('operation is required', 'operation');
  if (!text(value, 'prompt', 4000)) throw invalid('prompt is required', 'prompt');
  text(value, 'negative_prompt', 4000);
  const seconds = number(value, 'duration_seconds', { min: 1, max: MAX_SECONDS, whole: true }) ?? 4;
  const resolution: Resolution = choice(value, 'resolution', Object.keys(SIZES) as Resolution[]) ?? '720p';
  const ratio = choice(value, 'aspect_ratio', ['16:9', '9:16']);
  number(value, 'fps', { min: FPS, max: FPS, whole: true });
  number(value, 'steps', { min: 1, max: 100, whole: true });
  number(value, 'guidance', { min: 0, max: 20, whole: false });
  const seed = number(value, 'seed', { min: 0, max: SEED_MAX, whole: true }) ?? randomInt(SEED_MAX);

  const references = referencesOf(value);
  const wanted = OPERATIONS[operation] ?? [];
  const roles = references.map(({ role }) => role);
  if (roles.toSorted().join() !== wanted.toSorted().join())
    throw invalid(
      `${operation} takes ${wanted.join(' and ') || 'no references'}, got ${roles.join(', ') || 'none'}`,
      'references',
    );
  const of = (role: string): Reference | undefined => references.find((reference) => reference.role === role);
  const [image, lastImage, video] = [of('image'), of('last_image'), of('video')];
  const picture = image === undefined ? null : await pictureFor(context, image);
  const last = lastImage === undefined ? null : await pictureFor(context, lastImage);
  const before = video === undefined ? 0 : await secondsOf(video);

  const [long, short] = SIZES[resolution];
  const isTall = ratio === null ? picture !== null && picture.height > picture.width : ratio === '9:16';
  const [width, height] = isTall ? [short, long] : [long, short];
  // The given clip, then what is new; alone, one frame more than the seconds say.
  const added = seconds * FPS + (before > 0 ? 0 : 1);
  const frames = Math.round(before * FPS) + added;
  const frame = (over: Picture[]): Picture => ({
    kind: 'drawn',
    width,
    height,
    title: `sandbox · ${MODEL}`,
    prompt: drawn,
    seed,
    over,
  });
  const warnings = [
    ...(before > 0
      ? [`the clip of ${before.toFixed(2)} s goes on for ${seconds} s: ${frames} frames at ${FPS} fps`]
      : [
          `duration_seconds ${seconds} became ${frames} frames at ${FPS} fps (${(frames / FPS).toFixed(2)} s; multiples of ${FRAME_STEP} and one)`,
        ]),
    ...(resolution === '540p' ? [`resolution 540p became ${width}x${height}`] : []),
  ];
  const clip: Clip = {
    width,
    height,
    fps: FPS,
    frames,
    seed,
    first: frame(picture === null ? [] : [picture]),
    last: last === null ? null : frame([last]),
    sound: false,
  };
  return { clip, warnings };
}

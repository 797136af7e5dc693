import type { MediaTask, ReferenceRole, ResolvedReference } from '../contract.js';
import { invalidInput, readReference, referencesOf } from '../task-input.js';

const MIB = 1024 * 1024;

/**
 * A picture up to this size goes inside of the request, so that it works where the provider can't reach Kiln; nine of them
 * stay below the 64 MB that a request may have. A larger one goes by link.
 */
const INLINE_MAX_BYTES = 5 * MIB;

/** Limits of Seedance 2.0, from BytePlus' "Create a video generation task". */
const IMAGE = {
  maxBytes: 30 * MIB,
  types: ['jpeg', 'png', 'webp', 'bmp', 'tiff', 'gif', 'heic', 'heif'].map((name) => `image/${name}`),
};
const VIDEO = { maxBytes: 200 * MIB, types: ['video/mp4', 'video/quicktime'] };
const AUDIO = { maxBytes: 15 * MIB, types: ['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/mpeg', 'audio/mp3'] };
const SIDE = { min: 300, max: 6000 };
const RATIO = { min: 0.4, max: 2.5 };
/** Width × height of a reference video. */
const VIDEO_AREA = { min: 407_696, max: 8_295_044 };
/** Seconds of one clip or sound, and the most of all of a kind together. */
const CLIP_SECONDS = { min: 2, max: 15 };
/** Containers round a length up by a frame or two. */
const SECONDS_TOLERANCE = 0.2;

type MediaItem<T extends string> = { type: T } & Record<T, { url: string }>;
export type ContentItem =
  | { type: 'text'; text: string }
  | (MediaItem<'image_url'> & { role: 'first_frame' | 'last_frame' | 'reference_image' })
  | (MediaItem<'video_url'> & { role: 'reference_video' })
  | (MediaItem<'audio_url'> & { role: 'reference_audio' });

function checkFile(reference: ResolvedReference, limits: { maxBytes: number; types: string[] }): void {
  const { role, contentType, bytes } = reference;
  if (!limits.types.includes(contentType.toLowerCase()))
    throw invalidInput(`${role} is ${contentType}; this route takes ${limits.types.join(', ')}`, role);
  if (bytes > limits.maxBytes)
    throw invalidInput(`${role} has ${bytes} bytes; this route takes at most ${limits.maxBytes}`, role);
}

/** Sides that are not known are left to the provider. */
function checkSides({ role, width, height }: ResolvedReference): void {
  if (width === null || height === null) return;
  if (Math.min(width, height) < SIDE.min || Math.max(width, height) > SIDE.max)
    throw invalidInput(`${role} is ${width}x${height}; both sides must be ${SIDE.min} to ${SIDE.max} pixels`, role);
  const ratio = width / height;
  if (ratio < RATIO.min || ratio > RATIO.max)
    throw invalidInput(
      `${role} is ${width}x${height}; its width must be ${RATIO.min} to ${RATIO.max} times its height`,
      role,
    );
}

/** Their seconds together. */
function checkSeconds(references: ResolvedReference[], role: ReferenceRole): number {
  let total = 0;
  for (const { durationSeconds } of references) {
    if (durationSeconds === null) throw invalidInput(`the length of ${role} can't be read`, role);
    if (
      durationSeconds < CLIP_SECONDS.min - SECONDS_TOLERANCE ||
      durationSeconds > CLIP_SECONDS.max + SECONDS_TOLERANCE
    )
      throw invalidInput(
        `${role} has a file of ${durationSeconds} s; each must be ${CLIP_SECONDS.min} to ${CLIP_SECONDS.max} s long`,
        role,
      );
    total += durationSeconds;
  }
  if (total > CLIP_SECONDS.max + SECONDS_TOLERANCE)
    throw invalidInput(`${role} are ${total} s together; at most ${CLIP_SECONDS.max} s are taken`, role);
  return total;
}

async function image(
  reference: ResolvedReference,
  role: 'first_frame' | 'last_frame' | 'reference_image',
): Promise<ContentItem> {
  checkFile(reference, IMAGE);
  checkSides(reference);
  const url =
    reference.bytes <= INLINE_MAX_BYTES
      ? `data:${reference.contentType.toLowerCase()};base64,${(await readReference(reference, INLINE_MAX_BYTES)).toString('base64')}`
      : await reference.url();
  return { type: 'image_url', image_url: { url }, role };
}

async function videos(references: ResolvedReference[]): Promise<ContentItem[]> {
  for (const reference of references) {
    checkFile(reference, VIDEO);
    checkSides(reference);
    const { role, width, height } = reference;
    const area = (width ?? 0) * (height ?? 0);
    if (area > 0 && (area < VIDEO_AREA.min || area > VIDEO_AREA.max))
      throw invalidInput(
        `${role} is ${width}x${height}; width times height must be ${VIDEO_AREA.min} to ${VIDEO_AREA.max}`,
        role,
      );
  }
  return Promise.all(
    references.map(async (one) => ({
      type: 'video_url' as const,
      video_url: { url: await one.url() },
      role: 'reference_video' as const,
    })),
  );
}

async function audios(references: ResolvedReference[]): Promise<ContentItem[]> {
  for (const reference of references) checkFile(reference, AUDIO);
  checkSeconds(references, 'reference_audios');
  return Promise.all(
    references.map(async (one) => ({
      type: 'audio_url' as const,
      audio_url: { url: await one.url() },
      role: 'reference_audio' as const,
    })),
  );
}

/** Seconds of all reference videos, each checked for its own length. */
export const referenceVideoSeconds = (task: MediaTask): number =>
  checkSeconds(referencesOf(task, 'reference_videos'), 'reference_videos');

/**
 * The references as items of `content`, in the order in which a prompt counts them ("Image 1"). Throws ProviderError
 * `invalid_input`, by name, for one that the provider would refuse.
 */
export async function mediaItems(task: MediaTask): Promise<ContentItem[]> {
  const first = referencesOf(task, 'image').map((one) => image(one, 'first_frame'));
  const last = referencesOf(task, 'last_image').map((one) => image(one, 'last_frame'));
  const subjects = referencesOf(task, 'reference_images').map((one) => image(one, 'reference_image'));
  return [
    ...(await Promise.all([...first, ...last, ...subjects])),
    ...(await videos(referencesOf(task, 'reference_videos'))),
    ...(await audios(referencesOf(task, 'reference_audios'))),
  ];
}

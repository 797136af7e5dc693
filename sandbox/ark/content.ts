import type { SandboxContext } from '../context.js';
import type { Picture } from '../render/recipes.js';
import { invalid, missing } from './errors.js';
import { readAudio, readImage, readVideo } from './inputs.js';

/** What the items of `content` come to, with every file read. */
export interface Content {
  prompt: string;
  first: Picture | null;
  last: Picture | null;
  /** Reference images, and the first picture of each reference video. */
  references: Picture[];
  /** Seconds of all reference videos. */
  videoSeconds: number;
}

interface MediaItem {
  type: 'image_url' | 'video_url' | 'audio_url';
  url: string;
  role: string | null;
  at: string;
}

const ROLES: Readonly<Record<MediaItem['type'], readonly string[]>> = {
  image_url: ['first_frame', 'last_frame', 'reference_image'],
  video_url: ['reference_video'],
  audio_url: ['reference_audio'],
};
const MOST = { reference_image: 9, reference_video: 3, reference_audio: 3 } as const;
/** Seconds of all clips, and of all sounds; containers round each up by a frame or two. */
const TOGETHER_MAX_SECONDS = 15.2;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function onlyKnown(object: Record<string, unknown>, known: readonly string[], at: string): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(at === '' ? unknown : `${at}.${unknown}`, 'unknown field');
}

/** The text of the first text item, whatever else is wrong: faults are matched against it. */
export function promptOf(body: unknown): string {
  const content = isObject(body) && Array.isArray(body['content']) ? (body['content'] as unknown[]) : [];
  const text = content.find((item) => isObject(item) && item['type'] === 'text');
  return isObject(text) && typeof text['text'] === 'string' ? text['text'] : '';
}

function readItem(item: unknown, at: string): MediaItem | { type: 'text'; text: string } {
  if (!isObject(item)) throw invalid(at, 'expected an object');
  const { type } = item;
  if (type === 'text') {
    onlyKnown(item, ['type', 'text'], at);
    if (typeof item['text'] !== 'string') throw invalid(`${at}.text`, 'expected a string');
    return { type, text: item['text'] };
  }
  if (type !== 'image_url' && type !== 'video_url' && type !== 'audio_url')
    throw invalid(`${at}.type`, 'supported values are: `text`, `image_url`, `audio_url`, `video_url`');
  onlyKnown(item, ['type', type, 'role'], at);
  const place = item[type];
  if (!isObject(place)) throw invalid(`${at}.${type}`, 'expected an object with `url`');
  onlyKnown(place, ['url'], `${at}.${type}`);
  if (typeof place['url'] !== 'string' || place['url'] === '') throw invalid(`${at}.${type}.url`, 'expected a URL');
  const role = item['role'] ?? null;
  if (role !== null && !ROLES[type].some((known) => known === role))
    throw invalid(`${at}.role`, `invalid role specified for ${type.replace('_url', '')} content`);
  if (role === null && type !== 'image_url') throw invalid(`${at}.role`, `requires role to be ${ROLES[type][0]}`);
  return { type, url: place['url'], role: role as string | null, at: `${at}.${type}.url` };
}

/** The three modes exclude each other, and every count has its limit. */
function checkModes(media: MediaItem[], hasText: boolean): void {
  const of = (role: string): number => media.filter((item) => item.role === role).length;
  const unnamed = media.filter(({ role }) => role === null);
  if (unnamed.length > 0 && media.length > 1) throw invalid('content', 'role must be specified for image contents');
  const frames = of('first_frame') + of('last_frame') + unnamed.length;
  if (frames > 0 && frames < media.length)
    throw invalid('content', 'first/last frame content cannot be mixed with reference media content');
  for (const role of ['first_frame', 'last_frame'])
    if (of(role) > 1)
      throw invalid(
        'content',
        `expected at most one ${role.replace('_', ' ')} image content but got ${of(role)} instead`,
      );
  if (of('last_frame') > 0 && of('first_frame') === 0)
    throw invalid('content', 'last frame image content requires a first frame image content');
  for (const [role, most] of Object.entries(MOST))
    if (of(role) > most)
      throw invalid('content', `expected at most ${most} ${role} contents but got ${of(role)} instead`);
  if (of('reference_audio') > 0 && of('reference_image') + of('reference_video') === 0)
    throw invalid('content', 'reference audio cannot be the only reference media');
  if (media.length === 0 && !hasText) throw missing('content.text');
}

async function inTurn<T>(items: MediaItem[], role: string, read: (item: MediaItem) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  for (const item of items) if (item.role === role) done.push(await read(item));
  return done;
}

/** Checks `content` as Seedance 2.0 does and reads every file; throws ArkError on the first thing that is wrong. */
export async function readContent(context: SandboxContext, value: unknown): Promise<Content> {
  if (value === undefined) throw missing('content');
  if (!Array.isArray(value) || value.length === 0) throw invalid('content', 'expected a non-empty list');
  const items = value.map((item, index) => readItem(item, `content[${index}]`));
  const texts = items.filter((item) => item.type === 'text');
  if (texts.length > 1) throw invalid('content', 'expected at most one text content');
  const prompt = texts[0]?.text ?? '';
  const media = items.filter((item): item is MediaItem => item.type !== 'text');
  checkModes(media, prompt.trim() !== '');
  const image = (item: MediaItem): Promise<Picture> => readImage(context, item.url, item.at);
  const [only] = media.filter(({ role }) => role === null);
  const [first] = only ? [await image(only)] : await inTurn(media, 'first_frame', image);
  const [last] = await inTurn(media, 'last_frame', image);
  const images = await inTurn(media, 'reference_image', image);
  const videos = await inTurn(media, 'reference_video', (item) => readVideo(context, item.url, item.at));
  const audios = await inTurn(media, 'reference_audio', (item) => readAudio(context, item.url, item.at));
  const sum = (seconds: number[]): number => seconds.reduce((total, one) => total + one, 0);
  const videoSeconds = sum(videos.map(({ seconds }) => seconds));
  if (videoSeconds > TOGETHER_MAX_SECONDS) throw invalid('content', 'reference videos must be at most 15 s in total');
  if (sum(audios) > TOGETHER_MAX_SECONDS) throw invalid('content', 'reference audios must be at most 15 s in total');
  return {
    prompt,
    first: first ?? null,
    last: last ?? null,
    references: [...images, ...videos.map(({ picture }) => picture)],
    videoSeconds,
  };
}

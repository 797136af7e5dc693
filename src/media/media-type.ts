import { fileTypeFromFile } from 'file-type';
import { type MediaFacts, UnusableMedia } from './media.js';

export interface MediaType {
  contentType: string;
  kind: MediaFacts['kind'];
  /** ffmpeg's name of the only demuxer that may open such a file; null for images, which ffmpeg never reads here. */
  demuxer: string | null;
  /** ffmpeg's name of the container to write. */
  muxer: string | null;
}

const image = (contentType: string): MediaType => ({ contentType, kind: 'image', demuxer: null, muxer: null });
const video = (contentType: string, demuxer: string, muxer: string): MediaType => ({
  contentType,
  kind: 'video',
  demuxer,
  muxer,
});
const audio = (contentType: string, demuxer: string, muxer: string): MediaType => ({
  contentType,
  kind: 'audio',
  demuxer,
  muxer,
});

const MP4 = video('video/mp4', 'mov', 'mp4');
const M4A = audio('audio/mp4', 'mov', 'ipod');
const WAV = audio('audio/wav', 'wav', 'wav');
const FLAC = audio('audio/flac', 'flac', 'flac');

/** What the magic bytes may say, and what it is called here. */
const TYPES: Readonly<Record<string, MediaType>> = {
  'image/jpeg': image('image/jpeg'),
  'image/png': image('image/png'),
  'image/webp': image('image/webp'),
  'image/gif': image('image/gif'),
  'image/avif': image('image/avif'),
  'video/mp4': MP4,
  'video/x-m4v': MP4,
  'video/quicktime': video('video/quicktime', 'mov', 'mov'),
  'video/webm': video('video/webm', 'matroska', 'webm'),
  'audio/mpeg': audio('audio/mpeg', 'mp3', 'mp3'),
  'audio/x-m4a': M4A,
  'audio/mp4': M4A,
  'audio/wav': WAV,
  'audio/vnd.wave': WAV,
  'audio/flac': FLAC,
  'audio/x-flac': FLAC,
  'audio/ogg': audio('audio/ogg', 'ogg', 'ogg'),
};

export const TAKEN_TYPES = 'JPEG, PNG, WebP, GIF, AVIF, MP4, MOV, WebM, MP3, WAV, FLAC, M4A, Ogg';

/** The container without pictures: what an mp4, mov or webm file with nothing but sound is. */
export function asAudio(type: MediaType): MediaType {
  if (type.kind !== 'video') return type;
  return type.demuxer === 'mov' ? M4A : audio('audio/webm', 'matroska', 'webm');
}

/** Reads magic bytes only; a name or a declared type counts for nothing. */
export async function mediaTypeOf(path: string): Promise<MediaType | null> {
  const found = await fileTypeFromFile(path);
  // A moving PNG would pass every reader here as its first frame.
  if (found?.mime === 'image/apng') throw new UnusableMedia('animated', 'animated images are not taken');
  return (found && TYPES[found.mime.split(';')[0] ?? '']) ?? null;
}

export async function requireMediaType(path: string): Promise<MediaType> {
  const type = await mediaTypeOf(path);
  if (type === null) throw new UnusableMedia('unknown_type', `the file's content is none of ${TAKEN_TYPES}`);
  return type;
}

/** What is to be rendered, as plain data: the cache key is its hash, so the same recipe gives the same bytes. */
export type Picture =
  | { kind: 'colour'; width: number; height: number; rgb: number }
  | { kind: 'file'; path: string; width: number; height: number }
  | { kind: 'drawn'; width: number; height: number; title: string; prompt: string; seed: number; over: Picture[] }
  | { kind: 'scaled'; of: Picture; width: number; height: number; fit: 'cover' | 'fill' }
  | { kind: 'inverted'; of: Picture };

export interface Clip {
  width: number;
  height: number;
  fps: number;
  frames: number;
  seed: number;
  first: Picture;
  /** Faded in towards the end, when the request named a last frame. */
  last: Picture | null;
  sound: boolean;
}

export const PICTURE_FORMATS = ['png', 'jpeg', 'webp'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

export const AUDIO_FORMATS = ['mp3', 'wav', 'flac'] as const;
export type AudioFormat = (typeof AUDIO_FORMATS)[number];

export interface Piece {
  seconds: number;
  bpm: number;
  seed: number;
  format: AudioFormat;
}

export const SPEECH_FORMATS = ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm'] as const;
export type SpeechFormat = (typeof SPEECH_FORMATS)[number];

/** What is spoken, how, and in which file format. */
export interface Utterance {
  text: string;
  voice: string;
  /** 1 is normal, 2 takes half as long. */
  speed: number;
  format: SpeechFormat;
}

export function pictureSize(picture: Picture): { width: number; height: number } {
  return picture.kind === 'inverted' ? pictureSize(picture.of) : { width: picture.width, height: picture.height };
}

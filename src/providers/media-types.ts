import type { MediaKind } from './contract.js';

const BY_EXTENSION: Readonly<Record<string, { kind: MediaKind; contentType: string }>> = {
  png: { kind: 'image', contentType: 'image/png' },
  jpg: { kind: 'image', contentType: 'image/jpeg' },
  jpeg: { kind: 'image', contentType: 'image/jpeg' },
  webp: { kind: 'image', contentType: 'image/webp' },
  gif: { kind: 'image', contentType: 'image/gif' },
  avif: { kind: 'image', contentType: 'image/avif' },
  mp4: { kind: 'video', contentType: 'video/mp4' },
  webm: { kind: 'video', contentType: 'video/webm' },
  mov: { kind: 'video', contentType: 'video/quicktime' },
  mkv: { kind: 'video', contentType: 'video/x-matroska' },
  mp3: { kind: 'audio', contentType: 'audio/mpeg' },
  wav: { kind: 'audio', contentType: 'audio/wav' },
  flac: { kind: 'audio', contentType: 'audio/flac' },
  ogg: { kind: 'audio', contentType: 'audio/ogg' },
  opus: { kind: 'audio', contentType: 'audio/ogg' },
  m4a: { kind: 'audio', contentType: 'audio/mp4' },
};

/** What a file's name says of it, or null for what is no media (a latent, a mesh, a text). */
export function mediaByName(filename: string): { kind: MediaKind; contentType: string } | null {
  const extension = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase();
  return BY_EXTENSION[extension] ?? null;
}

/** Extension for a content type that Kiln's references have; `bin` for others. */
export function extensionOf(contentType: string): string {
  return Object.entries(BY_EXTENSION).find(([, media]) => media.contentType === contentType)?.[0] ?? 'bin';
}

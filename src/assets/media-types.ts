import type { MediaKind, ReferenceRole } from '../providers/contract.js';

export const VARIANTS = ['content', 'poster', 'preview', 'thumbnail', 'spritesheet', 'waveform'] as const;
export type Variant = (typeof VARIANTS)[number];

export const isVariant = (name: string): name is Variant => VARIANTS.some((variant) => variant === name);

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'video/quicktime': 'mov',
  'video/x-matroska': 'mkv',
  'audio/mpeg': 'mp3',
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/flac': 'flac',
  'audio/x-flac': 'flac',
  'audio/ogg': 'ogg',
  'audio/opus': 'opus',
  'audio/mp4': 'm4a',
  'audio/x-m4a': 'm4a',
  'audio/aac': 'aac',
};

export const extensionOf = (contentType: string): string => EXTENSIONS[contentType] ?? 'bin';

/** Shown in the browser rather than saved. SVG is an image that runs scripts. */
export const isInline = (contentType: string): boolean =>
  /^(image|audio|video)\//.test(contentType) && !contentType.startsWith('image/svg');

export function kindOfRole(role: ReferenceRole): MediaKind {
  switch (role) {
    case 'image':
    case 'last_image':
    case 'reference_images':
    case 'images':
    case 'mask':
      return 'image';
    case 'reference_videos':
    case 'video':
      return 'video';
    case 'reference_audios':
    case 'audio':
      return 'audio';
  }
}

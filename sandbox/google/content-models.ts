/** What the models of generateContent take. */
export interface ImageModel {
  kind: 'image';
  sizes: readonly ImageSize[];
}
export interface MusicModel {
  kind: 'music';
  /** Length of what it makes; null: as the prompt says. */
  seconds: number | null;
  types: readonly MusicType[];
}

export type ImageSize = '512' | '1K' | '2K' | '4K';
export type MusicType = 'audio/mpeg' | 'audio/mp3' | 'audio/wav';

const NEW_SIZES = ['1K', '2K', '4K'] as const;

export const CONTENT_MODELS: Readonly<Record<string, ImageModel | MusicModel>> = {
  'gemini-3.1-flash-image': { kind: 'image', sizes: ['512', ...NEW_SIZES] },
  'gemini-nano-banana-2.1': { kind: 'image', sizes: NEW_SIZES },
  'gemini-3-pro-image': { kind: 'image', sizes: NEW_SIZES },
  'lyria-3-clip-preview': { kind: 'music', seconds: 30, types: ['audio/mpeg', 'audio/mp3'] },
  'lyria-3-pro-preview': { kind: 'music', seconds: null, types: ['audio/mpeg', 'audio/mp3', 'audio/wav'] },
};

/** Pixels at 1K, from Google's table of image sizes; the other sizes are half, twice and four times as long. */
const AT_1K: Readonly<Record<string, readonly [number, number]>> = {
  '1:1': [1024, 1024],
  '1:4': [512, 2048],
  '1:8': [384, 3072],
  '2:3': [848, 1264],
  '3:2': [1264, 848],
  '3:4': [896, 1200],
  '4:1': [2048, 512],
  '4:3': [1200, 896],
  '4:5': [928, 1152],
  '5:4': [1152, 928],
  '8:1': [3072, 384],
  '9:16': [768, 1376],
  '16:9': [1376, 768],
  '21:9': [1584, 672],
};
export const RATIOS = Object.keys(AT_1K);
const FACTOR: Readonly<Record<ImageSize, number>> = { '512': 0.5, '1K': 1, '2K': 2, '4K': 4 };

/** Output tokens an image is counted as. */
export const IMAGE_TOKENS: Readonly<Record<ImageSize, number>> = { '512': 747, '1K': 1120, '2K': 1680, '4K': 2520 };

export function pixelsOf(ratio: string, size: ImageSize): { width: number; height: number } {
  const [width, height] = AT_1K[ratio] ?? [1024, 1024];
  return { width: width * FACTOR[size], height: height * FACTOR[size] };
}

/** The listed ratio that a picture comes nearest to. */
export function nearestRatio(width: number, height: number): string {
  const away = (ratio: string): number => {
    const [w = 1, h = 1] = ratio.split(':').map(Number);
    return Math.abs(Math.log(w / h) - Math.log(width / height));
  };
  return RATIOS.toSorted((a, b) => away(a) - away(b))[0] ?? '1:1';
}

const DEFAULT_SECONDS = 120;
const MAX_SECONDS = 184;

/** The length that a prompt asks for: "2 minutes", "a 90-second song". */
export function secondsAsked(prompt: string): number {
  const amount = (unit: string): number => Number(new RegExp(`(\\d+)[ -]${unit}`, 'i').exec(prompt)?.[1] ?? 0);
  const asked = amount('minute') * 60 + amount('second');
  return asked > 0 ? Math.min(asked, MAX_SECONDS) : DEFAULT_SECONDS;
}

import type { Picture } from '../render/recipes.js';
import type { Common } from './fields.js';

export const RESOLUTIONS = ['720p', '1080p', '4k'] as const;
export const ASPECT_RATIOS = ['16:9', '9:16', '1:1'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];
export type AspectRatio = (typeof ASPECT_RATIOS)[number];
export const SECONDS = { min: 3, max: 15 };

/** A checked request of either generation. */
export interface VideoRequest extends Common {
  prompt: string;
  resolution: Resolution;
  aspectRatio: AspectRatio;
  seconds: number;
  sound: boolean;
  first: Picture | null;
  last: Picture | null;
}

import type { Picture } from '../render/recipes.js';
import { pictureSize } from '../render/recipes.js';

export const RESOLUTIONS = ['480p', '720p', '1080p', '4k'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];
export const RATIOS = ['21:9', '16:9', '4:3', '1:1', '3:4', '9:16'] as const;
export type Ratio = (typeof RATIOS)[number];

const SMALL: readonly Resolution[] = ['480p', '720p'];

/** Resolutions of the models that this account may call, by the ids of both clouds. */
export const OPEN_MODELS: Readonly<Record<string, readonly Resolution[]>> = {
  'dreamina-seedance-2-0-260128': RESOLUTIONS,
  'dreamina-seedance-2-0-fast-260128': SMALL,
  'dreamina-seedance-2-0-mini-260615': SMALL,
  'doubao-seedance-2-0-260128': RESOLUTIONS,
  'doubao-seedance-2-0-fast-260128': SMALL,
  'doubao-seedance-2-0-mini-260615': SMALL,
};

/** Models that exist and have not been activated. */
export const CLOSED_MODELS = ['dreamina-seedance-2-5-260628', 'doubao-seedance-2-5-260628', 'seedance-1-5-pro-251215'];

/** Width and height of the 2.0 family's clips, as the provider's table has them. */
const SIZES: Readonly<Record<Resolution, Readonly<Record<Ratio, readonly [number, number]>>>> = {
  '480p': {
    '21:9': [992, 432],
    '16:9': [864, 496],
    '4:3': [752, 560],
    '1:1': [640, 640],
    '3:4': [560, 752],
    '9:16': [496, 864],
  },
  '720p': {
    '21:9': [1470, 630],
    '16:9': [1280, 720],
    '4:3': [1112, 834],
    '1:1': [960, 960],
    '3:4': [834, 1112],
    '9:16': [720, 1280],
  },
  '1080p': {
    '21:9': [2206, 946],
    '16:9': [1920, 1080],
    '4:3': [1664, 1248],
    '1:1': [1440, 1440],
    '3:4': [1248, 1664],
    '9:16': [1080, 1920],
  },
  '4k': {
    '21:9': [4398, 1886],
    '16:9': [3840, 2160],
    '4:3': [3326, 2494],
    '1:1': [2880, 2880],
    '3:4': [2494, 3326],
    '9:16': [2160, 3840],
  },
};

export const sizeOf = (resolution: Resolution, ratio: Ratio): readonly [number, number] => SIZES[resolution][ratio];

export const FPS = 24;
/** Five seconds are 121 frames. */
export const framesOf = (seconds: number): number => seconds * FPS + 1;

/** What a finished task is billed for. The seconds of reference videos count at the size of the result. */
export function tokensOf(width: number, height: number, seconds: number, inputSeconds: number): number {
  return Math.floor((width * height * (framesOf(seconds) + inputSeconds * FPS)) / 1024);
}

/** The listed ratio nearest to that of a picture: what `adaptive` comes to. */
export function nearestRatio(picture: Picture): Ratio {
  const { width, height } = pictureSize(picture);
  const off = (ratio: Ratio): number => {
    const [across = 1, down = 1] = ratio.split(':').map(Number);
    return Math.abs(Math.log((across / down) * (height / width)));
  };
  return RATIOS.reduce((best, ratio) => (off(ratio) < off(best) ? ratio : best));
}

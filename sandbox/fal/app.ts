import type { Output } from '../generations.js';
import type { Clip, Picture } from '../render/recipes.js';
import type { Field, Values } from './fields.js';

/** What a request asks to be made, once its body was checked and its files were read. */
export interface Asked {
  body: Values;
  /** Without markers. */
  prompt: string;
  seed: number;
  /** Pictures by parameter, in order. */
  pictures: Readonly<Record<string, Picture[]>>;
}

/** One endpoint of fal. */
export interface App {
  fields: Readonly<Record<string, Field>>;
  /** Runs at a partner: a signal to stop is not heard there. */
  partner: boolean;
  realisticMs: number;
  make(asked: Asked): Output[];
  /** The result's object around the files. */
  result(asked: Pick<Asked, 'body' | 'prompt' | 'seed'>, files: object[]): object;
}

export const text = (body: Values, name: string, fallback: string): string => {
  const value = body[name];
  return typeof value === 'string' ? value : fallback;
};
export const number = (body: Values, name: string, fallback: number): number => {
  const value = body[name];
  return typeof value === 'number' ? value : fallback;
};
export const flag = (body: Values, name: string, fallback: boolean): boolean => {
  const value = body[name];
  return typeof value === 'boolean' ? value : fallback;
};

export interface Sides {
  width: number;
  height: number;
}
const even = (value: number): number => 2 * Math.round(value / 2);

/** Sides of a shape like `16:9` whose shorter one has `lines` pixels. */
export function sidesOf(ratio: string, lines: number): Sides {
  const [across = 16, down = 9] = ratio.split(':').map(Number);
  return across >= down
    ? { width: even((lines * across) / down), height: even(lines) }
    : { width: even(lines), height: even((lines * down) / across) };
}

/** `16:9` or `9:16`, whichever is nearer to the picture. */
export const nearestWide = (picture: Sides | undefined): string =>
  picture !== undefined && picture.height > picture.width ? '9:16' : '16:9';

export const ratioOf = (picture: Sides | undefined): string =>
  picture === undefined ? '16:9' : `${picture.width}:${picture.height}`;

/** A picture with the prompt and the seed in it, over what the request sent. */
export const drawn = (title: string, { prompt, seed }: Asked, sides: Sides, over: Picture[]): Picture => ({
  kind: 'drawn',
  ...sides,
  title,
  prompt,
  seed,
  over,
});

export function clip(
  title: string,
  asked: Asked,
  wanted: Sides & { fps: number; frames: number; sound: boolean; over: Picture[]; last?: Picture | undefined },
): Output {
  const { over, last, ...shape } = wanted;
  const made: Clip = {
    ...shape,
    seed: asked.seed,
    first: drawn(title, asked, shape, over),
    last: last === undefined ? null : last,
  };
  return { kind: 'clip', clip: made };
}

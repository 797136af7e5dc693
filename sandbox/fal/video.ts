import type { App, Asked, Sides } from './app.js';
import { clip, text } from './app.js';
import { type Field, required, string, type Values } from './fields.js';

/** Shape of the first picture among these parameters. */
export const given = (asked: Asked, ...names: string[]): Sides | undefined => {
  const [first] = names.flatMap((name) => asked.pictures[name] ?? []);
  return first === undefined || first.kind === 'inverted' ? undefined : first;
};
export const all = (asked: Asked, ...names: string[]) => names.flatMap((name) => asked.pictures[name] ?? []);
export const lines = (name: string): number => Number.parseInt(name, 10) || 720;
export const seconds = (body: Values, fallback: number): number =>
  Number.parseInt(text(body, 'duration', String(fallback)), 10) || fallback;

export const prompt = required(string());
export const seedOut: App['result'] = ({ seed }, [video]) => ({ video, seed });
export const plain: App['result'] = (_asked, [video]) => ({ video });

export interface VideoShape {
  sides: (asked: Asked) => Sides;
  seconds: (body: Values) => number;
  fps: (body: Values) => number;
  sound: (body: Values) => boolean;
  first?: string[];
  last?: string;
}

export const video = (
  title: string,
  fields: Record<string, Field>,
  shape: VideoShape,
  more: Partial<Pick<App, 'partner' | 'realisticMs' | 'result'>> = {},
): App => ({
  fields,
  partner: true,
  realisticMs: 40_000,
  result: plain,
  make: (asked) => {
    const fps = shape.fps(asked.body);
    return [
      clip(title, asked, {
        ...shape.sides(asked),
        fps,
        frames: Math.round(shape.seconds(asked.body) * fps),
        sound: shape.sound(asked.body),
        over: all(asked, ...(shape.first ?? [])),
        last: shape.last === undefined ? undefined : asked.pictures[shape.last]?.[0],
      }),
    ];
  },
  ...more,
});

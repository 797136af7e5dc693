import type { JsonObject, JsonValue } from '../../common/json.js';
import type { Scalar, SizeRule, Target } from './mapping.js';

/** A converted value (null: the workflow's own stays), or why there is none. `warning`: what the request did not get exactly. */
export type Converted = { value: Scalar | null; warning?: string } | { problem: string };

const clean = (value: number): number => Number(value.toPrecision(12));
const decimals = (value: number): string => String(Math.round(value * 100) / 100);

function toFrames(field: string, seconds: number, rule: NonNullable<Target['frames']>, others: JsonObject): Converted {
  const fps = typeof rule.fps === 'number' ? rule.fps : others[rule.fps];
  if (typeof fps !== 'number') return { problem: `${rule.fps} must be a number` };
  const steps = Math.round((seconds * fps) / rule.step);
  if (steps < 1) return { problem: `${field} ${seconds} is shorter than this workflow can make` };
  const frames = rule.plus + rule.step * steps;
  // Binary dust of a quotient like 54 · 36 ÷ 30 must not make a node count one step less.
  const value = rule.as === 'seconds' ? clean((steps * rule.step) / fps) : frames;
  const actual = frames / fps;
  return Math.abs(actual - seconds) < 1e-9
    ? { value }
    : { value, warning: `${field} ${seconds} became ${frames} frames at ${fps} fps (${decimals(actual)} s)` };
}

function toNumber(field: string, value: number, rule: NonNullable<Target['number']>): Converted {
  const exact = value * rule.times + rule.plus;
  if (rule.step === undefined) return { value: exact };
  const rounded = Math.round(exact / rule.step) * rule.step;
  // Steps like 0.01 leave binary dust behind.
  const whole = clean(rounded);
  return Math.abs(whole - exact) < 1e-9
    ? { value: whole }
    : { value: whole, warning: `${field} ${value} became ${whole}` };
}

/** One request field for one node input. `others`: the request's fields, where one counts by another. */
export function convert(field: string, value: JsonValue, target: Target, others: JsonObject = {}): Converted {
  if (typeof value === 'object') return { problem: `${field} can't be given to this workflow as a list or object` };
  if (target.values) {
    const word = target.values[String(value)];
    return word === undefined
      ? { problem: `${field} ${JSON.stringify(value)} is not one of ${Object.keys(target.values).join(', ')}` }
      : { value: word };
  }
  const rule = target.frames ?? target.number ?? target.modulo;
  if (rule === undefined) return { value };
  if (typeof value !== 'number') return { problem: `${field} must be a number` };
  if (target.frames) return toFrames(field, value, target.frames, others);
  if (target.number) return toNumber(field, value, target.number);
  const rest = value % (target.modulo ?? 1);
  return rest === value ? { value } : { value: rest, warning: `${field} ${value} became ${rest}` };
}

/** A side as one of its targets takes it. */
export function partOf(side: number, { number }: Pick<Target, 'number'>): number {
  const part = number ? toNumber('size', side, number) : { value: side };
  return 'value' in part && typeof part.value === 'number' ? part.value : side;
}

export const SIZE_FIELDS: readonly string[] = ['size', 'width', 'height', 'aspect_ratio', 'resolution'];

/** Width and height, or null where the graph keeps its own. */
export type Sized = { size: { width: number; height: number } | null; warnings: string[] } | { problem: string };

function explicitSize(input: JsonObject): { width: number; height: number } | string | null {
  if (typeof input.size === 'string') {
    const match = /^(\d+)x(\d+)$/i.exec(input.size);
    return match ? { width: Number(match[1]), height: Number(match[2]) } : `size ${input.size} must be WIDTHxHEIGHT`;
  }
  const { width, height } = input;
  if (typeof width === 'number' && typeof height === 'number') return { width, height };
  return typeof width === 'number' || typeof height === 'number' ? 'width and height go together' : null;
}

function freely(asked: { width: number; height: number }, rule: SizeRule): Sized {
  const entries = Object.values(rule.table ?? {}).flatMap((row) => Object.values(row));
  if (entries.some(([width, height]) => width === asked.width && height === asked.height))
    return { size: asked, warnings: [] };
  const free = rule.free;
  const text = `${asked.width}x${asked.height}`;
  if (!free) return { problem: `size ${text} is not one of ${entries.map((pair) => pair.join('x')).join(', ')}` };
  if ([asked.width, asked.height].some((side) => side < free.min || side > free.max))
    return { problem: `size ${text}: each side must be from ${free.min} to ${free.max}` };
  const round = (side: number): number => Math.max(free.step, Math.round(side / free.step) * free.step);
  const size = { width: round(asked.width), height: round(asked.height) };
  const exact = size.width === asked.width && size.height === asked.height;
  return {
    size,
    warnings: exact ? [] : [`size ${text} became ${size.width}x${size.height} (multiples of ${free.step})`],
  };
}

const ratioOf = (text: string): number => {
  const [width = 1, height = 1] = text.split(':').map(Number);
  return width / height;
};

function nearestRatio(ratios: string[], picture: { width: number; height: number }): string | undefined {
  const distance = (ratio: string): number => Math.abs(Math.log(ratioOf(ratio) / (picture.width / picture.height)));
  return ratios.toSorted((a, b) => distance(a) - distance(b))[0];
}

/** Lines of resolutions whose name does not say them. */
const LINES: Readonly<Record<string, number>> = { '4k': 2160 };

/** The picture's size from size, width and height, or resolution and aspect ratio. `picture`: the reference to follow. */
export function sizeOf(input: JsonObject, rule: SizeRule, picture: { width: number; height: number } | null): Sized {
  const asked = explicitSize(input);
  if (typeof asked === 'string') return { problem: asked };
  if (asked) return freely(asked, rule);
  const { table } = rule;
  const text = (name: string): string | undefined => (typeof input[name] === 'string' ? input[name] : undefined);
  if (!table) {
    const named = text('resolution') ?? text('aspect_ratio');
    return named
      ? { problem: `${named} can't be asked of this workflow; give width and height` }
      : { size: null, warnings: [] };
  }
  const resolution = text('resolution') ?? rule.default?.resolution ?? Object.keys(table)[0] ?? '';
  const row = table[resolution];
  if (!row) return { problem: `resolution ${resolution} is not one of ${Object.keys(table).join(', ')}` };
  const followed = picture ? nearestRatio(Object.keys(row), picture) : undefined;
  const ratio = text('aspect_ratio') ?? followed ?? rule.default?.aspect_ratio ?? Object.keys(row)[0] ?? '';
  const pair = row[ratio];
  if (!pair) return { problem: `aspect_ratio ${ratio} is not one of ${Object.keys(row).join(', ')}` };
  const [width, height] = pair;
  const lines = LINES[resolution] ?? /^(\d+)p$/.exec(resolution)?.[1];
  const exact = lines === undefined || Number(lines) === Math.min(width, height);
  return { size: { width, height }, warnings: exact ? [] : [`resolution ${resolution} became ${width}x${height}`] };
}

import { parseSize, shown, type Size } from '../../catalog/fields.js';
import type { Model } from '../../catalog/schema.js';
import { invalidRequest } from '../../common/errors.js';

/** A resolution and a ratio that an alias makes; a part is missing where the alias has no such field. */
export interface Frame {
  resolution?: string;
  aspect_ratio?: string;
}

/** Sides this near are meant: 1792x1024 is OpenAI's 1080p, and models make 1280x704 of 720p. */
const TOLERANCE = 0.07;
const FOUR_K_LINES = 2160;
const WIDE = 16 / 9;

const even = (side: number): number => Math.round(side / 2) * 2;

function linesOf(resolution: string): number | null {
  if (resolution.toLowerCase() === '4k') return FOUR_K_LINES;
  const [, lines] = /^(\d{3,4})p$/.exec(resolution) ?? [];
  return lines === undefined ? null : Number(lines);
}

function ratioOf(aspectRatio: string): number | null {
  const [, width, height] = /^(\d{1,3}):(\d{1,3})$/.exec(aspectRatio) ?? [];
  return width === undefined || height === undefined ? null : Number(width) / Number(height);
}

/** Pixels of a resolution in a ratio, its lines being the shorter side: 720p in 9:16 is 720x1280. Null where it has no lines. */
export function pixelsOf(resolution: string, aspectRatio: string): Size | null {
  const [lines, ratio] = [linesOf(resolution), ratioOf(aspectRatio)];
  if (lines === null || ratio === null) return null;
  return ratio >= 1 ? { width: even(lines * ratio), height: lines } : { width: lines, height: even(lines / ratio) };
}

/** The other way to read a resolution: as many pixels as it has in 16:9, so that 720p in 1:1 is 960x960. */
function sameArea(resolution: string, aspectRatio: string): Size | null {
  const [lines, ratio] = [linesOf(resolution), ratioOf(aspectRatio)];
  if (lines === null || ratio === null) return null;
  const area = lines * lines * WIDE;
  return { width: even(Math.sqrt(area * ratio)), height: even(Math.sqrt(area / ratio)) };
}

const textOf = ({ width, height }: Size): string => `${width}x${height}`;

const choicesOf = (model: Model, field: 'resolution' | 'aspect_ratio'): readonly string[] => {
  const spec = model.fields[field];
  return spec?.type === 'choice' ? spec.values : [];
};

/** How far apart two sizes are: the larger difference of a side, as a share of it. */
const distance = (a: Size, b: Size): number =>
  Math.max(Math.abs(a.width - b.width) / b.width, Math.abs(a.height - b.height) / b.height);

/**
 * OpenAI's `size` as the fields of an alias that come nearest to it. Throws 400 that names the sizes where nothing comes
 * near, and where the alias has no say in its size.
 */
export function readSize(model: Model, value: unknown): Frame {
  const frames = choicesOf(model, 'resolution').flatMap((resolution) =>
    choicesOf(model, 'aspect_ratio').map((ratio) => ({ resolution, aspect_ratio: ratio })),
  );
  if (frames.length === 0) {
    const reason = model.refused['aspect_ratio'] ?? model.refused['resolution'] ?? 'it has no such field';
    throw invalidRequest(`'size' is not supported by ${model.id}: ${reason}.`, 'size');
  }
  const asked = parseSize(value);
  // By lines first: of two that are as near, this is the reading that the message below has.
  const [nearest] = [pixelsOf, sameArea]
    .flatMap((measure) =>
      frames.flatMap((frame) => {
        const size = measure(frame.resolution, frame.aspect_ratio);
        return size && asked ? [{ frame, off: distance(asked, size) }] : [];
      }),
    )
    .toSorted((a, b) => a.off - b.off);
  if (nearest && nearest.off <= TOLERANCE) return nearest.frame;
  const sizes = frames.flatMap((frame) => pixelsOf(frame.resolution, frame.aspect_ratio) ?? []).map(textOf);
  throw invalidRequest(
    `'size' must be one of ${[...new Set(sizes)].join(', ')} for ${model.id}; got ${shown(value)}.`,
    'size',
  );
}

/** What a clip of these fields will measure, as OpenAI writes it; null where only the result will tell. */
export function sizeText(resolution: unknown, aspectRatio: unknown): string | null {
  if (typeof resolution !== 'string' || typeof aspectRatio !== 'string') return null;
  const size = pixelsOf(resolution, aspectRatio);
  return size && textOf(size);
}

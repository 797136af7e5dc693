import { isBase64 } from '../base64.js';
import sharp from 'sharp';
import type { Picture } from '../render/recipes.js';
import type { Studio } from '../render/studio.js';
import { invalid } from './errors.js';

/** Google's two surfaces; the recorder and the faults know them by these names. */
export type Surface = 'vertex' | 'gemini';

export type Fields = Record<string, unknown>;

export function fields(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongType(path === '' ? 'the body' : path, 'an object', value);
  return value as Fields;
}

export function listOf(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw wrongType(path, 'a list', value);
  return value;
}

export function onlyKnown(object: Fields, known: readonly string[], path: string): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw invalid(
    `Invalid JSON payload received. Unknown name "${unknown}"${path === '' ? '' : ` at '${path}'`}: Cannot find field.`,
  );
}

export function wrongType(path: string, wanted: string, got: unknown): Error {
  return invalid(
    `Invalid value at '${path}': expected ${wanted}, got ${Array.isArray(got) ? 'a list' : got === null ? 'null' : `a ${typeof got}`}.`,
  );
}

/** `path` is what holds the field; an absent one is undefined. */
export function optional(object: Fields, name: string, type: 'boolean' | 'string' | 'number', path: string): unknown {
  const value = object[name];
  if (value !== undefined && typeof value !== type) throw wrongType(`${path}.${name}`, `a ${type}`, value);
  return value;
}

export const text = (object: Fields, name: string, path: string): string | undefined =>
  optional(object, name, 'string', path) as string | undefined;

export function integer(object: Fields, name: string, least: number, most: number, path: string): number | undefined {
  const value = object[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(`${path}.${name}`, 'an integer', value);
  if (value < least || value > most)
    throw invalid(`\`${name}\` is out of range: supported values are ${least} to ${most}, got ${value}.`);
  return value;
}

export function oneOf<T extends string | number>(
  object: Fields,
  name: string,
  allowed: readonly T[],
  standard: T,
  path: string,
): T {
  const value = object[name];
  if (value === undefined) return standard;
  const wanted = typeof standard;
  if (typeof value !== wanted) throw wrongType(`${path}.${name}`, `a ${wanted}`, value);
  const found = allowed.find((entry) => entry === value);
  if (found === undefined)
    throw invalid(`\`${name}\` must be one of ${allowed.join(', ')}, got ${JSON.stringify(value)}.`);
  return found;
}

const FORMAT_OF: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/webp': 'webp',
};

/** A picture that came inline: base64 of a type that is allowed, and whole. */
export async function readPicture(
  encoded: unknown,
  mimeType: unknown,
  of: { path: string; bytesField: string; types: readonly string[]; maxBytes?: number },
  studio: Studio,
): Promise<Picture> {
  const { path, types, maxBytes = Number.POSITIVE_INFINITY } = of;
  if (typeof mimeType !== 'string' || !types.includes(mimeType))
    throw invalid(`\`${path}\` must be of a type of ${types.join(', ')}, got ${JSON.stringify(mimeType)}.`);
  if (typeof encoded !== 'string' || !isBase64(encoded))
    throw invalid(`Invalid value at '${path}.${of.bytesField}' (TYPE_BYTES), Base64 decoding failed.`);
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length > maxBytes)
    throw invalid(`\`${path}\` has ${bytes.length} bytes; inline data takes at most ${maxBytes}.`);
  try {
    const { format, width, height } = await sharp(bytes).metadata();
    // Reading every pixel is what tells a cut-off file from a whole one.
    await sharp(bytes, { failOn: 'truncated' }).stats();
    if (format !== FORMAT_OF[mimeType]) throw new Error(`the content is ${format}`);
    return { kind: 'file', path: await studio.keep(bytes), width, height };
  } catch (error) {
    throw invalid(`Unable to process input image \`${path}\`: ${(error as Error).message}`);
  }
}

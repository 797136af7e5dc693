import { isBase64 } from '../base64.js';
import sharp from 'sharp';
import type { SandboxContext } from '../context.js';
import { pictureOf, readInput } from '../inputs.js';
import type { Picture } from '../render/recipes.js';
import { invalid } from './errors.js';

export type Fields = Record<string, unknown>;

export function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${path} must be an object`);
  return value as Fields;
}

export function onlyKnown(object: Fields, known: readonly string[], path: string): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(`${path}${unknown} is not supported`);
}

export function text(object: Fields, name: string, maxLength: number): string | undefined {
  const value = object[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid(`${name} must be a string`);
  if (value.length > maxLength) throw invalid(`${name} must not exceed ${maxLength} characters`);
  return value;
}

export function flag(object: Fields, name: string): boolean | undefined {
  const value = object[name];
  if (value !== undefined && typeof value !== 'boolean') throw invalid(`${name} must be a boolean`);
  return value;
}

export function oneOf<T extends string>(object: Fields, name: string, allowed: readonly T[], standard: T): T {
  const value = object[name];
  if (value === undefined) return standard;
  const found = allowed.find((entry) => entry === value);
  if (found === undefined) throw invalid(`${name} value ${JSON.stringify(value)} is invalid: ${allowed.join(', ')}`);
  return found;
}

/** What both generations have: where to ring, the client's own id, and whether a marked copy is made. */
export interface Common {
  callbackUrl: string | null;
  externalId: string | null;
}

export function commonOf(object: Fields): Common {
  const callbackUrl = text(object, 'callback_url', 2048) ?? '';
  // An empty text stands for none, as in the documentation's own examples.
  if (callbackUrl !== '' && !(URL.canParse(callbackUrl) && /^https?:/.test(callbackUrl)))
    throw invalid('callback_url is not a valid URL');
  const externalId = text(object, 'external_task_id', 128) ?? '';
  if (object['watermark_info'] !== undefined) {
    const mark = fieldsOf(object['watermark_info'], 'watermark_info');
    onlyKnown(mark, ['enabled'], 'watermark_info.');
    if (flag(mark, 'enabled') === true) throw invalid('watermark_info.enabled true is not emulated by this sandbox');
  }
  return { callbackUrl: callbackUrl || null, externalId: externalId || null };
}

const SIDE_MIN = 300;
const RATIO_MAX = 2.5;

/** A URL or bare base64, as both generations take it: a `data:` prefix is no base64. */
export async function readPicture(
  context: SandboxContext,
  value: unknown,
  path: string,
  maxBytes: number,
): Promise<Picture> {
  if (typeof value !== 'string' || value === '') throw invalid(`${path} must be a string`);
  const isUrl = /^https?:\/\//i.test(value);
  if (!isUrl && !isBase64(value)) throw invalid(`${path}: File is not in a valid base64 format`);
  try {
    const { bytes } = await readInput(isUrl ? value : `data:;base64,${value}`);
    if (bytes.length > maxBytes) throw new Error(`the file is larger than ${maxBytes} bytes`);
    const { format, width, height } = await sharp(bytes).metadata();
    if (format !== 'png' && format !== 'jpeg') throw new Error('the image must be jpg, jpeg or png');
    if (Math.min(width, height) < SIDE_MIN) throw new Error(`the image pixel is invalid: ${width}x${height}`);
    if (Math.max(width, height) > Math.min(width, height) * RATIO_MAX)
      throw new Error('the image ratio must be between 1:2.5 and 2.5:1');
    return await pictureOf(context, bytes);
  } catch (error) {
    throw invalid(`${path}: ${(error as Error).message}`);
  }
}

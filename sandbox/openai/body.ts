import type { FastifyRequest } from 'fastify';
import sharp from 'sharp';
import type { SandboxContext } from '../context.js';
import { pictureOf, readInput } from '../inputs.js';
import type { Picture } from '../render/recipes.js';
import { invalidType, invalidValue, missingParameter, notOneOf, OpenAIError, unknownParameter } from './errors.js';

export interface UploadedFile {
  field: string;
  filename: string;
  contentType: string;
  bytes: Buffer;
}

/** A request's fields as JSON or as a form wrote them; in a form every value is text, and `a[b]` is `{a: {b}}`. */
export class Body {
  constructor(
    readonly values: Record<string, unknown>,
    readonly files: UploadedFile[],
    private readonly isForm: boolean,
  ) {}

  onlyKnown(names: readonly string[], files: readonly string[] = []): void {
    const field = Object.keys(this.values).find((name) => !names.includes(name));
    if (field !== undefined) throw unknownParameter(field);
    const file = this.files.find(({ field: name }) => !files.includes(name));
    if (file) throw unknownParameter(file.field);
  }

  /** Null says as little as absence. */
  given(name: string): unknown {
    return this.values[name] ?? undefined;
  }

  text(name: string): string | undefined {
    const value = this.given(name);
    if (value !== undefined && typeof value !== 'string') throw invalidType(name, 'a string', wordFor(value));
    return value;
  }

  prompt(max: number): string {
    const prompt = this.text('prompt');
    if (prompt === undefined) throw missingParameter('prompt');
    if (prompt.trim() === '')
      throw invalidValue('prompt', "Invalid 'prompt': empty string. Expected at least 1 character.");
    if (prompt.length > max)
      throw invalidValue('prompt', `Invalid 'prompt': string too long. Expected at most ${max} characters.`);
    return prompt;
  }

  choice<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.text(name);
    const found = allowed.find((one) => one === value);
    if (value !== undefined && found === undefined) throw notOneOf(name, value, allowed);
    return found;
  }

  integer(name: string, min: number, max: number): number | undefined {
    const value = this.given(name);
    if (value === undefined) return undefined;
    const number = this.isForm && typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number)) throw invalidType(name, 'an integer', wordFor(value));
    if (number < min || number > max)
      throw invalidValue(name, `Invalid '${name}': expected a value from ${min} to ${max}, but got ${number} instead.`);
    return number;
  }

  /** A number of `min` to `max`, whole or not. */
  number(name: string, min: number, max: number): number | undefined {
    const value = this.given(name);
    if (value === undefined) return undefined;
    const number = this.isForm && typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) throw invalidType(name, 'a decimal', wordFor(value));
    if (number < min || number > max)
      throw invalidValue(name, `Invalid '${name}': expected a value from ${min} to ${max}, but got ${number} instead.`);
    return number;
  }

  boolean(name: string): boolean {
    const value = this.given(name);
    if (value === undefined) return false;
    if (typeof value === 'boolean') return value;
    if (this.isForm && (value === 'true' || value === 'false')) return value === 'true';
    throw invalidType(name, 'a boolean', wordFor(value));
  }
}

export function wordFor(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Reads JSON, or multipart where the call takes it. */
export async function readBody(request: FastifyRequest, takesForm = true): Promise<Body> {
  if (!request.isMultipart()) {
    const { body } = request;
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw new OpenAIError(400, 'We could not parse the JSON body of your request.');
    return new Body(body as Record<string, unknown>, [], false);
  }
  if (!takesForm) throw new OpenAIError(400, "Unsupported content type: this call takes 'application/json'.");
  const values: Record<string, unknown> = {};
  const files: UploadedFile[] = [];
  for await (const part of request.parts({ limits: { fieldSize: 30 * 1024 * 1024 } })) {
    if (part.type === 'file')
      files.push({
        field: part.fieldname,
        filename: part.filename,
        contentType: part.mimetype,
        bytes: await part.toBuffer(),
      });
    else put(values, part.fieldname, part.value);
  }
  return new Body(values, files, true);
}

function put(values: Record<string, unknown>, name: string, value: unknown): void {
  const nested = /^(\w+)\[(\w+)\]$/.exec(name);
  const [, outer = '', inner = ''] = nested ?? [];
  if (!nested) values[name] = value;
  else values[outer] = { ...(values[outer] as object | undefined), [inner]: value };
}

const FORMATS: Readonly<Record<string, string>> = { 'image/png': 'png', 'image/jpeg': 'jpeg', 'image/webp': 'webp' };

export interface PictureFile {
  picture: Picture;
  width: number;
  height: number;
  contentType: string;
  bytes: Buffer;
}

/** An uploaded picture: of a known type by its header and by its content, whole, below the limit. */
export async function readPicture(
  context: SandboxContext,
  param: string,
  { contentType, bytes }: Pick<UploadedFile, 'contentType' | 'bytes'>,
  maxBytes: number,
): Promise<PictureFile> {
  const wanted = FORMATS[contentType];
  if (wanted === undefined)
    throw new OpenAIError(
      400,
      `Invalid file '${param}': unsupported mimetype ('${contentType}'). Supported file formats are ${Object.keys(FORMATS).join(', ')}.`,
      { code: 'unsupported_file_mimetype', param },
    );
  if (bytes.length > maxBytes)
    throw new OpenAIError(400, `Invalid file '${param}': the file is larger than ${maxBytes} bytes.`, { param });
  try {
    const picture = await pictureOf(context, bytes);
    const { format, width, height } = await sharp(bytes).metadata();
    if (format !== wanted) throw new Error(`the content is ${format}`);
    return { picture, width, height, contentType, bytes };
  } catch (error) {
    throw new OpenAIError(400, `Invalid image file for '${param}': ${(error as Error).message}`, {
      code: 'invalid_image_file',
      param,
    });
  }
}

/** A picture that JSON names: `{image_url}`, a link or a data URL. */
export async function readLinked(
  context: SandboxContext,
  param: string,
  value: unknown,
  maxBytes: number,
): Promise<PictureFile> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidType(param, 'a file', wordFor(value));
  const entries = Object.entries(value as Record<string, unknown>);
  const unknown = entries.find(([name]) => name !== 'image_url' && name !== 'file_id');
  if (unknown) throw unknownParameter(`${param}.${unknown[0]}`);
  const { image_url: url, file_id: fileId } = value as Record<string, unknown>;
  if (fileId !== undefined)
    throw invalidValue(param, `'${param}.file_id' is not emulated by this sandbox: send a file.`);
  if (typeof url !== 'string') throw missingParameter(`${param}.image_url`);
  const file = await readInput(url).catch((error: Error) => {
    throw invalidValue(`${param}.image_url`, `Invalid '${param}.image_url': ${error.message}.`);
  });
  return readPicture(context, param, file, maxBytes);
}

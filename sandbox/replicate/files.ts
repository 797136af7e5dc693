import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyRequest } from 'fastify';
import sharp from 'sharp';
import type { SandboxContext } from '../context.js';
import { pictureOf, readInput } from '../inputs.js';
import type { Picture } from '../render/recipes.js';
import { notFound, ReplicateError } from './errors.js';
import type { Input, PictureRule, SandboxModel } from './models.js';

const LIFETIME_MS = 86_400_000;

export interface StoredFile {
  id: string;
  contentType: string;
  size: number;
  sha256: string;
  metadata: unknown;
  createdAtMs: number;
  path: string;
}

/** Uploads for inputs, as `/files` keeps them: for a day, and gone with the sandbox. */
export class InputFiles {
  private readonly byId = new Map<string, StoredFile>();

  constructor(private readonly context: SandboxContext) {}

  async create(request: FastifyRequest): Promise<StoredFile> {
    if (!request.isMultipart()) throw new ReplicateError(400, 'Bad request', 'The body must be multipart/form-data.');
    let content: { bytes: Buffer; contentType: string } | null = null;
    let metadata: unknown = {};
    for await (const part of request.parts()) {
      const value = part.type === 'file' ? await part.toBuffer() : Buffer.from(String(part.value));
      if (part.fieldname === 'content') content = { bytes: value, contentType: part.mimetype };
      else if (part.fieldname === 'metadata') metadata = parseJson(value);
      else throw new ReplicateError(400, 'Bad request', `Unknown part ${part.fieldname}.`);
    }
    if (content === null || content.bytes.length === 0)
      throw new ReplicateError(400, 'Bad request', 'The content part is missing.');
    const file: StoredFile = {
      id: randomBytes(18).toString('base64url'),
      contentType: content.contentType,
      size: content.bytes.length,
      sha256: createHash('sha256').update(content.bytes).digest('hex'),
      metadata,
      createdAtMs: this.context.clock.now(),
      path: await this.context.studio.keep(content.bytes),
    };
    this.byId.set(file.id, file);
    return file;
  }

  /** Throws 404. */
  find(id: string): StoredFile {
    const file = this.byId.get(id);
    if (file === undefined || file.createdAtMs < this.context.clock.now() - LIFETIME_MS) throw notFound();
    return file;
  }

  list(): StoredFile[] {
    return [...this.byId.values()].toReversed();
  }

  remove(id: string): void {
    this.find(id);
    this.byId.delete(id);
  }

  /** Bytes behind a value of an input: one of these files, a data URI, or a link anywhere. Throws Error. */
  async read(value: string, apiUrl: string): Promise<Buffer> {
    const id = value.startsWith(`${apiUrl}/files/`) ? value.slice(`${apiUrl}/files/`.length) : null;
    return id === null ? (await readInput(value)).bytes : readFile(this.find(id).path);
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new ReplicateError(400, 'Bad request', 'The metadata part must be JSON.');
  }
}

export const describeFile = (file: StoredFile, apiUrl: string): object => ({
  id: file.id,
  content_type: file.contentType,
  size: file.size,
  checksums: { sha256: file.sha256 },
  metadata: file.metadata,
  created_at: new Date(file.createdAtMs).toISOString(),
  expires_at: new Date(file.createdAtMs + LIFETIME_MS).toISOString(),
  urls: { get: `${apiUrl}/files/${file.id}` },
});

async function checkPicture(rule: PictureRule, bytes: Buffer): Promise<void> {
  const { format, width, height } = await sharp(bytes).metadata();
  const [short, long] = width < height ? [width, height] : [height, width];
  if (!rule.formats.includes(format)) throw new Error(`it is ${format}, not one of ${rule.formats.join(', ')}`);
  if (bytes.length > (rule.maxBytes ?? Number.POSITIVE_INFINITY)) throw new Error(`it has ${bytes.length} bytes`);
  if (short < (rule.minSide ?? 0)) throw new Error(`it is ${width}x${height}, below ${rule.minSide} pixels a side`);
  if (long / short > (rule.maxRatio ?? Number.POSITIVE_INFINITY)) throw new Error(`it is ${width}x${height}`);
}

/**
 * The pictures of an input, by field. What can't be read shows only when the run begins, so it is answered as the prediction's
 * error, not thrown.
 */
export async function picturesOf(
  context: SandboxContext,
  files: InputFiles,
  model: SandboxModel,
  input: Input,
  apiUrl: string,
): Promise<{ pictures: Record<string, Picture>; error: string | null }> {
  const pictures: Record<string, Picture> = {};
  for (const [name, field] of Object.entries(model.fields)) {
    const value = input[name];
    if (field.type !== 'file' || typeof value !== 'string') continue;
    try {
      const bytes = await files.read(value, apiUrl);
      await checkPicture(model.pictures, bytes);
      pictures[name] = await pictureOf(context, bytes);
    } catch (error) {
      return { pictures, error: `Input validation error: ${name}: ${(error as Error).message}` };
    }
  }
  return { pictures, error: null };
}

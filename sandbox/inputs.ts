import sharp from 'sharp';
import { isBase64 } from './base64.js';
import type { SandboxContext } from './context.js';
import type { Picture } from './render/recipes.js';

const FETCH_TIMEOUT_MS = 10_000;
const MAX_BYTES = 100 * 1024 * 1024;

export interface InputFile {
  bytes: Buffer;
  /** As the data URI or the server named it. */
  contentType: string;
}

/** Bytes behind an http(s) URL or a base64 data URI, as providers read their inputs. Throws Error with what is wrong. */
export async function readInput(source: string): Promise<InputFile> {
  const comma = source.indexOf(',');
  const data = /^data:([\w.+-]+\/[\w.+-]+)?(?:;[\w-]+=[^;,]*)*;base64$/i.exec(source.slice(0, Math.max(comma, 0)));
  if (data) {
    const encoded = source.slice(comma + 1);
    if (!isBase64(encoded)) throw new Error('the data URI is not base64');
    return { bytes: Buffer.from(encoded, 'base64'), contentType: data[1]?.toLowerCase() ?? 'application/octet-stream' };
  }
  if (!/^https?:\/\//i.test(source) || !URL.canParse(source))
    throw new Error('it is neither an http(s) URL nor a data URI');
  const response = await fetch(source, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`its URL answered ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  if (bytes.length > MAX_BYTES) throw new Error(`it has ${bytes.length} bytes`);
  return { bytes, contentType: response.headers.get('content-type')?.split(';')[0]?.trim() ?? '' };
}

/** A picture to draw with; every pixel is read, so that a cut-off file is told from a whole one. Throws Error. */
export async function pictureOf(context: SandboxContext, bytes: Buffer): Promise<Picture> {
  const { format, width, height } = await sharp(bytes).metadata();
  if (format === undefined) throw new Error('it is no picture');
  await sharp(bytes, { failOn: 'truncated' }).stats();
  return { kind: 'file', path: await context.studio.keep(bytes), width, height };
}

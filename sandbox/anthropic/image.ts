import { isBase64 } from '../base64.js';
import type { ImageBlock } from './blocks.js';
import { invalid } from './errors.js';

const MAX_BYTES = 10 * 1024 * 1024;

/** A picture that came inline: base64, not too large, and of the type it says by its first bytes. */
export function checkImage({ source }: ImageBlock, path: string): void {
  if (source.type !== 'base64') return;
  if (!isBase64(source.data)) throw invalid(`${path}.source.base64: invalid base64 data`);
  const bytes = Buffer.from(source.data, 'base64');
  if (bytes.length > MAX_BYTES)
    throw invalid(`${path}.source.base64: image exceeds 10 MB maximum: ${bytes.length} bytes > ${MAX_BYTES} bytes`);
  const type = typeOf(bytes);
  if (type === null) throw invalid(`${path}.source.base64.data: Could not process image`);
  if (type !== source.media_type)
    throw invalid(
      `${path}.source.base64.data: The image was specified using the ${source.media_type} media type, but the image appears to be a ${type} image`,
    );
}

function typeOf(bytes: Buffer): string | null {
  const head = bytes.subarray(0, 12).toString('latin1');
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('GIF8')) return 'image/gif';
  return head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP' ? 'image/webp' : null;
}

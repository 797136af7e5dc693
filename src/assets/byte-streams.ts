import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Passes bytes through, counts them, and fails with `tooLarge()` at the first byte above the cap. */
export function cappedStream(maxBytes: number, tooLarge: () => Error): Transform & { bytes: number } {
  const capped = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      counter.bytes += chunk.length;
      if (counter.bytes > maxBytes) done(tooLarge());
      else done(null, chunk);
    },
  });
  const counter = Object.assign(capped, { bytes: 0 });
  return counter;
}

/** Streams into a new file that only this user reads; how many bytes. */
export async function saveToFile(
  source: Readable,
  path: string,
  options: { maxBytes: number; tooLarge: () => Error; signal?: AbortSignal },
): Promise<number> {
  const capped = cappedStream(options.maxBytes, options.tooLarge);
  await pipeline(source, capped, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal: options.signal });
  return capped.bytes;
}

/** SHA-256 of a file as hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

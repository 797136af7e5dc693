import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Ends an exchange as a fault asks: `hang` never answers, `drop` cuts the connection, `malformed` sends half a JSON. */
export function breakOff(reply: FastifyReply, how: 'hang' | 'drop' | 'malformed'): void {
  if (how === 'malformed') {
    void reply.code(200).header('content-type', 'application/json; charset=UTF-8').send('{"name": "models/');
    return;
  }
  reply.hijack();
  if (how === 'drop') reply.raw.socket?.destroy();
}

/** Announces the whole length, sends the first half, then cuts the connection. */
export function sendTruncated(reply: FastifyReply, contentType: string, whole: Buffer): void {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': contentType, 'content-length': whole.length });
  reply.raw.write(whole.subarray(0, Math.floor(whole.length / 2)), () => reply.raw.socket?.destroy());
}

export interface FileAnswer {
  path: string;
  contentType: string;
  headers?: Record<string, string>;
  /** Grow the file to this many bytes with an MP4 `free` box, which players skip. */
  padToBytes?: number;
  truncate?: boolean;
}

interface ByteRange {
  start: number;
  /** Inclusive. */
  end: number;
}

function parseRange(header: string | undefined, size: number): ByteRange | null | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || start > end ? 'unsatisfiable' : { start, end };
}

/** Streams a file with Range support, whole or broken off in the middle. */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: FileAnswer,
): Promise<FastifyReply | undefined> {
  const fileBytes = (await stat(file.path)).size;
  const size = Math.max(fileBytes, padded(fileBytes, file.padToBytes));
  const range = parseRange(request.headers.range, size);
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${size}`).send();
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const headers: Record<string, string | number> = {
    'content-type': file.contentType,
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    ...file.headers,
    ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }),
  };
  const stopAt = file.truncate === true ? start + Math.floor((end - start + 1) / 2) - 1 : end;
  reply.hijack();
  reply.raw.writeHead(range === null ? 200 : 206, headers);
  if (request.method === 'HEAD') {
    reply.raw.end();
    return undefined;
  }
  const body = Readable.from(bytesOf(file.path, fileBytes, size, start, stopAt));
  try {
    await pipeline(body, reply.raw, { end: file.truncate !== true });
  } catch {
    // The client went away; there is nobody left to tell.
  }
  if (file.truncate === true) reply.raw.socket?.destroy();
  return undefined;
}

const BOX_HEADER_BYTES = 8;

function padded(fileBytes: number, padToBytes: number | undefined): number {
  return padToBytes !== undefined && padToBytes >= fileBytes + BOX_HEADER_BYTES ? padToBytes : fileBytes;
}

const CHUNK_BYTES = 256 * 1024;

async function* bytesOf(
  path: string,
  fileBytes: number,
  size: number,
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  if (start < fileBytes && end >= start) {
    for await (const chunk of createReadStream(path, {
      start,
      end: Math.min(end, fileBytes - 1),
      highWaterMark: CHUNK_BYTES,
    })) {
      yield chunk as Buffer;
    }
  }
  if (end < fileBytes) return;
  const header = Buffer.alloc(BOX_HEADER_BYTES);
  header.writeUInt32BE(size - fileBytes, 0);
  header.write('free', 4, 'latin1');
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let at = Math.max(start, fileBytes); at <= end;) {
    const inHeader = at - fileBytes < BOX_HEADER_BYTES;
    const source = inHeader ? header.subarray(at - fileBytes) : zeros;
    const chunk = source.subarray(0, Math.min(source.length, end - at + 1));
    yield chunk;
    at += chunk.length;
  }
}

import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

const escapeName = (name: string): string =>
  name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');

interface Part {
  head: Buffer;
  value: Buffer | Blob;
}

const partBytes = (part: Part): number =>
  part.head.length + (Buffer.isBuffer(part.value) ? part.value.length : part.value.size) + 2;

/**
 * A form as multipart/form-data with its length known, streamed part by part (RFC 7578). The client's own encoder takes
 * only its own FormData class, not the runtime's, and sends chunked, which some upstreams refuse.
 */
export function formBody(form: FormData): { contentType: string; bytes: number; stream: Readable } {
  const boundary = `----kiln${randomBytes(16).toString('hex')}`;
  const parts: Part[] = [...form.entries()].map(([name, value]) => {
    const disposition = `--${boundary}\r\ncontent-disposition: form-data; name="${escapeName(name)}"`;
    return typeof value === 'string'
      ? { head: Buffer.from(`${disposition}\r\n\r\n`), value: Buffer.from(value) }
      : {
          head: Buffer.from(
            `${disposition}; filename="${escapeName(value.name)}"\r\ncontent-type: ${value.type || 'application/octet-stream'}\r\n\r\n`,
          ),
          value,
        };
  });
  const end = Buffer.from(`--${boundary}--\r\n`);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (const part of parts) {
      yield part.head;
      if (Buffer.isBuffer(part.value)) yield part.value;
      else yield* part.value.stream();
      yield Buffer.from('\r\n');
    }
    yield end;
  }
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: parts.reduce((sum, part) => sum + partBytes(part), end.length),
    stream: Readable.from(chunks(), { objectMode: false }),
  };
}

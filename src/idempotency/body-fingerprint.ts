import { createHash } from 'node:crypto';
import { pipeline, type Readable, Transform } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { sha256Hex } from '../common/ids.js';
import { canonicalJson } from '../common/json.js';

/** What makes two requests the same: their parsed fields and the bytes of their files. */
export interface BodyFingerprint {
  /** Null until the body is read. */
  readonly known: string | null;
  /** Reads what is left of the body and gives the fingerprint. */
  finish(): Promise<string>;
}

export function fingerprintOf(request: FastifyRequest): BodyFingerprint {
  const query = request.query ?? {};
  if (request.isMultipart()) return new MultipartFingerprint(request, query);
  const known = sha256Hex(canonicalJson({ query, body: request.body ?? null }));
  return { known, finish: () => Promise.resolve(known) };
}

type FieldValue = string | { filename: string; sha256: string };

/**
 * Reads along while the handler reads the parts by `request.parts()`: fields as they are, files as their SHA-256, in constant
 * memory. Boundaries, part headers and the order of fields do not count.
 */
class MultipartFingerprint implements BodyFingerprint {
  readonly known = null;
  private readonly fields = new Map<string, FieldValue[]>();
  private readonly files: Readable[] = [];
  private source: AsyncIterator<Multipart> | null = null;
  private isEnded = false;
  private readonly readParts: FastifyRequest['parts'];

  constructor(
    request: FastifyRequest,
    private readonly query: unknown,
  ) {
    this.readParts = request.parts.bind(request);
    request.parts = (options) => this.parts(options);
  }

  async finish(): Promise<string> {
    const rest = this.parts();
    do await this.skipFiles();
    while ((await rest.next()).done !== true);
    return sha256Hex(canonicalJson({ query: this.query, fields: Object.fromEntries(this.fields) }));
  }

  /** Goes on where an earlier reader stopped: a handler that has its file leaves the parts after it to `finish`. */
  private async *parts(options?: Parameters<FastifyRequest['parts']>[0]): AsyncGenerator<Multipart, void> {
    this.source ??= this.readParts(options)[Symbol.asyncIterator]();
    while (!this.isEnded) {
      const next = await this.source.next();
      if (next.done === true) this.isEnded = true;
      else yield this.note(next.value);
    }
  }

  private note(part: Multipart): Multipart {
    const values = this.fields.get(part.fieldname) ?? [];
    this.fields.set(part.fieldname, values);
    if (part.type === 'field') {
      values.push(String(part.value));
      return part;
    }
    const entry = { filename: part.filename, sha256: '' };
    values.push(entry);
    const hash = createHash('sha256');
    const source = part.file;
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
      flush(done) {
        entry.sha256 = hash.digest('hex');
        done();
      },
    });
    // Its errors reach whoever reads the part.
    pipeline(source, hashing, () => undefined);
    this.files.push(hashing);
    part.file = Object.defineProperties(hashing, {
      truncated: { get: () => source.truncated },
      bytesRead: { get: () => source.bytesRead },
    }) as unknown as typeof source;
    return part;
  }

  private async skipFiles(): Promise<void> {
    for (const file of this.files.splice(0)) {
      file.resume();
      await finished(file);
    }
  }
}

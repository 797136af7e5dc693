import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { delay } from '../common/time.js';
import { type ArtifactStream, ProviderError } from '../providers/contract.js';
import { ArtifactError } from './artifact-error.js';

export interface ArtifactSource {
  /** Opens the provider's bytes at an offset; a source that can't resume answers from 0. */
  open: (offset: number) => Promise<ArtifactStream>;
  maxBytes: number;
  signal: AbortSignal;
  /** Awaited after each chunk, with all bytes so far. */
  onBytes?: (bytes: number) => void | Promise<void>;
}

/** Cuts in a row without a new byte between them before the try is given up; the engine tries again later. */
const MAX_FRUITLESS = 3;
const RESUME_DELAY_MS = 100;

/**
 * A provider's artifact as one stream over as many connections as it takes: after a cut it goes on with a Range, and where
 * the source only knows the beginning it skips what it has, provided that is the same. Ends only when the announced length is
 * reached. Constant memory.
 */
export class ArtifactReader {
  bytes = 0;
  private readonly hash: Hash = createHash('sha256');
  private totalBytes: number | null = null;

  constructor(private readonly source: ArtifactSource) {}

  /** Hex SHA-256 of what was read; once. */
  digest(): string {
    return this.hash.digest('hex');
  }

  async *read(): AsyncGenerator<Buffer> {
    let fruitless = 0;
    for (;;) {
      const before = this.bytes;
      const cut = yield* this.readOnce();
      if (cut === null) return;
      fruitless = this.bytes > before ? 0 : fruitless + 1;
      if (fruitless === MAX_FRUITLESS) throw new ArtifactError('retry', 'the download breaks off', { cause: cut });
      await delay(RESUME_DELAY_MS * 2 ** fruitless, this.source.signal);
    }
  }

  /** One connection; null when the artifact is whole, else why it ended early. */
  private async *readOnce(): AsyncGenerator<Buffer, unknown> {
    let body: Readable | undefined;
    try {
      const stream = await this.source.open(this.bytes);
      ({ body } = stream);
      this.check(stream);
      const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
      if (stream.offset < this.bytes) yield* this.take(await this.skip(chunks));
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield* this.take(next.value);
      if (this.totalBytes === null || this.bytes === this.totalBytes) return null;
      return new Error(`${this.bytes} of ${this.totalBytes} bytes came`);
    } catch (error) {
      this.source.signal.throwIfAborted();
      if (error instanceof ArtifactError || !this.isCut(error)) throw error;
      return error;
    } finally {
      body?.destroy();
    }
  }

  /** The first connection's refusal is the caller's to judge; later ones may be the same trouble that cut the stream. */
  private isCut(error: unknown): boolean {
    if (!(error instanceof ProviderError)) return true;
    return this.bytes > 0 && ['unavailable', 'timeout', 'rate_limited'].includes(error.kind);
  }

  private check({ offset, totalBytes }: ArtifactStream): void {
    if (offset !== this.bytes && offset !== 0) {
      throw new ArtifactError('retry', `asked for byte ${this.bytes}, got byte ${offset}`);
    }
    if (totalBytes === null) return;
    if (totalBytes > this.source.maxBytes) throw this.tooLarge();
    if (this.totalBytes !== null && this.totalBytes !== totalBytes) {
      throw new ArtifactError('retry', `the length changed from ${this.totalBytes} to ${totalBytes} bytes`);
    }
    this.totalBytes = totalBytes;
  }

  /** Throws away the part that was read before, after making sure that it is the same; gives what came after it. */
  private async skip(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
    const again = createHash('sha256');
    let left = this.bytes;
    let rest: Buffer = Buffer.alloc(0);
    while (left > 0) {
      const next = await chunks.next();
      if (next.done) throw new Error('the connection was closed');
      again.update(next.value.subarray(0, left));
      rest = next.value.subarray(left);
      left -= Math.min(left, next.value.length);
    }
    if (!again.digest().equals(this.hash.copy().digest())) {
      throw new ArtifactError('retry', 'the artifact changed while it was downloaded');
    }
    return rest;
  }

  private async *take(chunk: Buffer): AsyncGenerator<Buffer> {
    this.source.signal.throwIfAborted();
    if (chunk.length === 0) return;
    this.bytes += chunk.length;
    if (this.bytes > this.source.maxBytes) throw this.tooLarge();
    if (this.totalBytes !== null && this.bytes > this.totalBytes) {
      throw new ArtifactError('retry', `more than the announced ${this.totalBytes} bytes came`);
    }
    this.hash.update(chunk);
    await this.source.onBytes?.(this.bytes);
    yield chunk;
  }

  private tooLarge(): ArtifactError {
    return new ArtifactError('too_large', `the artifact is larger than ${this.source.maxBytes} bytes`);
  }
}

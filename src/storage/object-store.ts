import type { Readable } from 'node:stream';

export interface ObjectHead {
  bytes: number;
  contentType: string;
}

export interface PresignedPut {
  method: 'PUT';
  url: string;
  /** Headers the client must send as they are. */
  headers: Record<string, string>;
}

/** Where media lives. Two implementations, one contract test: `s3` (any S3-compatible server) and `file` (one process's disk). */
export interface ObjectStore {
  readonly kind: 's3' | 'file';
  /** Streams in constant memory; visible only when whole. */
  put(
    key: string,
    body: Readable | Uint8Array,
    options: { contentType: string; signal?: AbortSignal },
  ): Promise<{ bytes: number }>;
  /** `range` is inclusive. Throws ObjectNotFound. */
  get(
    key: string,
    range?: { start: number; end?: number },
  ): Promise<ObjectHead & { body: Readable; totalBytes: number }>;
  head(key: string): Promise<ObjectHead | null>;
  copy(from: string, to: string, options: { contentType: string }): Promise<void>;
  /** Missing keys are no error. */
  delete(keys: readonly string[]): Promise<void>;
  list(prefix: string): AsyncIterable<{ key: string; bytes: number; modifiedAt: Date }>;
  /** A link for a browser, or null where Kiln must stream the bytes itself. */
  presignGet(
    key: string,
    options: { expiresSeconds: number; contentType: string; filename?: string; inline: boolean },
  ): Promise<string | null>;
  /** A link for one upload with length and type pinned, or null where Kiln must take the bytes itself. */
  presignPut(
    key: string,
    options: { expiresSeconds: number; contentType: string; bytes: number },
  ): Promise<PresignedPut | null>;
  /** Writes, reads and deletes a tiny object; throws when the store can't be used. */
  canary(): Promise<void>;
  close(): Promise<void>;
}

export class ObjectNotFound extends Error {
  override readonly name = 'ObjectNotFound';
  constructor(readonly key: string) {
    super(`no object ${key}`);
  }
}

export const OBJECT_STORE = Symbol('OBJECT_STORE');

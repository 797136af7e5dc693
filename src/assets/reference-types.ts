import type { MediaKind, ReferenceRole } from '../providers/contract.js';

/** A media field of a request as it came, by kind of source. */
export interface ReferenceInput {
  role: ReferenceRole;
  index: number;
  /** `input.image`, `input.images[1]`. */
  param: string;
  source:
    | { kind: 'url'; url: string }
    | { kind: 'data'; contentType: string; base64: string }
    | { kind: 'upload'; id: string }
    | { kind: 'output'; jobId: string; output: number };
}

/** A reference that was accepted: it belongs to the key, and is not known to be unusable. */
export interface StoredReference {
  role: ReferenceRole;
  index: number;
  param: string;
  source:
    | { kind: 'url'; url: string }
    | { kind: 'upload'; id: string }
    | { kind: 'output'; jobId: string; output: number; outputId: string };
  /** SHA-256 of the bytes where they came with the request. */
  fingerprint?: string;
}

/** A reference whose safe copy lies in the object store. It keeps its source, so that a replay prepares it again. */
export interface PreparedReference extends StoredReference {
  assetId: string;
  keyId: string;
  objectKey: string;
  kind: MediaKind;
  contentType: string;
  bytes: number;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
  filename: string;
}

export type Preparation =
  | { state: 'ready'; references: PreparedReference[] }
  | { state: 'pending'; retryAfterMs: number }
  /** `code` is public, `message` may be shown to the client. */
  | { state: 'unusable'; param: string; code: string; message: string };

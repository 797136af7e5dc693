import { z } from 'zod';
import { isExpiredAt, linkExpiry } from './expiry.js';
import type { Links } from './links.js';
import type { UploadRow } from './uploads.repository.js';

/** An upload as the API shows it. */
export interface UploadView {
  id: string;
  object: 'upload';
  status: 'pending' | 'ready' | 'rejected';
  source: string;
  filename: string | null;
  kind: string | null;
  content_type: string | null;
  bytes: number | null;
  sha256: string | null;
  width: number | null;
  height: number | null;
  duration_seconds: number | null;
  url: string | null;
  url_expires_at: string | null;
  error: { code: string; message: string } | null;
  created_at: string;
  expires_at: string;
}

export function uploadView(row: UploadRow, links: Links, now: Date): UploadView {
  const ready = row.status === 'ready' && !isExpiredAt(row, now);
  const until = linkExpiry(row, now);
  return {
    id: row.id,
    object: 'upload',
    status: row.status === 'ready' || row.status === 'rejected' ? row.status : 'pending',
    source: row.source,
    filename: row.filename,
    kind: row.kind,
    content_type: row.contentType,
    bytes: row.bytes === null ? null : Number(row.bytes),
    sha256: row.sha256,
    width: row.width,
    height: row.height,
    duration_seconds: row.durationSeconds,
    url: ready ? links.sign({ assetId: row.id, keyId: row.keyId, variant: 'content', expiresAt: until }) : null,
    url_expires_at: ready ? until.toISOString() : null,
    error: errorOf(row),
    created_at: row.createdAt.toISOString(),
    expires_at: row.expiresAt.toISOString(),
  };
}

const storedError = z.object({ code: z.string(), message: z.string() }).nullable();

/** Why it was rejected, in words for the client. */
export const errorOf = (row: Pick<UploadRow, 'error'>): { code: string; message: string } | null =>
  storedError.parse(row.error);

import type { Links } from './links.js';
import { isExpiredAt, linkExpiry } from './expiry.js';
import { isVariant, type Variant } from './media-types.js';
import { type OutputRow, variantsOf } from './outputs.repository.js';

/** An item of a job's `outputs`. */
export interface OutputView {
  id: string;
  type: string;
  name: string | null;
  url: string | null;
  url_expires_at: string | null;
  content_type: string;
  bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  duration_seconds: number | null;
  fps: number | null;
  has_audio: boolean | null;
  blurhash: string | null;
  variants: Partial<Record<Variant, { url: string }>>;
  /** There only when true: the content is gone. */
  expired?: true;
}

/** `kiln-asset:{id}/{variant}` in a stored webhook body; replaced by a link at each delivery. */
export const assetReference = (assetId: string, variant: Variant): string => `kiln-asset:${assetId}/${variant}`;
/** Stands for the time when the links of a delivery end. */
export const ASSET_LINKS_EXPIRE = 'kiln-asset:expires';

export interface LinkStyle {
  link(variant: Variant): string;
  expiresAt: string;
}

/** Links signed now, which end with the output. */
export function signedLinks(row: OutputRow, links: Links, now: Date, ttlMs?: number): LinkStyle {
  const expiresAt = linkExpiry(row, now, ttlMs);
  return {
    link: (variant) => links.sign({ assetId: row.id, keyId: row.keyId, variant, expiresAt }),
    expiresAt: expiresAt.toISOString(),
  };
}

/** References that a webhook delivery signs when it is sent. */
export const deferredLinks = (row: Pick<OutputRow, 'id'>): LinkStyle => ({
  link: (variant) => assetReference(row.id, variant),
  expiresAt: ASSET_LINKS_EXPIRE,
});

export function outputView(row: OutputRow, now: Date, style: LinkStyle): OutputView {
  const expired = isExpiredAt(row, now);
  const variants = expired ? [] : Object.keys(variantsOf(row)).filter(isVariant);
  return {
    id: row.id,
    type: row.type,
    name: row.name,
    url: expired ? null : style.link('content'),
    url_expires_at: expired ? null : style.expiresAt,
    content_type: row.contentType,
    bytes: Number(row.bytes),
    sha256: row.sha256,
    width: row.width,
    height: row.height,
    duration_seconds: row.durationSeconds,
    fps: row.fps,
    has_audio: row.hasAudio,
    blurhash: row.blurhash,
    variants: Object.fromEntries(variants.map((variant) => [variant, { url: style.link(variant) }])),
    ...(expired ? { expired: true as const } : {}),
  };
}

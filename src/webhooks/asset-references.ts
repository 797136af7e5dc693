import type { JsonValue } from '../common/json.js';

/** How outputs stand in a stored body, since a link made when the job ended may be dead when the message is sent. */
const ASSET_REFERENCE = /^kiln-asset:([a-z]+_[0-9a-z]{26})\/([a-z0-9_-]{1,40})$/;
/** Stands for the time when the links of a sending end. */
const LINKS_EXPIRE = 'kiln-asset:expires';

export interface LinkMaker {
  link(assetId: string, variant: string): string;
  expiresAt: Date;
}

/**
 * A copy of `value` in which every string that is an asset reference, at any depth, is a link. Text of a user's own that
 * looks like one gets a link signed for the user's own key, which opens nothing that the key may not read.
 */
export function withLinks(value: JsonValue, links: LinkMaker): JsonValue {
  if (typeof value === 'string') {
    if (value === LINKS_EXPIRE) return links.expiresAt.toISOString();
    const [, assetId, variant] = ASSET_REFERENCE.exec(value) ?? [];
    return assetId === undefined || variant === undefined ? value : links.link(assetId, variant);
  }
  if (Array.isArray(value)) return value.map((item) => withLinks(item, links));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withLinks(item, links)]));
}

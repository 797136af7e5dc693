import type { JsonObject, JsonValue } from '../common/json.js';

/** `kiln-asset:{id}/{variant}` stands for a link, `kiln-asset:expires` for the time when the links of this message end. */
const LINK = /^kiln-asset:([a-z]+_[0-9a-z]+)\/([a-z]+)$/;
const EXPIRES = 'kiln-asset:expires';

export interface BodyLinks {
  link(assetId: string, variant: string): string;
  expiresAt: Date;
}

/** The text to send: links signed now, and the fields of the envelope in the order that Standard Webhooks shows them. */
export function renderBody(body: JsonObject, links: BodyLinks): string {
  const { type, timestamp, data, ...rest } = body;
  return JSON.stringify({ type, timestamp, data: withLinks(data ?? null, links), ...rest });
}

/**
 * Only whole strings are replaced, and only where the stored body has them; a client's own text of that form would get a link
 * signed for its own key, which opens nothing that the key may not read.
 */
function withLinks(value: JsonValue, links: BodyLinks): JsonValue {
  if (typeof value === 'string') {
    if (value === EXPIRES) return links.expiresAt.toISOString();
    const [, assetId, variant] = LINK.exec(value) ?? [];
    return assetId === undefined || variant === undefined ? value : links.link(assetId, variant);
  }
  if (Array.isArray(value)) return value.map((item) => withLinks(item, links));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withLinks(item, links)]));
}

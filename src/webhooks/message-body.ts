import type { JsonObject } from '../common/json.js';
import { DAY_MS } from '../common/time.js';
import { withLinks } from './asset-references.js';
import type { AssetLinks } from './ports.js';

const LINK_TTL_MS = DAY_MS;

/** What of a delivery is in its message. */
export interface Message {
  keyId: string;
  /** Null of a test event. */
  jobId: string | null;
  run: number;
  /** Of a job's message: its place among all the job's events. */
  sequence: number | null;
  /** `type`, `timestamp` and `data`; assets in it are references. */
  body: JsonObject;
}

/** The body as a receiver gets it at `sentAt`, with links that last a day from then. */
export function messageBody(message: Message, sentAt: Date, links: AssetLinks): JsonObject {
  const { keyId, jobId, run, sequence, body } = message;
  const expiresAt = new Date(sentAt.getTime() + LINK_TTL_MS);
  const link = (assetId: string, variant: string): string => links.link(keyId, assetId, variant, expiresAt);
  // jsonb keeps no order of fields; people read the envelope first.
  const { type = null, timestamp = null, ...rest } = body;
  const rendered = { type, timestamp, sequence, run: jobId === null ? null : run, ...rest };
  return withLinks(rendered, { link, expiresAt }) as JsonObject;
}

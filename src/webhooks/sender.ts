import type { JsonObject } from '../common/json.js';
import { type Clock, HOUR_MS, systemClock } from '../common/time.js';
import { type Egress, EgressError, type EgressResponse } from '../egress/egress.js';
import type { Keys } from '../keys/keys.js';
import type { DeliveryRow, TryResult } from './deliveries.repository.js';
import type { AssetLinks } from './ports.js';
import { renderBody } from './render-body.js';
import { parseRetryAfter } from './retry-schedule.js';
import { signatureHeaders } from './signature.js';

/** `gone`: the receiver asked for no more. `stopped`: this process ends, nothing is known of the receiver. */
export type Sent =
  | { outcome: 'delivered' | 'gone' | 'stopped'; result: TryResult }
  | { outcome: 'failed'; result: TryResult; retryAfterMs: number | null };

/** Until the receiver's headers. */
const ANSWER_TIMEOUT_MS = 15_000;
/** The whole exchange, a slowly dripping answer included; the claim outlives it. */
export const EXCHANGE_TIMEOUT_MS = 20_000;
const LINK_TTL_MS = 24 * HOUR_MS;
const ANSWER_MAX_BYTES = 64 * 1024;
const KEPT_CHARS = 1000;

/** One POST to one receiver: signed with the live secrets over the bytes that are sent, redirects not followed. */
export class WebhookSender {
  constructor(
    private readonly keys: Pick<Keys, 'webhookSecrets'>,
    private readonly egress: Egress,
    private readonly links: AssetLinks,
    private readonly now: Clock = systemClock,
  ) {}

  /** Throws where our own servers fail. */
  async send(row: DeliveryRow, signal?: AbortSignal): Promise<Sent> {
    const secrets = await this.keys.webhookSecrets(row.keyId);
    if (secrets.length === 0) return { outcome: 'gone', result: failure(null, 'the API key has no signing secret') };
    const sentAt = this.now();
    const expiresAt = new Date(sentAt.getTime() + LINK_TTL_MS);
    const link = (assetId: string, variant: string): string => this.links.link(row.keyId, assetId, variant, expiresAt);
    const body = renderBody(row.body as JsonObject, { link, expiresAt });
    const timeout = AbortSignal.timeout(EXCHANGE_TIMEOUT_MS);
    try {
      const response = await this.egress.foreign(row.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signatureHeaders({ id: row.id, sentAt, body }, secrets) },
        body,
        timeoutMs: ANSWER_TIMEOUT_MS,
        maxBytes: ANSWER_MAX_BYTES,
        maxRedirects: 0,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
      return await this.judge(response);
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      if (signal?.aborted === true) return { outcome: 'stopped', result: failure(null, 'stopped') };
      return { outcome: 'failed', result: failure(null, `${error.reason}: ${error.message}`), retryAfterMs: null };
    }
  }

  private async judge(response: EgressResponse): Promise<Sent> {
    const { status } = response;
    // The status has told everything; an answer that breaks off changes nothing.
    const text = await response.text().catch(() => '');
    if (status >= 200 && status < 300) return { outcome: 'delivered', result: { status, error: null, response: null } };
    const redirected = status >= 300 && status < 400;
    const result = failure(status, redirected ? `HTTP ${status}: redirects are not followed` : `HTTP ${status}`, text);
    if (status === 410) return { outcome: 'gone', result };
    return {
      outcome: 'failed',
      result,
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), this.now()),
    };
  }
}

/** PostgreSQL's text holds no NUL. */
const failure = (status: number | null, error: string, response = ''): TryResult => ({
  status,
  error: error.slice(0, KEPT_CHARS),
  response: response === '' ? null : response.slice(0, KEPT_CHARS).replaceAll('\0', ''),
});

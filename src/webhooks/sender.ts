import { Inject, Injectable } from '@nestjs/common';
import { systemClock } from '../common/time.js';
import { EGRESS, type Egress } from '../egress/egress.js';
import { Keys } from '../keys/keys.js';
import { Logger } from '../telemetry/logger.js';
import { Metrics } from '../telemetry/metrics.js';
import { retryDelayMs } from './backoff.js';
import { messageBody } from './message-body.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';
import { PROGRESS_EVENT, PROGRESS_LIFE_MS, progressRetryMs } from './progress-event.js';
import { Rings } from './rings.js';
import { notSent, send, type Sent } from './send.js';
import { type DeliveryClaim, SendingsRepository } from './sendings.repository.js';
import { signMessage } from './signature.js';

const USER_AGENT = 'Kiln-Webhooks/1';
/** The 15 s of a sending, and room for reading secrets and saving. */
const LEASE_MS = 45_000;
/** A message that is this late is taken for lost. */
const OVERDUE_GRACE_MS = 10_000;
const TOO_LATE = 'progress is not told later than a minute; not sent';

const ageMs = ({ startedAt, createdAt }: DeliveryClaim): number => startedAt.getTime() - createdAt.getTime();

/** Until the next try; null for none. */
const waitMs = (claim: DeliveryClaim, { retryAfterMs }: Sent): number | null =>
  claim.event === PROGRESS_EVENT
    ? progressRetryMs(claim.attempts, ageMs(claim), retryAfterMs)
    : retryDelayMs(claim.attempts, retryAfterMs);

/**
 * Sends deliveries, at least once: until a receiver answers 2xx or the tries are used up. A worker that dies after sending
 * and before saving leaves the row due, and the message goes out again under the same `webhook-id`, by which receivers tell
 * repetitions.
 */
@Injectable()
export class WebhookSender {
  private readonly tries: ReturnType<Metrics['counter']>;

  constructor(
    private readonly sendings: SendingsRepository,
    private readonly keys: Keys,
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly rings: Rings,
    @Inject(ASSET_LINKS) private readonly links: AssetLinks,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.tries = metrics.counter('kiln_webhook_tries_total', 'Webhook messages sent, by how it went', ['result']);
  }

  /**
   * One try, if it is this message's turn. Returns the milliseconds until the message should come back, or null when it has
   * nothing more to do.
   */
  async deliver(id: string, n: number): Promise<number | null> {
    const claim = await this.sendings.claim(id, n, LEASE_MS);
    if (claim === null) return this.sendings.waitMs(id, n);
    const { requestHeaders, sent } = await this.attempt(claim);
    const retryInMs = sent.delivered || sent.gone ? null : waitMs(claim, sent);
    const status = sent.delivered ? 'delivered' : retryInMs === null ? 'failed' : 'pending';
    this.tries.inc({ result: status === 'pending' ? 'retried' : status });
    await this.sendings.save(claim, { ...sent, requestHeaders, status, retryInMs });
    return retryInMs;
  }

  /** Rings for due deliveries whose message was lost; how many there were. */
  async overdue(limit: number, graceMs = OVERDUE_GRACE_MS): Promise<number> {
    const rings = await this.sendings.ringOverdue(graceMs, limit);
    await this.rings.ring(rings);
    return rings.length;
  }

  /** A trouble of our own counts as a failed try too: it must neither repeat at once nor forever. */
  private async attempt(claim: DeliveryClaim): Promise<{ sent: Sent; requestHeaders: Record<string, string> }> {
    const unsent = (why: string) => ({ sent: notSent(why), requestHeaders: {} });
    if (claim.event === PROGRESS_EVENT && ageMs(claim) > PROGRESS_LIFE_MS) return unsent(TOO_LATE);
    try {
      const secrets = await this.keys.webhookSecrets(claim.keyId);
      if (secrets.length === 0) return unsent('the key has no webhook secret to sign with');
      const body = JSON.stringify(messageBody(claim, claim.startedAt, this.links));
      const signed = signMessage({ id: claim.id, sentAt: claim.startedAt, body }, secrets);
      const requestHeaders = { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...signed };
      return { sent: await send(this.egress, claim.url, requestHeaders, body, systemClock), requestHeaders };
    } catch (error) {
      this.logger.error({ err: error, delivery_id: claim.id }, 'a webhook could not be sent');
      return unsent('the message could not be prepared');
    }
  }
}

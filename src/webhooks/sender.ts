import { Inject, Injectable } from '@nestjs/common';
import { systemClock } from '../common/time.js';
import { EGRESS, type Egress } from '../egress/egress.js';
import { Logger } from '../telemetry/logger.js';
import { Metrics } from '../telemetry/metrics.js';
import { retryDelayMs } from './backoff.js';
import { messageBody } from './message-body.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';
import { PROGRESS_EVENT, PROGRESS_LIFE_MS, progressRetryMs } from './progress-event.js';
import { Receivers } from './receivers.js';
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
const OURS = { isOurFault: true };

/**
 * Sends deliveries, at least once: until a receiver answers 2xx or the tries are used up. A worker that dies after sending
 * and before saving leaves the row due, and the message goes out again under the same `webhook-id`, by which receivers tell
 * repetitions.
 */
@Injectable()
export class WebhookSender {
  private readonly tries: ReturnType<Metrics['counter']>;
  private readonly heldBack: ReturnType<Metrics['counter']>;

  constructor(
    private readonly sendings: SendingsRepository,
    private readonly receivers: Receivers,
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly rings: Rings,
    @Inject(ASSET_LINKS) private readonly links: AssetLinks,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.tries = metrics.counter('kiln_webhook_tries_total', 'Webhook messages sent, by how it went', ['result']);
    this.heldBack = metrics.counter(
      'kiln_webhook_held_back_total',
      'Times that a webhook message waited since its receiver had enough under way',
    );
  }

  /**
   * One try, if it is this message's turn. Returns the milliseconds until the message should come back, or null when it has
   * nothing more to do.
   */
  async deliver(id: string, n: number): Promise<number | null> {
    const due = await this.sendings.look(id, n);
    if (due === null || due.waitMs > 0) return due && due.waitMs;
    const turn = this.receivers.turns.take(due.keyId, due.url);
    if (typeof turn === 'number') {
      this.heldBack.inc();
      await this.sendings.postpone(id, n, turn);
      return turn;
    }
    let sent: Sent | null = null;
    try {
      const claim = await this.sendings.claim(id, n, LEASE_MS);
      if (claim === null) return (await this.sendings.look(id, n))?.waitMs ?? null;
      sent = await this.attempt(claim);
      return await this.finish(claim, sent);
    } finally {
      turn.end(sent === null || sent.isOurFault ? null : sent.delivered);
    }
  }

  /** Rings for due deliveries whose message was lost; how many there were. */
  async overdue(limit: number, graceMs = OVERDUE_GRACE_MS): Promise<number> {
    const rings = await this.sendings.ringOverdue(graceMs, limit);
    await this.rings.ring(rings);
    return rings.length;
  }

  private async finish(claim: DeliveryClaim, sent: Sent): Promise<number | null> {
    const goesOn = await this.receivers.health.saw(claim, sent);
    const retryInMs = goesOn ? waitMs(claim, sent) : null;
    const status = sent.delivered ? 'delivered' : retryInMs === null ? 'failed' : 'pending';
    this.tries.inc({ result: status === 'pending' ? 'retried' : status });
    await this.sendings.save(claim, { ...sent, status, retryInMs });
    return retryInMs;
  }

  /** A trouble of our own counts as a failed try too: it must neither repeat at once nor forever. */
  private async attempt(claim: DeliveryClaim): Promise<Sent> {
    if (claim.event === PROGRESS_EVENT && ageMs(claim) > PROGRESS_LIFE_MS) return notSent(TOO_LATE, OURS);
    try {
      const secrets = await this.receivers.secrets.of(claim);
      if (secrets === null) return { ...notSent('the endpoint was deleted', OURS), gone: true };
      if (secrets.length === 0) return notSent('there is no webhook secret to sign with', OURS);
      const body = JSON.stringify(messageBody(claim, claim.startedAt, this.links));
      const signed = signMessage({ id: claim.id, sentAt: claim.startedAt, body }, secrets);
      const headers = { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...signed };
      return await send(this.egress, claim.url, headers, body, systemClock);
    } catch (error) {
      this.logger.error({ err: error, delivery_id: claim.id }, 'a webhook could not be sent');
      return notSent('the message could not be prepared', OURS);
    }
  }
}

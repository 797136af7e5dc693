import { Inject, Injectable } from '@nestjs/common';
import { invalidRequest, notFound } from '../common/errors.js';
import type { JsonValue } from '../common/json.js';
import { newId } from '../common/ids.js';
import { assertCursor, type ListEnvelope, listEnvelope, type Page } from '../common/page.js';
import { DAY_MS, delay, systemClock } from '../common/time.js';
import type { Tx } from '../database/database.js';
import { EGRESS, type Egress, EgressError } from '../egress/egress.js';
import { Keys } from '../keys/keys.js';
import { Enqueue } from '../queue/enqueue.js';
import { Logger } from '../telemetry/logger.js';
import { Metrics } from '../telemetry/metrics.js';
import { withLinks } from './asset-references.js';
import { retryDelayMs } from './backoff.js';
import { type DeliveryView, deliveryView } from './delivery-view.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';
import { notSent, send, type Sent } from './send.js';
import { signMessage } from './signature.js';
import { type DeliveryClaim, type NewDelivery, type Ring, WebhooksRepository } from './webhooks.repository.js';

const USER_AGENT = 'Kiln-Webhooks/1';
/** The 15 s of a sending, and room for reading secrets and saving. */
const LEASE_MS = 45_000;
const LINK_TTL_MS = DAY_MS;
/** A message that is this late is taken for lost. */
const OVERDUE_GRACE_MS = 10_000;
/** How long a name's look-up may hold up a request; the sending itself checks again. */
const TARGET_CHECK_MS = 2000;
const SHOWN_URL_CHARS = 200;

/**
 * Webhook deliveries, at least once: a row is written with the event's own transaction and sent until a receiver answers
 * 2xx or its tries are used up. A worker that dies after sending and before saving leaves the row due, and the message
 * goes out again under the same `webhook-id`, by which receivers tell repetitions. Each delivery is a queue message of its
 * own, so a slow receiver holds up nobody else's; order between deliveries is not kept (the body has a timestamp).
 */
@Injectable()
export class Webhooks {
  private readonly tries: ReturnType<Metrics['counter']>;

  constructor(
    private readonly deliveries: WebhooksRepository,
    private readonly keys: Keys,
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly queue: Enqueue,
    @Inject(ASSET_LINKS) private readonly links: AssetLinks,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.tries = metrics.counter('kiln_webhook_tries_total', 'Webhook messages sent, by how it went', ['result']);
  }

  /** Throws 400 for a URL that would never be called. A name that can't be looked up now may be by the time it is needed. */
  async assertTarget(url: string, param: string): Promise<void> {
    const enough = new AbortController();
    try {
      await Promise.race([this.egress.assertForeign(url), delay(TARGET_CHECK_MS, enough.signal)]);
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      if (error.reason !== 'blocked') return;
      const shown = url.slice(0, SHOWN_URL_CHARS);
      throw invalidRequest(
        `'${param}' is '${shown}': ${error.message}. Allowed are https URLs of public hosts.`,
        param,
      );
    } finally {
      enough.abort();
    }
  }

  /** Writes a delivery that is due at once, in the caller's transaction. Returns its id, which is the `webhook-id`. */
  async write(tx: Tx, delivery: NewDelivery): Promise<string> {
    const id = newId('whd');
    await this.deliveries.insert(tx, id, delivery);
    return id;
  }

  /** Of a deleted job: what is still due is not sent any more. */
  async removeForJob(tx: Tx, jobId: string): Promise<void> {
    await this.deliveries.deleteOfJob(tx, jobId);
  }

  /** For deliveries just written, after the commit. */
  async enqueueAll(ids: readonly string[]): Promise<void> {
    await this.ring(ids.map((id) => ({ id, tick: 0 })));
  }

  /**
   * One try, if it is this message's turn. Returns the milliseconds until the message should come back, or null when it has
   * nothing more to do.
   */
  async deliver(id: string, n: number): Promise<number | null> {
    const claim = await this.deliveries.claim(id, n, LEASE_MS);
    if (claim === null) return this.deliveries.waitMs(id, n);
    const sent = await this.attempt(claim);
    const retryInMs = sent.delivered || sent.gone ? null : retryDelayMs(claim.attempts, sent.retryAfterMs);
    const status = sent.delivered ? 'delivered' : retryInMs === null ? 'failed' : 'pending';
    this.tries.inc({ result: status === 'pending' ? 'retried' : status });
    await this.deliveries.save(claim, { ...sent, status, retryInMs });
    return retryInMs;
  }

  /** Rings for due deliveries whose message was lost; how many there were. */
  async overdue(limit: number, graceMs = OVERDUE_GRACE_MS): Promise<number> {
    const rings = await this.deliveries.ringOverdue(graceMs, limit);
    await this.ring(rings);
    return rings.length;
  }

  async get(keyId: string, id: string): Promise<DeliveryView> {
    const row = await this.deliveries.find(keyId, id);
    if (row === null) throw notFound('webhook delivery', id);
    return deliveryView(row);
  }

  /** Throws 404 for a job or cursor that is not the key's. */
  async list(keyId: string, filter: { jobId?: string }, page: Page): Promise<ListEnvelope<DeliveryView>> {
    const { jobId } = filter;
    if (jobId !== undefined && !(await this.deliveries.jobExists(keyId, jobId))) throw notFound('job', jobId);
    await assertCursor(page, 'webhook delivery', async (id) => (await this.deliveries.find(keyId, id)) !== null);
    return listEnvelope(await this.deliveries.list(keyId, filter, page), page, deliveryView);
  }

  async forJob(keyId: string, jobId: string): Promise<DeliveryView[]> {
    return (await this.deliveries.ofJob(keyId, jobId)).map(deliveryView);
  }

  /** Of jobs that the caller knows to be the key's. A job without deliveries is not in the map. */
  async forJobs(jobIds: readonly string[]): Promise<Map<string, DeliveryView[]>> {
    const rows = jobIds.length === 0 ? [] : await this.deliveries.ofJobs(jobIds);
    return Map.groupBy(rows.map(deliveryView), (view) => view.job_id ?? '');
  }

  /** Sends once more, whatever became of it before, with all tries before it again. Throws 404. */
  async redeliver(keyId: string, id: string): Promise<DeliveryView> {
    const ring = await this.deliveries.restart(keyId, id);
    if (ring === null) throw notFound('webhook delivery', id);
    await this.ring([ring]);
    return this.get(keyId, id);
  }

  private async ring(rings: readonly Ring[]): Promise<void> {
    await Promise.all(
      rings.map(({ id, tick }) => this.queue.enqueue('webhook', `${id}-${tick}`, { deliveryId: id, n: tick })),
    );
  }

  /** A trouble of our own counts as a failed try too: it must neither repeat at once nor forever. */
  private async attempt(claim: DeliveryClaim): Promise<Sent> {
    try {
      const secrets = await this.keys.webhookSecrets(claim.keyId);
      if (secrets.length === 0) return notSent('the key has no webhook secret to sign with');
      const body = JSON.stringify(this.bodyOf(claim));
      const signed = signMessage({ id: claim.id, sentAt: claim.startedAt, body }, secrets);
      const headers = { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...signed };
      return await send(this.egress, claim.url, headers, body, systemClock);
    } catch (error) {
      this.logger.error({ err: error, delivery_id: claim.id }, 'a webhook could not be sent');
      return notSent('the message could not be prepared');
    }
  }

  private bodyOf({ keyId, body, startedAt }: DeliveryClaim): JsonValue {
    const expiresAt = new Date(startedAt.getTime() + LINK_TTL_MS);
    const link = (assetId: string, variant: string): string => this.links.link(keyId, assetId, variant, expiresAt);
    // jsonb keeps no order of fields; people read the envelope first.
    const { type = null, timestamp = null, ...rest } = body;
    return withLinks({ type, timestamp, ...rest }, { link, expiresAt });
  }
}

import { conflict, invalidRequest, notFound } from '../common/errors.js';
import { assertCursor, type Page } from '../common/page.js';
import type { Tx } from '../database/database.js';
import { type Egress, EgressError } from '../egress/egress.js';
import type { Enqueue } from '../queue/enqueue.js';
import type { DeliveriesRepository, DeliveryRow, NewDelivery, Ring } from './deliveries.repository.js';
import { type DeliveryView, deliveryView } from './delivery-view.js';
import { nextGapMs } from './retry-schedule.js';
import { EXCHANGE_TIMEOUT_MS, type WebhookSender } from './sender.js';

const MAX_URL_CHARS = 2048;
/** Longer than one exchange; a dead worker's delivery is sent again after it. */
const LEASE_SECONDS = EXCHANGE_TIMEOUT_MS / 1000 + 10;

/**
 * Messages about jobs: written with the state they tell, sent at least once under one id. Each has its own queue message, so
 * that a dead receiver delays nobody else.
 */
export class Webhooks {
  constructor(
    private readonly repository: DeliveriesRepository,
    private readonly sender: WebhookSender,
    private readonly egress: Pick<Egress, 'assertForeign'>,
    private readonly queue: Pick<Enqueue, 'enqueue'>,
  ) {}

  /** Throws 400 naming `param` where deliveries to this URL would be refused. */
  async assertTarget(url: string, param: string): Promise<void> {
    if (url.length > MAX_URL_CHARS)
      throw invalidRequest(`'${param}' is longer than ${MAX_URL_CHARS} characters.`, param);
    try {
      await this.egress.assertForeign(url);
    } catch (error) {
      // A name that can't be looked up now may exist when the job ends.
      if (!(error instanceof EgressError) || error.reason !== 'blocked') return;
      throw invalidRequest(
        `'${param}' may not receive webhooks: ${error.message}. Public https URLs are allowed.`,
        param,
      );
    }
  }

  /** In the transaction of what it tells; call `enqueueAll` after the commit. Gives the id, which is the `webhook-id`. */
  async write(tx: Tx, delivery: NewDelivery): Promise<string> {
    return this.repository.insert(tx, delivery);
  }

  async enqueueAll(deliveryIds: readonly string[]): Promise<void> {
    if (deliveryIds.length > 0) await this.ringAll(await this.repository.ticks(deliveryIds));
  }

  /** One try. A message that is not the live one, or whose delivery another worker holds, does nothing. */
  async deliver(deliveryId: string, n: number, signal?: AbortSignal): Promise<void> {
    const claim = await this.repository.claim(deliveryId, n, LEASE_SECONDS);
    if (claim === null) return;
    const sent = await this.sender.send(claim.row, signal);
    switch (sent.outcome) {
      case 'delivered':
        return this.repository.markDelivered(claim, sent.result);
      case 'gone':
        return this.repository.markFailed(claim, sent.result);
      case 'stopped':
        return this.ring(await this.repository.giveBack(claim), 0);
      case 'failed': {
        const gapMs = nextGapMs(claim.row.attempts, sent.retryAfterMs);
        if (gapMs === null) return this.repository.markFailed(claim, sent.result);
        return this.ring(await this.repository.markRetry(claim, sent.result, gapMs), gapMs);
      }
    }
  }

  /** Rings again for what is due and was forgotten; how many. */
  async overdue(limit: number): Promise<number> {
    const rings = await this.repository.overdue(limit);
    await this.ringAll(rings);
    return rings.length;
  }

  /** Of jobs that were read for their key. */
  async forJobs(jobIds: readonly string[]): Promise<Map<string, DeliveryView[]>> {
    const byJob = new Map<string, DeliveryView[]>();
    for (const row of await this.repository.ofJobs(jobIds)) {
      byJob.set(row.jobId, [...(byJob.get(row.jobId) ?? []), deliveryView(row)]);
    }
    return byJob;
  }

  /** Throws 404 for another key's job or cursor. */
  async list(keyId: string, jobId: string | undefined, page: Page): Promise<DeliveryRow[]> {
    if (jobId !== undefined && !(await this.repository.jobExists(keyId, jobId))) throw notFound('job', jobId);
    await assertCursor(page, 'webhook delivery', async (id) => (await this.repository.find(keyId, id)) !== null);
    return this.repository.list(keyId, jobId, page);
  }

  async get(keyId: string, id: string): Promise<DeliveryView> {
    const row = await this.repository.find(keyId, id);
    if (row === null) throw notFound('webhook delivery', id);
    return deliveryView(row);
  }

  /** Sends again under the same id, with the whole schedule of retries. 409 while a try is under way. */
  async redeliver(keyId: string, id: string): Promise<DeliveryView> {
    await this.get(keyId, id);
    const ring = await this.repository.restart(keyId, id);
    if (ring === null) throw conflict(`Webhook delivery '${id}' is being sent just now.`, 'delivery_in_progress');
    await this.ring(ring, 0);
    return this.get(keyId, id);
  }

  private async ringAll(rings: readonly Ring[]): Promise<void> {
    await Promise.all(rings.map(async (ring) => this.ring(ring, 0)));
  }

  private async ring(ring: Ring | null, delayMs: number): Promise<void> {
    if (ring !== null) await this.queue.enqueue('webhook', `${ring.deliveryId}-${ring.n}`, ring, { delayMs });
  }
}

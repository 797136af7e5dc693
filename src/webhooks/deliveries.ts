import { Injectable } from '@nestjs/common';
import { notFound } from '../common/errors.js';
import { assertCursor, type ListEnvelope, listEnvelope, type Page } from '../common/page.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { type DeliveryView, deliveryView } from './delivery-view.js';
import { Rings } from './rings.js';

/** What became of a key's messages, and sending them once more. */
@Injectable()
export class Deliveries {
  constructor(
    private readonly deliveries: DeliveriesRepository,
    private readonly rings: Rings,
  ) {}

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

  /** What jobs' own URLs were sent, of jobs that the caller knows to be the key's. A job without deliveries is not in the map. */
  async forJobs(jobIds: readonly string[]): Promise<Map<string, DeliveryView[]>> {
    const rows = jobIds.length === 0 ? [] : await this.deliveries.ofJobs(jobIds);
    return Map.groupBy(rows.map(deliveryView), (view) => view.job_id ?? '');
  }

  /** Sends once more, whatever became of it before, with all tries before it again. Throws 404. */
  async redeliver(keyId: string, id: string): Promise<DeliveryView> {
    const ring = await this.deliveries.restart(keyId, id);
    if (ring === null) throw notFound('webhook delivery', id);
    await this.rings.ring([ring]);
    return this.get(keyId, id);
  }
}

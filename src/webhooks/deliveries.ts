import { Inject, Injectable } from '@nestjs/common';
import { notFound } from '../common/errors.js';
import { assertCursor, type ListEnvelope, listEnvelope, type Page } from '../common/page.js';
import { systemClock } from '../common/time.js';
import { DeliveriesRepository, type DeliveryFilter } from './deliveries.repository.js';
import { type DeliveryDetail, deliveryDetail, type DeliveryView, deliveryView } from './delivery-view.js';
import { messageBody } from './message-body.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';

const TRIES_SHOWN = 50;

/** What became of a key's messages. */
@Injectable()
export class Deliveries {
  constructor(
    private readonly deliveries: DeliveriesRepository,
    @Inject(ASSET_LINKS) private readonly links: AssetLinks,
  ) {}

  async get(keyId: string, id: string): Promise<DeliveryDetail> {
    const row = await this.deliveries.findWhole(keyId, id);
    if (row === null) throw notFound('webhook delivery', id);
    const tries = await this.deliveries.tries(id, TRIES_SHOWN);
    return deliveryDetail(row, tries, messageBody(row, systemClock(), this.links));
  }

  async summary(keyId: string, id: string): Promise<DeliveryView> {
    const row = await this.deliveries.find(keyId, id);
    if (row === null) throw notFound('webhook delivery', id);
    return deliveryView(row);
  }

  /** Throws 404 for a job, endpoint or cursor that is not the key's. */
  async list(keyId: string, filter: DeliveryFilter, page: Page): Promise<ListEnvelope<DeliveryView>> {
    const { jobId, endpointId } = filter;
    if (jobId !== undefined && !(await this.deliveries.jobExists(keyId, jobId))) throw notFound('job', jobId);
    if (endpointId !== undefined && !(await this.deliveries.endpointExists(keyId, endpointId)))
      throw notFound('webhook endpoint', endpointId);
    await assertCursor(page, 'webhook delivery', async (id) => (await this.deliveries.find(keyId, id)) !== null);
    return listEnvelope(await this.deliveries.list(keyId, filter, page), page, deliveryView);
  }

  /**
   * What jobs' own URLs were sent but progress, of jobs that the caller knows to be the key's. A job without deliveries is not
   * in the map.
   */
  async forJobs(jobIds: readonly string[]): Promise<Map<string, DeliveryView[]>> {
    const rows = jobIds.length === 0 ? [] : await this.deliveries.ofJobs(jobIds);
    return Map.groupBy(rows.map(deliveryView), (view) => view.job_id ?? '');
  }
}

import { Injectable } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import { invalidRequest, KilnError, messageOf, notFound } from '../../common/errors.js';
import { assertCursor, listEnvelope, type ListEnvelope } from '../../common/page.js';
import { isDatabaseDown } from '../../database/connection.js';
import { Logger } from '../../telemetry/logger.js';
import { JobReplay } from '../api/replay.js';
import type { JobRow } from '../store/rows.js';
import type { BulkReplayBody, PageQuery, ReplayFilter } from './bodies.js';
import { ReplayBatchesRepository, type ReplayBatchRow } from './replay-batches.repository.js';

const LEASE_MS = 30_000;
const CHUNK = 50;
const AFTER_OUTAGE_MS = 5000;

export interface ReplayPreview {
  object: 'replay_preview';
  count: number;
  cost_micro_usd: number;
  sample_ids: string[];
}

export interface ReplayBatchView {
  id: string;
  object: 'replay_batch';
  status: string;
  filter: ReplayFilter;
  route: string | null;
  total: number;
  done: number;
  skipped: number;
  skip_reasons: Record<string, number>;
  cost_micro_usd: number;
  created_at: string;
  finished_at: string | null;
}

/**
 * Replays of many jobs. A batch is a row with a cursor; workers take it in turns, and a killed one's batch goes on where it
 * stood. Each job is guarded by its run, so that nothing is replayed twice however often a part is repeated.
 */
@Injectable()
export class ReplayBatches {
  constructor(
    private readonly batches: ReplayBatchesRepository,
    private readonly replays: JobReplay,
    private readonly catalog: Catalog,
    private readonly logger: Logger,
  ) {}

  /** How many jobs it would take, and what they would be held for; writes nothing. */
  async preview(body: BulkReplayBody): Promise<ReplayPreview> {
    this.assertRoute(body);
    const { count, costMicroUsd, sampleIds } = await this.batches.count(body.filter, body.limit);
    return { object: 'replay_preview', count, cost_micro_usd: costMicroUsd, sample_ids: sampleIds };
  }

  async create(body: BulkReplayBody): Promise<ReplayBatchView> {
    this.assertRoute(body);
    return batchView(await this.batches.create(body.filter, body.limit, body.route ?? null));
  }

  async get(id: string): Promise<ReplayBatchView> {
    const batch = await this.batches.find(id);
    if (!batch) throw notFound('replay batch', id.slice(0, 64));
    return batchView(batch);
  }

  async list(page: PageQuery): Promise<ListEnvelope<ReplayBatchView>> {
    await assertCursor(page, 'replay batch', async (id) => (await this.batches.find(id)) !== null);
    return listEnvelope(await this.batches.list(page), page, batchView);
  }

  /** Works on batches that nobody works on until there is none, or until `signal`. Called by a timer in each worker. */
  async runDue(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const batch = signal?.aborted ? null : await this.batches.claim(LEASE_MS);
      if (!batch) return;
      await this.run(batch, signal);
    }
  }

  private async run(claimed: ReplayBatchRow, signal?: AbortSignal): Promise<void> {
    let batch = claimed;
    for (;;) {
      const jobs = await this.batches.nextJobs(batch, CHUNK);
      if (jobs.length === 0) return this.batches.finish(batch);
      for (const job of jobs) {
        if (signal?.aborted) return this.batches.giveBack(batch, 0);
        const skipReason = await this.replay(job, batch);
        if (skipReason === 'outage') return this.batches.giveBack(batch, AFTER_OUTAGE_MS);
        const advanced = await this.batches.advance(batch, job.id, skipReason, LEASE_MS);
        if (!advanced) return;
        batch = advanced;
      }
    }
  }

  /** Null where the job was replayed, else why not. `outage`: nothing is known about the job, try it again. */
  private async replay(job: JobRow, batch: ReplayBatchRow): Promise<string | null> {
    try {
      const replayed = await this.replays.replay(job, { route: batch.route ?? undefined, expectedRun: job.run });
      return replayed ? null : 'changed_meanwhile';
    } catch (error) {
      if (isDatabaseDown(error) || (error instanceof KilnError && error.type === 'unavailable')) return 'outage';
      if (error instanceof KilnError) return error.type;
      this.logger.error(
        { job_id: job.id, batch_id: batch.id, err: error },
        `a job of a replay batch failed: ${messageOf(error)}`,
      );
      return 'internal_error';
    }
  }

  private assertRoute({ route, filter }: BulkReplayBody): void {
    if (route === undefined) return;
    const models = this.catalog.models().filter((model) => filter.model === undefined || model.id === filter.model);
    const allowed = models.flatMap((model) => model.routes.map(({ id }) => id));
    if (allowed.includes(route)) return;
    const whose = filter.model === undefined ? 'in the catalog' : `of ${filter.model}`;
    throw invalidRequest(
      `'route' must be a route ${whose}: ${allowed.join(', ') || 'there is none'}; got '${route}'.`,
      'route',
    );
  }
}

export function batchView(batch: ReplayBatchRow): ReplayBatchView {
  return {
    id: batch.id,
    object: 'replay_batch',
    status: batch.status,
    filter: batch.filter,
    route: batch.route,
    total: batch.total,
    done: batch.done,
    skipped: batch.skipped,
    skip_reasons: batch.skipReasons,
    cost_micro_usd: Number(batch.costMicroUsd),
    created_at: batch.createdAt.toISOString(),
    finished_at: batch.finishedAt?.toISOString() ?? null,
  };
}

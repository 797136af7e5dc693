import { Injectable } from '@nestjs/common';
import { Ledger } from '../billing/ledger.js';
import { KilnError } from '../common/errors.js';
import { isId } from '../common/ids.js';
import { AttemptsRepository } from '../jobs/store/attempts.repository.js';
import { JobsRepository } from '../jobs/store/jobs.repository.js';
import type { JobRow } from '../jobs/store/rows.js';
import { receiptView, type ReceiptParts, type ReceiptView } from './receipt-view.js';
import { ReceiptsRepository } from './receipts.repository.js';

/** The receipt with what only the operator may know. */
export interface AdminReceiptView extends ReceiptView {
  key_id: string;
  /** Over all runs. */
  upstream_cost_micro_usd: number;
  loss_micro_usd: number;
  margin_micro_usd: number;
}

/** What one request or job was and cost, by the id of either. */
@Injectable()
export class Receipts {
  constructor(
    private readonly ledger: Ledger,
    private readonly rows: ReceiptsRepository,
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
  ) {}

  /** 404 for what nothing was held for, and for another key's. */
  async get(keyId: string, id: string): Promise<ReceiptView> {
    return receiptView(await this.partsOf(keyId, id));
  }

  /** Of any key's. */
  async getForAdmin(id: string): Promise<AdminReceiptView> {
    const parts = await this.partsOf(null, id);
    const sum = (of: (usage: ReceiptParts['usages'][number]) => number): number =>
      parts.usages.reduce((total, usage) => total + of(usage), 0);
    const upstreamCost = sum((usage) => usage.upstreamCostMicroUsd);
    return {
      ...receiptView(parts),
      key_id: parts.entries[0]?.keyId ?? '',
      upstream_cost_micro_usd: upstreamCost,
      loss_micro_usd: sum((usage) => usage.lossMicroUsd),
      margin_micro_usd: sum((usage) => usage.chargedMicroUsd) - upstreamCost,
    };
  }

  private async partsOf(keyId: string | null, id: string): Promise<ReceiptParts> {
    const isRequest = isId('req', id);
    if (!isRequest && !isId('job', id)) throw noReceipt(id);
    const own = await this.ledger.forWork(keyId, id);
    // Nothing was held for a request that made a job: the job holds.
    const made = isRequest && own.length === 0 ? await this.jobs.ofRequest(keyId, id) : null;
    const entries = made ? await this.ledger.forWork(keyId, made.id) : own;
    if (entries.length === 0) throw noReceipt(id);
    const workId = made?.id ?? id;
    const [usages, job] = await Promise.all([
      this.rows.usageOf(workId, [...new Set(entries.map(({ run }) => run))]),
      made ?? (isRequest ? null : this.liveJob(workId)),
    ]);
    const attempts = job ? ((await this.attempts.ofJobs([workId])).get(workId) ?? []) : [];
    return { workId, entries, usages, job, attempts };
  }

  /** What a client deleted is not shown again; its money is. */
  private async liveJob(id: string): Promise<JobRow | null> {
    const job = await this.jobs.byId(id);
    return job && job.deletedAt === null ? job : null;
  }
}

const noReceipt = (id: string): KilnError =>
  new KilnError(
    404,
    'not_found',
    `There is no receipt of '${id.slice(0, 64)}' for this key: receipts are of requests and jobs that money was held for.`,
  );

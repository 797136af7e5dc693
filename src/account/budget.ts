import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { PROOF_SQL } from '../billing/days.repository.js';
import { Ledger, type DayTotals, type LedgerRow } from '../billing/ledger.js';
import { assertCursor, type ListEnvelope, listEnvelope, pageFields } from '../common/page.js';
import type { AuthKey } from '../keys/auth-key.js';
import { utcDay } from './usage-query.js';

export const proofQuery = z.strictObject({ date: utcDay.optional() });
export type ProofQuery = z.output<typeof proofQuery>;
export const entriesQuery = z.strictObject({ ...pageFields, date: utcDay.optional() });
export type EntriesQuery = z.output<typeof entriesQuery>;

export interface BudgetView {
  object: 'budget';
  date: string;
  limit_micro_usd: number | null;
  spent_micro_usd: number;
  held_micro_usd: number;
  left_micro_usd: number | null;
  resets_at: string;
}

interface TotalsView {
  spent_micro_usd: number;
  held_micro_usd: number;
}

export interface ProofView {
  object: 'budget_proof';
  date: string;
  balanced: boolean;
  counters: TotalsView;
  ledger: TotalsView & {
    rows: number;
    open_holds: number;
    sums: { hold_micro_usd: number; settle_micro_usd: number; release_micro_usd: number };
  };
  usage: { records: number; charged_micro_usd: number } | null;
  sql: string;
  parameters: [keyId: string, date: string];
}

export interface EntryView {
  id: string;
  object: 'ledger_entry';
  kind: LedgerRow['kind'];
  work_id: string;
  run: number;
  date: string;
  amount_micro_usd: number;
  reason: string | null;
  created_at: string;
}

/** A key's day: what is spent, held and left of it, and how that comes about. */
@Injectable()
export class Budgets {
  constructor(private readonly ledger: Ledger) {}

  async today(key: AuthKey): Promise<BudgetView> {
    const { date, resetsAt, ...totals } = await this.ledger.today(key.id);
    const limit = key.dailyBudgetMicroUsd;
    return {
      object: 'budget',
      date,
      limit_micro_usd: limit,
      ...totalsView(totals),
      left_micro_usd: limit === null ? null : Math.max(0, limit - totals.spentMicroUsd - totals.heldMicroUsd),
      resets_at: resetsAt.toISOString(),
    };
  }

  /** The day recomputed from its ledger rows and its usage records, beside the counters that budgets are checked by. */
  async proof(key: AuthKey, query: ProofQuery): Promise<ProofView> {
    const date = await this.dayOf(key, query);
    const { balanced, counters, fromRows, rows, openHolds, sums, usage } = await this.ledger.proof(key.id, date);
    return {
      object: 'budget_proof',
      date,
      balanced: balanced && (usage === null || usage.chargedMicroUsd === counters.spentMicroUsd),
      counters: totalsView(counters),
      ledger: {
        ...totalsView(fromRows),
        rows,
        open_holds: openHolds,
        sums: { hold_micro_usd: sums.hold, settle_micro_usd: sums.settle, release_micro_usd: sums.release },
      },
      usage: usage && { records: usage.records, charged_micro_usd: usage.chargedMicroUsd },
      sql: PROOF_SQL,
      parameters: [key.id, date],
    };
  }

  async entries(key: AuthKey, query: EntriesQuery): Promise<ListEnvelope<EntryView>> {
    await assertCursor(query, 'ledger entry', async (id) => this.ledger.hasEntry(key.id, id));
    const date = await this.dayOf(key, query);
    return listEnvelope(await this.ledger.entries(key.id, date, query), query, entryView);
  }

  private async dayOf(key: AuthKey, { date }: ProofQuery): Promise<string> {
    return date ?? (await this.ledger.today(key.id)).date;
  }
}

const totalsView = ({ spentMicroUsd, heldMicroUsd }: DayTotals): TotalsView => ({
  spent_micro_usd: spentMicroUsd,
  held_micro_usd: heldMicroUsd,
});

export const entryView = (row: LedgerRow): EntryView => ({
  id: row.id,
  object: 'ledger_entry',
  kind: row.kind,
  work_id: row.workId,
  run: row.run,
  date: row.day,
  amount_micro_usd: row.amountMicroUsd,
  reason: row.reason,
  created_at: row.createdAt.toISOString(),
});

import type { KilnError } from '../common/errors.js';
import type { Page } from '../common/page.js';
import { execute, sql, type Tx } from '../database/database.js';
import { assertAmount } from './amount.js';
import { type Affordable, budgetExceeded } from './budget-refusals.js';
import { proveDay, today, type DayProof, type Today } from './days.repository.js';
import {
  closeHold,
  dayCounters,
  entriesOfDay,
  findFullBudget,
  hasEntry,
  holdSql,
  noteUpstreamCost,
  overBudgetIn,
  rowsOfWork,
  type Closed,
  type DayTotals,
  type FullBudget,
  type Hold,
  type HoldSql,
  type LedgerRow,
  type WorkRun,
} from './ledger.repository.js';
import type { UsageRecord } from './usage.js';
import { usageRow } from './usage-row.js';

export type { DayProof, Today } from './days.repository.js';
export { overBudgetIn, type FullBudget } from './ledger.repository.js';
export type { DayTotals, Hold, HoldSql, LedgerKind, LedgerRow, WorkRun } from './ledger.repository.js';

function wasClosed(closed: Closed, { workId, run }: WorkRun): boolean {
  if (closed === 'missing') throw new Error(`run ${run} of ${workId} has no hold`);
  return closed === 'closed';
}

/** The refusal of a hold that `full` has no room for. */
export const overBudget = (
  full: FullBudget,
  { amountMicroUsd }: Pick<Hold, 'amountMicroUsd'>,
  affordable: (leftMicroUsd: number) => Affordable = () => ({}),
): KilnError => budgetExceeded({ amountMicroUsd, ...full, affordable }, Date.now());

/**
 * Append-only money: a hold before the work, one settle or one release after it. The counters of a key's UTC day change in
 * the same statement as the rows; a hold's day is the day of all that follows it.
 */
export class Ledger {
  constructor(private readonly db: Tx) {}

  /** A hold under its key's budget, for a statement of the caller's. */
  holdSql(hold: Hold): HoldSql {
    assertAmount(hold.amountMicroUsd);
    return holdSql(hold);
  }

  /**
   * Does nothing where this run is held already. Throws 429 `budget_exceeded` where the key's day has no room for it; then
   * the transaction is over.
   */
  async hold(tx: Tx, hold: Omit<Hold, 'from'>): Promise<void> {
    const { ctes, fits } = this.holdSql(hold);
    await execute(tx, sql`WITH ${ctes} SELECT 1 WHERE ${fits}`).catch((error: unknown) => {
      const full = overBudgetIn(error);
      throw full ? overBudget(full, hold) : error;
    });
  }

  /**
   * Whether the key's day has no room for the amount by what is committed; null where it has. It saves writing what would be
   * refused, and promises nothing.
   */
  async findFull(keyId: string, amountMicroUsd: number): Promise<FullBudget | null> {
    return findFullBudget(this.db, keyId, amountMicroUsd);
  }

  /**
   * Charges at most what is held, gives the rest back and writes the usage record. False when the run was settled or released
   * before; throws where it was never held.
   */
  async settle(
    tx: Tx,
    settle: WorkRun & { amountMicroUsd: number; reason?: string; usage?: UsageRecord },
  ): Promise<boolean> {
    assertAmount(settle.amountMicroUsd);
    const { amountMicroUsd: chargeMicroUsd, reason = null, ...work } = settle;
    const usage = settle.usage ? usageRow(settle.usage) : null;
    return wasClosed(await closeHold(tx, { ...work, kind: 'settle', chargeMicroUsd, reason, usage }), work);
  }

  /** Gives the whole hold back; else as `settle`. */
  async release(tx: Tx, release: WorkRun & { reason: string; usage?: UsageRecord }): Promise<boolean> {
    const { reason, ...work } = release;
    const usage = release.usage ? usageRow(release.usage) : null;
    return wasClosed(await closeHold(tx, { ...work, kind: 'release', chargeMicroUsd: 0, reason, usage }), work);
  }

  /** Corrects the upstream cost in the usage record of a run that is closed; does nothing where it has none. */
  async noteUpstreamCost(tx: Tx, work: WorkRun, microUsd: number): Promise<void> {
    assertAmount(microUsd);
    await noteUpstreamCost(tx, work, microUsd);
  }

  /** Rows of one piece of work, oldest first; null for a key finds those of any. */
  async forWork(keyId: string | null, workId: string): Promise<LedgerRow[]> {
    return rowsOfWork(this.db, keyId, workId);
  }

  /** Counters of a UTC day, YYYY-MM-DD. */
  async day(keyId: string, date: string): Promise<DayTotals> {
    return dayCounters(this.db, keyId, date);
  }

  /** Today's counters, by the database's clock. */
  async today(keyId: string): Promise<Today> {
    return today(this.db, keyId);
  }

  /** Counters beside the same numbers recomputed from the rows. */
  async proof(keyId: string, date: string): Promise<DayProof> {
    return proveDay(this.db, keyId, date);
  }

  /** Rows of a UTC day, one more than the page takes. */
  async entries(keyId: string, date: string, page: Page): Promise<LedgerRow[]> {
    return entriesOfDay(this.db, keyId, date, page);
  }

  async hasEntry(keyId: string, id: string): Promise<boolean> {
    return hasEntry(this.db, keyId, id);
  }
}

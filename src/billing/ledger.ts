import type { KilnError } from '../common/errors.js';
import { execute, sql, type Tx } from '../database/database.js';
import { assertAmount } from './amount.js';
import { type Affordable, budgetExceeded } from './budget-refusals.js';
import {
  closeHold,
  dayCounters,
  dayBothWays,
  findFullBudget,
  holdSql,
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

export { overBudgetIn, type FullBudget } from './ledger.repository.js';
export type { DayTotals, Hold, HoldSql, LedgerKind, LedgerRow, WorkRun } from './ledger.repository.js';

export interface DayProof {
  date: string;
  /** Ledger rows of the day. */
  rows: number;
  fromRows: DayTotals;
  counters: DayTotals;
  /** Whether both say the same. */
  balanced: boolean;
}

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
   * Charges at most what is held and gives the rest back. False when the run was settled or released before; throws where it
   * was never held.
   */
  async settle(tx: Tx, settle: WorkRun & { amountMicroUsd: number; reason?: string }): Promise<boolean> {
    assertAmount(settle.amountMicroUsd);
    const { amountMicroUsd: chargeMicroUsd, reason = null, ...work } = settle;
    return wasClosed(await closeHold(tx, { ...work, kind: 'settle', chargeMicroUsd, reason }), work);
  }

  /** Gives the whole hold back. False when the run was settled or released before; throws where it was never held. */
  async release(tx: Tx, release: WorkRun & { reason: string }): Promise<boolean> {
    const { reason, ...work } = release;
    return wasClosed(await closeHold(tx, { ...work, kind: 'release', chargeMicroUsd: 0, reason }), work);
  }

  /** Rows of one piece of work, oldest first. */
  async forWork(keyId: string, workId: string): Promise<LedgerRow[]> {
    return rowsOfWork(this.db, keyId, workId);
  }

  /** Counters of a UTC day, YYYY-MM-DD. */
  async day(keyId: string, date: string): Promise<DayTotals> {
    return dayCounters(this.db, keyId, date);
  }

  /** Counters beside the same numbers recomputed from the rows. */
  async proof(keyId: string, date: string): Promise<DayProof> {
    const { rows, fromRows, counters } = await dayBothWays(this.db, keyId, date);
    const balanced =
      fromRows.spentMicroUsd === counters.spentMicroUsd && fromRows.heldMicroUsd === counters.heldMicroUsd;
    return { date, rows, fromRows, counters, balanced };
  }
}

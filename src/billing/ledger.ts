import { execute, sql, type Sql, type Tx } from '../database/database.js';
import { assertAmount } from './amount.js';
import {
  closeHold,
  dayCounters,
  dayBothWays,
  holdCtes,
  rowsOfWork,
  type Closed,
  type DayTotals,
  type Hold,
  type LedgerRow,
  type WorkRun,
} from './ledger.repository.js';

export type { DayTotals, Hold, LedgerKind, LedgerRow, WorkRun } from './ledger.repository.js';

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

/**
 * Append-only money: a hold before the work, one settle or one release after it. The counters of a key's UTC day change in
 * the same statement as the rows; a hold's day is the day of all that follows it.
 */
export class Ledger {
  constructor(private readonly db: Tx) {}

  /** `ledger AS (…), budget AS (…)` for a statement of the caller's: no WITH before, no comma after. */
  holdCtes(hold: Hold): Sql {
    assertAmount(hold.amountMicroUsd);
    return holdCtes(hold);
  }

  /** Does nothing where this run is held already. */
  async hold(tx: Tx, hold: Omit<Hold, 'from'>): Promise<void> {
    await execute(tx, sql`WITH ${this.holdCtes(hold)} SELECT count(*) FROM budget`);
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

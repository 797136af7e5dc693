import type { JsonObject } from '../common/json.js';
import type { UsageRecord } from './usage.js';

export interface SyncHold {
  /** Id of the request, new with each. */
  requestId: string;
  keyId: string;
  amountMicroUsd: number;
  /** Null: without limit. */
  dailyBudgetMicroUsd: number | null;
  /** Kept with the ledger rows. */
  price: JsonObject;
}

export interface SyncSettle {
  requestId: string;
  keyId: string;
  amountMicroUsd: number;
  record: UsageRecord;
}

export interface SyncRelease {
  requestId: string;
  keyId: string;
  reason: string;
  /** Null: nothing happened that its owner should see. */
  record: UsageRecord | null;
}

/**
 * `done` by this call; `already` by an earlier one; `abandoned`: this process was taken for dead and the hold released, so
 * that nothing can be charged any more.
 */
export type Closing = 'done' | 'already' | 'abandoned';

export interface Settled {
  /** What the request costs its owner: at most what was held, 0 where the hold was released or abandoned before. */
  chargedMicroUsd: number;
  closing: Closing;
}

/** Money of the synchronous gateway. */
export abstract class SyncHolds {
  abstract hold(hold: SyncHold): Promise<void>;
  abstract settle(settle: SyncSettle): Promise<Settled>;
  abstract release(release: SyncRelease): Promise<Closing>;
}

import { KilnError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { JsonObject } from '../common/json.js';
import { delay, jitter, SECOND_MS } from '../common/time.js';
import type { Database } from '../database/database.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { OpsEvents } from '../telemetry/ops-events.js';
import { assertAmount } from './amount.js';
import { type Affordable, budgetExceeded, type FullDay, FullDays } from './budget-refusals.js';
import { GroupCommit, type GroupCommitOptions } from '../database/group-commit.js';
import { HoldOwner } from './hold-owner.js';
import { Losses } from './losses.js';
import {
  ABANDONED,
  closeAll,
  ensureCounters,
  holdAll,
  holdsOf,
  type CloseAsk,
  type CloseVerdict,
  type HoldAsk,
  type HoldVerdict,
} from './sync-holds.repository.js';
import type { UsageRecord } from './usage.js';
import { usageRow } from './usage-row.js';

/**
 * A hold that shrinks where the day has little left, for a request that can be told to use no more than is held. The whole
 * amount is held where it is at most a quarter of what is left of the day; else a quarter, but at least the floor; else all
 * that is left, where that is the least or more. So parallel requests on a small budget do not shut each other out, and the
 * first does not swallow the day. Neither passes the amount.
 */
export interface ElasticHold {
  floorMicroUsd: number;
  leastMicroUsd: number;
}

export interface SyncHold {
  /** Id of the request, new with each. */
  requestId: string;
  keyId: string;
  /** The most it can cost. */
  amountMicroUsd: number;
  /** Where less will do; left out: the amount or nothing. */
  elastic?: ElasticHold;
  /** Null: without limit. */
  dailyBudgetMicroUsd: number | null;
  /** Kept with the ledger rows. */
  price: JsonObject;
  /** What of the request the day has room for, where it does not have enough. */
  affordable?: (leftMicroUsd: number) => Affordable;
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

/** Everything that SyncHolds needs of others. */
export interface SyncHoldParts {
  db: Database;
  logger: Logger;
  metrics: Metrics;
  ops: OpsEvents;
  groups?: Partial<GroupCommitOptions>;
}

/**
 * One statement at a time carries the most: they would wait for each other's counters. Another starts beside it where one
 * is stuck, so that a locked counter of one key does not stop the others.
 */
const GROUPS: GroupCommitOptions = { maxWaitMs: 25, maxItems: 128, maxInFlight: 4 };
/** So long a caller waits for a database that is away before it is told so. */
const PATIENCE_MS = 2 * SECOND_MS;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2 * SECOND_MS;
/** So long the end of the process waits for what could not be written. */
const FLUSH_MS = 3 * SECOND_MS;
/** A statement whose connection broke may still commit: its holds are looked for until this much later. */
const DOUBT_MS = 5 * 60 * SECOND_MS;
const STRAY_SECONDS = 30;
const STRAYS = 500;
const STRAY = { kind: 'release', amount: 0, reason: 'unconfirmed', usage: null } as const;
const MAX_KEYS = 50_000;

/** As elastic as it is, within the amount. */
function elasticOf({ amountMicroUsd: most, elastic }: SyncHold): ElasticHold {
  const floorMicroUsd = Math.min(elastic?.floorMicroUsd ?? most, most);
  return { floorMicroUsd, leastMicroUsd: Math.min(elastic?.leastMicroUsd ?? most, floorMicroUsd) };
}

const isAway = (error: unknown): boolean => error instanceof KilnError && error.status === 503;

/**
 * Money of the synchronous gateway: a hold before the upstream is called, one settle or release after it, each an exact
 * and durable row before its promise resolves. What is asked for at the same time goes into one statement.
 */
export class SyncHolds {
  private readonly db: Database;
  private readonly logger: Logger;
  private readonly owner: HoldOwner;
  private readonly losses: Losses;
  private readonly holds: GroupCommit<HoldAsk, HoldVerdict>;
  private readonly closes: GroupCommit<CloseAsk, CloseVerdict>;
  private readonly full = new FullDays();
  /** Requests whose hold this process owes an end. */
  private readonly open = new Set<string>();
  /** Keys whose counters of today are there. */
  private readonly counted = new Set<string>();
  private readonly closing = new Set<Promise<unknown>>();
  private readonly stopping = new AbortController();
  private doubtUntil = 0;

  constructor({ db, logger, metrics, ops, groups }: SyncHoldParts) {
    this.db = db;
    this.logger = logger;
    this.losses = new Losses(ops, metrics);
    this.owner = new HoldOwner(db, logger, () => this.onBeat());
    this.holds = new GroupCommit((asks) => this.holdGroup(asks), { ...GROUPS, ...groups });
    this.closes = new GroupCommit((asks) => closeAll(this.db, asks), { ...GROUPS, ...groups });
    metrics.gauge('kiln_gateway_open_holds', 'Requests that this process holds money for', [], () => [
      { labels: {}, value: this.open.size },
    ]);
  }

  /**
   * Resolves once the hold is committed, with what is held in micro-USD: the amount, or less where it is elastic. Throws 429
   * `budget_exceeded` where the key's day has no room for it, and 503 where the database is away; then nothing is held, or
   * what was is released by itself.
   */
  async hold(hold: SyncHold): Promise<number> {
    const { requestId, keyId, amountMicroUsd, dailyBudgetMicroUsd: budget } = hold;
    const { leastMicroUsd, floorMicroUsd } = elasticOf(hold);
    for (const amount of [leastMicroUsd, floorMicroUsd, amountMicroUsd]) assertAmount(amount);
    const full = budget === null ? null : this.full.find(keyId, leastMicroUsd, budget);
    const refusal = (day: FullDay, budgetMicroUsd: number): KilnError =>
      budgetExceeded({ amountMicroUsd, budgetMicroUsd, day, affordable: hold.affordable ?? (() => ({})) }, Date.now());
    if (full && budget !== null) throw refusal(full, budget);
    if (this.open.has(requestId)) throw new Error(`request ${requestId} is held already`);
    this.open.add(requestId);
    const verdict = await this.tryHold(hold);
    if (verdict.verdict === 'held') return verdict.grantedMicroUsd;
    this.open.delete(requestId);
    if (verdict.verdict !== 'refused' || budget === null) {
      this.doubt();
      throw new Error(`request ${requestId} can't be held: ${verdict.verdict}`);
    }
    this.full.note(keyId, verdict);
    throw refusal(verdict, budget);
  }

  /**
   * Charges at most what is held, gives the rest back and writes the usage record; resolves once that is committed. Where
   * the database stays away it throws 503 after two seconds, while the settle goes on until it is known or the process ends.
   */
  async settle({ requestId, keyId, amountMicroUsd, record }: SyncSettle): Promise<Settled> {
    assertAmount(amountMicroUsd);
    const ask: CloseAsk = {
      id: newId('led'),
      workId: requestId,
      keyId,
      kind: 'settle',
      amount: amountMicroUsd,
      reason: null,
      usage: usageRow(record),
    };
    return this.close(ask);
  }

  /** Gives the whole hold back; else as `settle`. */
  async release({ requestId, keyId, reason, record }: SyncRelease): Promise<Closing> {
    const usage = record === null ? null : usageRow(record);
    const ask: CloseAsk = { id: newId('led'), workId: requestId, keyId, kind: 'release', amount: 0, reason, usage };
    return (await this.close(ask)).closing;
  }

  /** Writes what is still to be written, as far as the database is there; for the end of the process. */
  async stop(): Promise<void> {
    await this.holds.idle();
    const late = new AbortController();
    await Promise.race([Promise.allSettled(this.closing), delay(FLUSH_MS, late.signal).catch(() => undefined)]);
    late.abort();
    this.stopping.abort();
    if (this.closing.size > 0)
      this.logger.error(
        { requests: this.closing.size },
        'the database stayed away: holds that could not be closed will be released as abandoned',
      );
    await this.losses.tellDue(true);
    await this.owner.stop();
  }

  private async tryHold(hold: SyncHold): Promise<HoldVerdict> {
    const { requestId, keyId, amountMicroUsd, dailyBudgetMicroUsd, price } = hold;
    const { floorMicroUsd, leastMicroUsd } = elasticOf(hold);
    try {
      await this.owner.ensureKnown();
      return await this.holds.push({
        id: newId('led'),
        workId: requestId,
        keyId,
        amount: amountMicroUsd,
        floor: floorMicroUsd,
        least: leastMicroUsd,
        budget: dailyBudgetMicroUsd,
        price,
      });
    } catch (error) {
      this.open.delete(requestId);
      this.doubt();
      throw error;
    }
  }

  private doubt(): void {
    this.doubtUntil = Date.now() + DOUBT_MS;
  }

  private async holdGroup(asks: readonly HoldAsk[]): Promise<HoldVerdict[]> {
    await this.ensureCounted(asks);
    const verdicts = await holdAll(this.db, this.owner.id, asks);
    if (!verdicts.some(({ verdict }) => verdict === 'no_counter')) return verdicts;
    // A new day has begun.
    this.counted.clear();
    const again = asks.filter((_, n) => verdicts[n]?.verdict === 'no_counter');
    await this.ensureCounted(again);
    const second = await holdAll(this.db, this.owner.id, again);
    return verdicts.map((verdict, n) => second[again.indexOf(asks[n] as HoldAsk)] ?? verdict);
  }

  private async ensureCounted(asks: readonly HoldAsk[]): Promise<void> {
    const unknown = new Set(asks.map(({ keyId }) => keyId).filter((keyId) => !this.counted.has(keyId)));
    if (unknown.size === 0) return;
    await ensureCounters(this.db, [...unknown]);
    if (this.counted.size + unknown.size > MAX_KEYS) this.counted.clear();
    for (const keyId of unknown) this.counted.add(keyId);
  }

  /** Rejects when the database has been away for `PATIENCE_MS`, and goes on all the same. */
  private close(ask: CloseAsk): Promise<Settled> {
    return new Promise((resolve, reject) => {
      const done = this.untilClosed(ask, reject).then(resolve, reject);
      this.closing.add(done);
      void done.finally(() => this.closing.delete(done));
    });
  }

  private async untilClosed(ask: CloseAsk, tell: (error: unknown) => void): Promise<Settled> {
    const startedAt = Date.now();
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        const verdict = await this.closes.push(ask);
        if (verdict.verdict !== 'raced') return await this.closed(ask, verdict);
      } catch (error) {
        if (!isAway(error) || this.stopping.signal.aborted) throw error;
        if (Date.now() - startedAt >= PATIENCE_MS) tell(error);
      }
      await delay(jitter(waitMs), this.stopping.signal);
    }
  }

  private async closed(ask: CloseAsk, verdict: Exclude<CloseVerdict, { verdict: 'raced' }>): Promise<Settled> {
    const { workId, keyId, amount } = ask;
    this.open.delete(workId);
    this.full.forget(keyId);
    if (verdict.verdict === 'missing') throw new Error(`request ${workId} has no hold`);
    if (verdict.verdict === 'closed') {
      const { chargedMicroUsd } = verdict;
      if (amount > chargedMicroUsd) await this.losses.add('over_hold', workId, amount - chargedMicroUsd);
      return { chargedMicroUsd, closing: 'done' };
    }
    const { prior } = verdict;
    if (prior.reason === ABANDONED) {
      await this.losses.add('late_settle', workId, amount);
      return { chargedMicroUsd: 0, closing: 'abandoned' };
    }
    // The answer to an earlier try of this very call may have been lost.
    const closing = prior.id === ask.id ? 'done' : 'already';
    return { chargedMicroUsd: prior.kind === 'settle' ? prior.amountMicroUsd : 0, closing };
  }

  private async onBeat(): Promise<void> {
    await this.losses.tellDue();
    if (Date.now() < this.doubtUntil) await this.releaseStrays(STRAY_SECONDS);
  }

  /** Releases holds of this process that none of its requests knows of: their statement was committed, its answer lost. */
  async releaseStrays(ageSeconds: number): Promise<number> {
    const own = await holdsOf(this.db, this.owner.id, ageSeconds, STRAYS);
    const strays = own.filter(({ workId }) => !this.open.has(workId));
    if (strays.length === 0) return 0;
    const asks = strays.map((hold) => ({ ...hold, ...STRAY, id: newId('led') }));
    await closeAll(this.db, asks);
    this.logger.info({ holds: strays.length }, 'holds whose commit was in doubt were released');
    return strays.length;
  }
}

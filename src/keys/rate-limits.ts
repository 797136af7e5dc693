import { MINUTE_MS } from '../common/time.js';
import type { Database } from '../database/database.js';
import { GroupCommit, type GroupCommitOptions } from '../database/group-commit.js';
import { ensureBuckets, type RateAsk, type RateVerdict, takeAll } from './rate-limits.repository.js';

/** What a limited key is told with each of its requests. */
export interface RateState {
  admitted: boolean;
  /** Requests a minute, and the most that may come at once. */
  limit: number;
  /** How many more could come right now. */
  remaining: number;
  /** Until `limit` could come at once again. */
  resetMs: number;
  /** Until one more can come; 0 where it was admitted. */
  retryAfterMs: number;
}

interface Ask {
  keyId: string;
  limit: number;
}

/** A bucket that is known to be empty; times of the monotonic clock. */
interface Empty {
  limit: number;
  untilMs: number;
  fullAtMs: number;
}

const GROUPS: GroupCommitOptions = { maxWaitMs: 25, maxItems: 256, maxInFlight: 4 };
const MICROS = 1000;
const MAX_KEYS = 50_000;

/** Rounded up, so that no more than `limit` are given back in a minute. */
const everyMicrosOf = (limit: number): number => Math.ceil((MINUTE_MS * MICROS) / limit);

/**
 * Requests a minute: a bucket of `limit` requests for each key that has a limit, refilled evenly. PostgreSQL holds it, so
 * that the number is exact over all replicas and outlives them; what asks at the same time goes in one statement. An empty
 * bucket is remembered until it has a request again: refusals cost no query.
 */
export class RateLimits {
  private readonly groups: GroupCommit<Ask, RateState>;
  /** Keys that have a row. */
  private readonly known = new Set<string>();
  private readonly empty = new Map<string, Empty>();

  constructor(
    private readonly db: Database,
    private readonly elapsedMs: () => number = () => performance.now(),
  ) {
    this.groups = new GroupCommit((asks) => this.takeGroup(asks), GROUPS);
  }

  /** Resolves once the request is counted, durably, or is known not to fit. Throws 503 while the database is away. */
  async take(keyId: string, limit: number): Promise<RateState> {
    return this.refusal(keyId, limit) ?? this.groups.push({ keyId, limit });
  }

  private refusal(keyId: string, limit: number): RateState | null {
    const empty = this.empty.get(keyId);
    const now = this.elapsedMs();
    if (empty === undefined) return null;
    if (empty.limit !== limit || empty.untilMs <= now) {
      this.empty.delete(keyId);
      return null;
    }
    return { admitted: false, limit, remaining: 0, resetMs: empty.fullAtMs - now, retryAfterMs: empty.untilMs - now };
  }

  private async takeGroup(asks: readonly Ask[]): Promise<RateState[]> {
    // Before the database looks at its clock: what is remembered from here ends no later than there.
    const askedAtMs = this.elapsedMs();
    const perKey = new Map<string, RateAsk>();
    for (const { keyId, limit } of asks) {
      const one = perKey.get(keyId);
      // A change of the limit is on its way to some of them: the lower one holds.
      const least = Math.min(limit, one?.limit ?? limit);
      perKey.set(keyId, { keyId, n: (one?.n ?? 0) + 1, limit: least, everyMicros: everyMicrosOf(least) });
    }
    const verdicts = await this.verdicts([...perKey.values()]);
    const before = new Map<string, number>();
    return asks.map(({ keyId }) => {
      const [ask, verdict] = [perKey.get(keyId), verdicts.get(keyId)];
      if (!ask || !verdict) throw new Error(`key ${keyId} has no bucket`);
      const place = before.get(keyId) ?? 0;
      before.set(keyId, place + 1);
      const state = stateOf(ask, verdict, place);
      if (!state.admitted) this.remember(keyId, state, askedAtMs);
      return state;
    });
  }

  private async verdicts(asks: readonly RateAsk[]): Promise<Map<string, RateVerdict>> {
    await this.ensureKnown(asks);
    const verdicts = await takeAll(this.db, asks);
    const without = asks.filter(({ keyId }) => !verdicts.has(keyId));
    if (without.length === 0) return verdicts;
    // Its row went with a key that was deleted meanwhile, and that is still known here for a moment.
    for (const { keyId } of without) this.known.delete(keyId);
    await this.ensureKnown(without);
    return new Map([...verdicts, ...(await takeAll(this.db, without))]);
  }

  private async ensureKnown(asks: readonly RateAsk[]): Promise<void> {
    const unknown = asks.map(({ keyId }) => keyId).filter((keyId) => !this.known.has(keyId));
    if (unknown.length === 0) return;
    await ensureBuckets(this.db, unknown);
    if (this.known.size + unknown.length > MAX_KEYS) this.known.clear();
    for (const keyId of unknown) this.known.add(keyId);
  }

  private remember(keyId: string, { limit, retryAfterMs, resetMs }: RateState, askedAtMs: number): void {
    const [oldest] = this.empty.keys();
    if (this.empty.size >= MAX_KEYS && oldest !== undefined) this.empty.delete(oldest);
    this.empty.set(keyId, { limit, untilMs: askedAtMs + retryAfterMs, fullAtMs: askedAtMs + resetMs });
  }
}

/** Of the request that came at `place`, counted from 0, among those of its key. */
function stateOf({ limit, everyMicros }: RateAsk, { admitted, now, emptyAt }: RateVerdict, place: number): RateState {
  const isAdmitted = place < admitted;
  const usedUntil = emptyAt + Math.min(place + 1, admitted) * everyMicros;
  const ahead = usedUntil - now;
  const span = limit * everyMicros;
  return {
    admitted: isAdmitted,
    limit,
    remaining: isAdmitted ? Math.max(0, Math.floor((span - ahead) / everyMicros)) : 0,
    resetMs: ahead / MICROS,
    retryAfterMs: isAdmitted ? 0 : Math.max(0, (ahead + everyMicros - span) / MICROS),
  };
}

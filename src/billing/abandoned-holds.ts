import { newId } from '../common/ids.js';
import { SECOND_MS } from '../common/time.js';
import type { Database } from '../database/database.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { OpsEvents } from '../telemetry/ops-events.js';
import { ABANDONED, closeAll, forgetProcesses, holdsOf, silentOwners, tryLock } from './sync-holds.repository.js';

/** Advisory lock of this chore: "kiln" and a number. */
const LOCK = [0x6b696c6e, 3] as const;
/** A process beats every five seconds. */
const SILENT_SECONDS = 60;
/** Silence is seen twice, so far apart: where the database was away, everybody was silent, and the living speak first. */
const CONFIRM_MS = 15 * SECOND_MS;
const BATCH = 200;
const SWEEP_TIMEOUT_MS = 60 * SECOND_MS;
const FORGET_HOURS = 24;

const RELEASE = { kind: 'release', amount: 0, reason: ABANDONED, usage: null } as const;

interface Silence {
  beatAt: number | null;
  since: number;
}

/**
 * Releases the synchronous holds of processes that died. What the upstream had sold for them is the platform's loss. Holds
 * of jobs belong to attempts and are not looked at.
 */
export class AbandonedHolds {
  private readonly silences = new Map<string, Silence>();
  private readonly abandoned: ReturnType<Metrics['counter']>;

  constructor(
    private readonly db: Database,
    private readonly ops: OpsEvents,
    metrics: Metrics,
    private readonly now: () => number = Date.now,
  ) {
    this.abandoned = metrics.counter('kiln_gateway_abandoned_holds_total', 'Holds of processes that died');
  }

  /** One look; how many holds it released. Does nothing while another worker is at it. */
  async sweep(): Promise<number> {
    return this.db.transaction(
      async (tx) => {
        if (!(await tryLock(tx, LOCK))) return 0;
        await forgetProcesses(this.db, FORGET_HOURS);
        let released = 0;
        for (const owner of await this.confirmedDead()) released += await this.releaseOf(owner);
        return released;
      },
      { timeoutMs: SWEEP_TIMEOUT_MS },
    );
  }

  private async confirmedDead(): Promise<string[]> {
    const silent = await silentOwners(this.db, SILENT_SECONDS);
    const dead: string[] = [];
    const names = new Set(silent.map(({ owner }) => owner));
    for (const owner of this.silences.keys()) if (!names.has(owner)) this.silences.delete(owner);
    for (const { owner, beatAt: beat } of silent) {
      const beatAt = beat?.getTime() ?? null;
      const seen = this.silences.get(owner);
      if (seen?.beatAt !== beatAt || seen === undefined) this.silences.set(owner, { beatAt, since: this.now() });
      else if (this.now() - seen.since >= CONFIRM_MS) dead.push(owner);
    }
    return dead;
  }

  private async releaseOf(owner: string): Promise<number> {
    let released = 0;
    for (;;) {
      const holds = await holdsOf(this.db, owner, 0, BATCH);
      const asks = holds.map((hold) => ({ ...hold, ...RELEASE, id: newId('led') }));
      const closed = (await closeAll(this.db, asks)).filter(({ verdict }) => verdict === 'closed').length;
      released += closed;
      if (closed === 0 || holds.length < BATCH) break;
    }
    if (released > 0) await this.tell(owner, released);
    return released;
  }

  private async tell(owner: string, holds: number): Promise<void> {
    this.abandoned.inc({}, holds);
    await this.ops.tell({
      severity: 'warning',
      type: 'billing.abandoned',
      message: `A process of the gateway died and left ${holds} requests; their holds were released, what they cost is the platform's loss.`,
      data: { process: owner, holds },
    });
  }
}

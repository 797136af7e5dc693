import { formatUsd } from '../common/money.js';
import { MINUTE_MS } from '../common/time.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { OpsEvents } from '../telemetry/ops-events.js';

/** Why the platform bears what a request was worth. */
export type LossReason = 'over_hold' | 'late_settle';

const EVENTS = {
  over_hold: {
    severity: 'warning',
    type: 'billing.over_hold',
    about: "Requests used more than was held for them; the rest is the platform's loss.",
  },
  late_settle: {
    severity: 'warning',
    type: 'billing.late_settle',
    about: 'Requests ended after their process was taken for dead and their holds released; they are not charged.',
  },
} as const;

interface Tally {
  requests: number;
  microUsd: number;
  /** A few, to look at. */
  examples: string[];
}

const MAX_EXAMPLES = 5;

/** Tells ops of losses: the first at once, those of the next minute together. Every one stands in its usage record too. */
export class Losses {
  private readonly tallies = new Map<LossReason, Tally>();
  private readonly toldAt = new Map<LossReason, number>();
  private readonly lost: ReturnType<Metrics['counter']>;

  constructor(
    private readonly ops: OpsEvents,
    metrics: Metrics,
    private readonly now: () => number = Date.now,
  ) {
    this.lost = metrics.counter('kiln_gateway_loss_micro_usd_total', 'Usage that nobody was charged for', ['reason']);
  }

  async add(reason: LossReason, requestId: string, microUsd: number): Promise<void> {
    this.lost.inc({ reason }, microUsd);
    const tally = this.tallies.get(reason) ?? { requests: 0, microUsd: 0, examples: [] };
    tally.requests += 1;
    tally.microUsd += microUsd;
    if (tally.examples.length < MAX_EXAMPLES) tally.examples.push(requestId);
    this.tallies.set(reason, tally);
    await this.tellDue();
  }

  /** Tells what has waited for a minute; all of it with `everything`. */
  async tellDue(everything = false): Promise<void> {
    for (const [reason, { requests, microUsd, examples }] of this.tallies) {
      const { about, ...event } = EVENTS[reason];
      if (!everything && (this.toldAt.get(reason) ?? -Infinity) > this.now() - MINUTE_MS) continue;
      this.tallies.delete(reason);
      this.toldAt.set(reason, this.now());
      await this.ops.tell({
        ...event,
        message: `${about} ${requests} with ${formatUsd(microUsd)}.`,
        data: { requests, micro_usd: microUsd, examples },
      });
    }
  }
}

import { KilnError } from '../common/errors.js';
import { MICRO_USD } from '../common/money.js';
import { SECOND_MS } from '../common/time.js';

/** A key's day as it stood when a hold did not fit. */
export interface FullDay {
  spentMicroUsd: number;
  heldMicroUsd: number;
  /** The next midnight UTC. */
  resetsAt: Date;
}

/** Dollars as the reference writes them: 25.0, 25.1, 0.000003. */
function usd(microUsd: number): string {
  const fraction = String(microUsd % MICRO_USD)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${Math.floor(microUsd / MICRO_USD)}.${fraction || '0'}`;
}

/** The most of the request's own measure that the day has room for; fields of the request by name, empty where nothing fits. */
export type Affordable = Partial<Record<'max_tokens' | 'duration_seconds' | 'n' | 'characters', number>>;

/** A request that does not fit. */
export interface OverBudget {
  amountMicroUsd: number;
  budgetMicroUsd: number;
  day: FullDay;
  /** Told what is left of the day, in micro-USD. */
  affordable: (leftMicroUsd: number) => Affordable;
}

/**
 * 429 `budget_exceeded`, with the day's numbers and what is still affordable in `error.budget`. Waiting a minute does not
 * help, so SDKs are told not to try again.
 */
export function budgetExceeded(
  { amountMicroUsd, budgetMicroUsd, day, affordable }: OverBudget,
  now: number,
): KilnError {
  const { spentMicroUsd, heldMicroUsd, resetsAt } = day;
  const left = Math.max(0, budgetMicroUsd - spentMicroUsd - heldMicroUsd);
  const resets = resetsAt.toISOString().replace('.000Z', 'Z');
  const fits = affordable(left);
  const words = Object.entries(fits).map(([name, most]) => `${name} ${most}`);
  return new KilnError(
    429,
    'budget_exceeded',
    `Budget has been exceeded! Current cost: ${usd(spentMicroUsd)}, Max budget: ${usd(budgetMicroUsd)}, Held: ${usd(heldMicroUsd)}, ` +
      `Left: ${usd(left)}, This request: up to ${usd(amountMicroUsd)}${words.length > 0 ? `, Affordable: ${words.join(', ')}` : ''}. Budget will reset at ${resets}`,
    {
      shouldRetry: false,
      retryAfterSeconds: Math.max(1, Math.ceil((resetsAt.getTime() - now) / SECOND_MS)),
      fields: {
        budget: {
          limit_micro_usd: budgetMicroUsd,
          spent_micro_usd: spentMicroUsd,
          held_micro_usd: heldMicroUsd,
          left_micro_usd: left,
          request_micro_usd: amountMicroUsd,
          affordable: { ...fits },
          resets_at: resets,
        },
      },
    },
  );
}

const REMEMBER_MS = SECOND_MS;
const MAX_KEYS = 10_000;

/**
 * Days that were found full a moment ago: who asks again is refused without asking the database. A change of the counters
 * by this process ends it at once, one by another process within a second.
 */
export class FullDays {
  private readonly days = new Map<string, FullDay & { until: number }>();

  constructor(private readonly now: () => number = Date.now) {}

  note(keyId: string, day: FullDay): void {
    const [oldest] = this.days.keys();
    if (this.days.size >= MAX_KEYS && oldest !== undefined) this.days.delete(oldest);
    this.days.set(keyId, { ...day, until: Math.min(this.now() + REMEMBER_MS, day.resetsAt.getTime()) });
  }

  forget(keyId: string): void {
    this.days.delete(keyId);
  }

  /** The day, where it is known to have no room for the amount, which is the least that an elastic hold needs. */
  find(keyId: string, amountMicroUsd: number, budgetMicroUsd: number): FullDay | null {
    const day = this.days.get(keyId);
    if (day === undefined) return null;
    if (day.until <= this.now()) {
      this.days.delete(keyId);
      return null;
    }
    return day.spentMicroUsd + day.heldMicroUsd + amountMicroUsd > budgetMicroUsd ? day : null;
  }
}

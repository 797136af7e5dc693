import { jitter, MINUTE_MS } from '../common/time.js';

/** A receiver that failed so often in a row gets one message at a time, until one arrives. */
const FAILURES = 3;
/** How long a sending is taken to last before one has ended. */
const FIRST_HOLD_MS = 20;
/** A sending that arrives within this shows a receiver that may be trusted with more at once. */
const QUICK_MS = 1000;
const MIN_WAIT_MS = 100;
const MAX_WAIT_MS = MINUTE_MS;
const MAX_RECEIVERS = 10_000;

interface Receiver {
  inFlight: number;
  /** Failed tries since the last success. */
  failures: number;
  /** The last sending arrived quickly. */
  isQuick: boolean;
  /** How long the last sending took. */
  holdMs: number;
  lastTakenAt: number;
  /** When the message that was given back last comes again: the next one comes after it. */
  nextAt: number;
}

export interface Turn {
  /** Null where nothing was sent. */
  end(isDelivered: boolean | null): void;
}

/**
 * Who may be sent to now, in one worker with so many `slots`. A receiver is a host as one key names it, so nobody slows
 * another's messages. It holds a quarter of the slots at most, half of them while it answers quickly; one that fails again
 * and again holds one, and all such together half: what is left goes on at full speed, whatever hangs.
 */
export class Turns {
  private readonly receivers = new Map<string, Receiver>();

  constructor(
    private readonly slots: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** The turn to send, which must be ended; or the milliseconds after which to ask again. */
  take(keyId: string, url: string): Turn | number {
    const name = `${keyId} ${hostOf(url)}`;
    const receiver = this.receivers.get(name) ?? {
      inFlight: 0,
      failures: 0,
      isQuick: false,
      holdMs: FIRST_HOLD_MS,
      lastTakenAt: this.now(),
      nextAt: 0,
    };
    if (receiver.inFlight >= this.limitOf(receiver) || (isFailing(receiver) && this.failingHoldEnough()))
      return this.comeBackIn(receiver);
    this.remember(name, receiver);
    receiver.inFlight += 1;
    const takenAt = (receiver.lastTakenAt = this.now());
    return {
      end: (isDelivered) => {
        receiver.inFlight -= 1;
        if (isDelivered !== null) {
          receiver.failures = isDelivered ? 0 : receiver.failures + 1;
          receiver.holdMs = this.now() - takenAt;
          receiver.isQuick = isDelivered && receiver.holdMs < QUICK_MS;
        }
        if (receiver.inFlight === 0 && receiver.failures === 0) this.receivers.delete(name);
      },
    };
  }

  private limitOf(receiver: Receiver): number {
    if (isFailing(receiver)) return 1;
    return Math.max(1, Math.floor(this.slots / (receiver.isQuick ? 2 : 4)));
  }

  private failingHoldEnough(): boolean {
    let held = 0;
    for (const receiver of this.receivers.values()) if (isFailing(receiver)) held += receiver.inFlight;
    return held >= Math.max(1, Math.floor(this.slots / 2));
  }

  /** Messages that are given back come again one after another, at the pace at which the receiver takes them. */
  private comeBackIn(receiver: Receiver): number {
    const now = this.now();
    // Nothing was let in for a while: what is under way takes at least that long.
    const holdMs = Math.max(receiver.holdMs, now - receiver.lastTakenAt);
    const next = Math.max(receiver.nextAt, now) + holdMs / this.limitOf(receiver);
    receiver.nextAt = Math.min(next, now + MAX_WAIT_MS);
    return jitter(Math.max(receiver.nextAt - now, MIN_WAIT_MS));
  }

  /** Of too many the one that was idle longest is forgotten: then it begins anew. */
  private remember(name: string, receiver: Receiver): void {
    this.receivers.delete(name);
    this.receivers.set(name, receiver);
    if (this.receivers.size <= MAX_RECEIVERS) return;
    for (const [oldest, { inFlight }] of this.receivers) if (inFlight === 0) return void this.receivers.delete(oldest);
  }
}

const isFailing = ({ failures }: Receiver): boolean => failures >= FAILURES;
const hostOf = (url: string): string => URL.parse(url)?.host ?? '';

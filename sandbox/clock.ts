/** Time as the emulators see it: `speed` scales every default latency (1 is realistic, 0.01 a hundred times faster). */
export class Clock {
  constructor(private factor: number) {
    this.speed = factor;
  }

  now(): number {
    return Date.now();
  }

  get speed(): number {
    return this.factor;
  }

  set speed(value: number) {
    if (!Number.isFinite(value) || value < 0)
      throw new RangeError(`speed must be a number of 0 or more, got ${String(value)}`);
    this.factor = value;
  }

  /** A realistic latency in ms as it is at this speed. */
  scaled(realisticMs: number): number {
    return realisticMs * this.factor;
  }
}

/** Resolves after `delayMs`, or rejects with the signal's reason at once when it aborts. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    signal.addEventListener('abort', abort, { once: true });
  });
}

import { unavailable } from '../common/errors.js';

interface Known<T> {
  value: T;
  /** When it was asked for: it is as old as this, at most. */
  askedAt: number;
}

interface Loading<T> {
  answer: Promise<T | null>;
  askedAt: number;
}

/** So often an answer may come too late before nobody waits any longer. */
const MAX_LOADS = 3;

/**
 * Remembers answers for a moment: every request asks for its key, and a change must be obeyed within `ttlMs` in every
 * process. Whatever is handed out was asked for less than `ttlMs` ago, also where the source answers late: an answer that
 * took longer is asked for again, and nobody joins a load that has been under way for so long. Only found values are kept,
 * so guessing secrets can't fill it. What many ask for at once is loaded once, and what is in use is loaded anew before it
 * ends, so that no request waits for it.
 */
export class ShortCache<T> {
  private readonly entries = new Map<string, Known<T>>();
  private readonly loading = new Map<string, Loading<T>>();

  /** `now` never goes back: milliseconds since any moment. */
  constructor(
    private readonly ttlMs: number,
    private readonly maxEntries: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  async get(key: string, load: () => Promise<T | null>): Promise<T | null> {
    const hit = this.entries.get(key);
    if (hit !== undefined && this.isFresh(hit)) {
      // Where the source is away, the next that finds nothing hears of it.
      if (this.now() - hit.askedAt > this.ttlMs / 2) void this.once(key, load).answer.catch(() => undefined);
      return hit.value;
    }
    for (let n = 0; n < MAX_LOADS; n += 1) {
      const running = this.once(key, load);
      const value = await running.answer;
      if (this.isFresh(running)) return value;
    }
    throw unavailable('Keys can not be read in time; try again shortly.');
  }

  clear(): void {
    this.entries.clear();
    this.loading.clear();
  }

  private isFresh({ askedAt }: { askedAt: number }): boolean {
    return this.now() - askedAt < this.ttlMs;
  }

  private once(key: string, load: () => Promise<T | null>): Loading<T> {
    const running = this.loading.get(key);
    if (running !== undefined && this.isFresh(running)) return running;
    const askedAt = this.now();
    const answer = load().then(
      (value) => {
        // What was asked before a change must not be remembered after it.
        if (this.loading.get(key) === started) this.remember(key, value, askedAt);
        return value;
      },
      (error: unknown) => {
        if (this.loading.get(key) === started) this.loading.delete(key);
        throw error;
      },
    );
    const started: Loading<T> = { answer, askedAt };
    this.loading.set(key, started);
    return started;
  }

  private remember(key: string, value: T | null, askedAt: number): void {
    this.loading.delete(key);
    this.entries.delete(key);
    if (value === null) return;
    const [oldest] = this.entries.keys();
    if (this.entries.size >= this.maxEntries && oldest !== undefined) this.entries.delete(oldest);
    this.entries.set(key, { value, askedAt });
  }
}

/**
 * Remembers answers for a moment: every request asks for its key, and a removed key must be refused within `ttlMs` in every
 * process. Only found values are kept, so guessing secrets can't fill it. What many ask for at once is loaded once, and what
 * is in use is loaded anew before it ends, so that no request waits for it.
 */
export class ShortCache<T> {
  private readonly entries = new Map<string, { value: T; until: number }>();
  private readonly loading = new Map<string, Promise<T | null>>();

  constructor(
    private readonly ttlMs: number,
    private readonly maxEntries: number,
    private readonly now: () => number = Date.now,
  ) {}

  async get(key: string, load: () => Promise<T | null>): Promise<T | null> {
    const hit = this.entries.get(key);
    const leftMs = (hit?.until ?? 0) - this.now();
    if (hit === undefined || leftMs <= 0) return this.once(key, load);
    // Where the source is away, the next that finds nothing hears of it.
    if (leftMs < this.ttlMs / 2) void this.once(key, load).catch(() => undefined);
    return hit.value;
  }

  clear(): void {
    this.entries.clear();
    this.loading.clear();
  }

  private once(key: string, load: () => Promise<T | null>): Promise<T | null> {
    const running = this.loading.get(key);
    if (running !== undefined) return running;
    const started = this.now();
    const loaded = load().then(
      (value) => {
        // What was asked before a change must not be remembered after it.
        if (this.loading.get(key) === loaded) this.remember(key, value, started);
        return value;
      },
      (error: unknown) => {
        if (this.loading.get(key) === loaded) this.loading.delete(key);
        throw error;
      },
    );
    this.loading.set(key, loaded);
    return loaded;
  }

  private remember(key: string, value: T | null, started: number): void {
    this.loading.delete(key);
    this.entries.delete(key);
    if (value === null) return;
    const [oldest] = this.entries.keys();
    if (this.entries.size >= this.maxEntries && oldest !== undefined) this.entries.delete(oldest);
    this.entries.set(key, { value, until: started + this.ttlMs });
  }
}

import { KilnError } from '../common/errors.js';

export interface GroupCommitOptions {
  /** While a run is under way, others gather at most so long before the next one starts beside it. */
  maxWaitMs: number;
  /** A group of this size does not wait. */
  maxItems: number;
  maxInFlight: number;
}

interface Entry<T, R> {
  item: T;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
}

/**
 * Makes one run of what many callers ask for at the same time: what comes in one turn of the event loop, and what gathers
 * while a run is under way. Each caller gets its own result, once the run that carried it has ended.
 */
export class GroupCommit<T, R> {
  private waiting: Entry<T, R>[] = [];
  private inFlight = 0;
  private immediate: NodeJS.Immediate | null = null;
  private timer: NodeJS.Timeout | null = null;
  private idlers: (() => void)[] = [];

  /** `run` gives one result an item, in order; it throws where none was carried out. */
  constructor(
    private readonly run: (items: readonly T[]) => Promise<readonly R[]>,
    private readonly options: GroupCommitOptions,
  ) {}

  push(item: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    if (this.inFlight === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => this.idlers.push(resolve));
  }

  private schedule(): void {
    const { maxItems, maxInFlight, maxWaitMs } = this.options;
    if (this.inFlight >= maxInFlight) return;
    if (this.waiting.length >= maxItems) this.start();
    else if (this.inFlight === 0) this.immediate ??= setImmediate(() => this.start());
    else this.timer ??= setTimeout(() => this.start(), maxWaitMs);
  }

  private start(): void {
    if (this.immediate) clearImmediate(this.immediate);
    if (this.timer) clearTimeout(this.timer);
    this.immediate = this.timer = null;
    if (this.waiting.length === 0 || this.inFlight >= this.options.maxInFlight) return;
    const group = this.waiting.splice(0, this.options.maxItems);
    this.inFlight += 1;
    void this.carryOut(group).finally(() => {
      this.inFlight -= 1;
      if (this.waiting.length > 0) this.start();
      else if (this.inFlight === 0) for (const resolve of this.idlers.splice(0)) resolve();
    });
  }

  private async carryOut(group: readonly Entry<T, R>[]): Promise<void> {
    try {
      const results = await this.run(group.map(({ item }) => item));
      // A result per item is the run's promise; where one lacks, that caller must not wait for ever.
      for (const [n, { resolve, reject }] of group.entries())
        if (n in results) resolve(results[n] as R);
        else reject(new Error(`a run of ${group.length} gave ${results.length} results`));
    } catch (error) {
      // One that can't be carried out must not take others with it; where the server is away, no other fares better.
      if (group.length === 1 || error instanceof KilnError) for (const { reject } of group) reject(error);
      else for (const entry of group) await this.carryOut([entry]);
    }
  }
}

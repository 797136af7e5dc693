import { setTimeout as sleep } from 'node:timers/promises';

/** One submit that the emulated provider took: what would be paid for. */
export interface Purchase {
  provider: string;
  at: string;
  taskId: string;
  /** The mark of the job's prompt. */
  mark: string;
}

interface Recorded {
  provider: string;
  at: string;
  taskId: string | null;
  body: unknown;
}

const PERIOD_MS = 5000;

/** Reads the provider's own record while a soak runs: it keeps the newest few thousand submits only. */
export class Purchases {
  private readonly found = new Map<string, Purchase>();
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;

  constructor(
    private readonly sandboxUrl: string,
    private readonly prefix: string,
  ) {}

  start(): void {
    this.running = this.loop();
  }

  async stop(): Promise<Purchase[]> {
    this.stopping.abort();
    await this.running;
    return this.read();
  }

  /** As of now. */
  async read(): Promise<Purchase[]> {
    const response = await fetch(`${this.sandboxUrl}/_sandbox/requests?contains=${this.prefix}`);
    const { requests } = (await response.json()) as { requests: Recorded[] };
    for (const { provider, at, taskId, body } of requests) {
      const mark = new RegExp(`${this.prefix}\\d+x`).exec(JSON.stringify(body))?.[0];
      if (taskId !== null && mark !== undefined)
        this.found.set(`${provider} ${taskId} ${at}`, { provider, at, taskId, mark });
    }
    return [...this.found.values()];
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.read();
      await sleep(PERIOD_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }
}

import type { SandboxContext } from './context.js';
import type { Generation } from './generations.js';

/** Providers give up on a receiver after a few tries. */
const TRIES = 3;
const TIMEOUT_MS = 5000;
const BETWEEN_MS = 200;

/** Rings receivers when work is done: with a signature over the bytes sent, again where the receiver fails, twice where a fault says so. */
export class Callbacks {
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly stopping = new AbortController();

  constructor(private readonly context: SandboxContext) {}

  /** `message` is asked when the work ends; `sign` gets the bytes and gives the headers, anew for each try. */
  whenDone(
    generation: Generation,
    url: string,
    message: () => unknown,
    sign: (body: Buffer) => Record<string, string>,
  ): void {
    if (generation.readyAtMs === null || 'no-callback' in generation.faults) return;
    const delayMs = Math.max(0, generation.readyAtMs - this.context.clock.now()) + 1;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      const times = 'duplicate-callbacks' in generation.faults ? 3 : 1;
      const body = Buffer.from(JSON.stringify(message()));
      for (let n = 0; n < times; n += 1) void this.deliver(generation, url, body, sign);
    }, delayMs);
    this.timers.add(timer);
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.stopping.abort();
  }

  private async deliver(
    { provider }: Generation,
    url: string,
    body: Buffer,
    sign: (body: Buffer) => Record<string, string>,
  ): Promise<void> {
    for (let attempt = 1; attempt <= TRIES && !this.stopping.signal.aborted; attempt += 1) {
      try {
        const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(TIMEOUT_MS)]);
        const headers = { 'content-type': 'application/json', ...sign(body) };
        const response = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body), signal });
        await response.arrayBuffer();
        this.context.recorder.count(provider, response.ok ? 'callbacks_delivered' : 'callbacks_refused');
        if (response.ok) return;
      } catch {
        this.context.recorder.count(provider, 'callbacks_failed');
      }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  }
}

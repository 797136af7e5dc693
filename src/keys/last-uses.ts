import { MINUTE_MS, SECOND_MS } from '../common/time.js';
import type { KeyClocks } from './key-clocks.js';

const MAX_SECRETS = 10_000;

/**
 * When secrets were last used, to the minute: each at most once a minute from this process, and never while a request waits
 * for it. What a crash loses is a minute.
 */
export class LastUses {
  /** When a use was last noted, by the hash as base64. */
  private readonly noted = new Map<string, number>();
  private readonly due = new Map<string, Uint8Array>();
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly write: (hashes: Uint8Array[], at: Date) => Promise<void>,
    private readonly clocks: KeyClocks,
  ) {}

  note(hash: Buffer): void {
    const name = hash.toString('base64');
    const now = this.clocks.elapsedMs();
    const last = this.noted.get(name);
    if (last !== undefined && now - last < MINUTE_MS) return;
    if (this.noted.size >= MAX_SECRETS) this.noted.clear();
    this.noted.set(name, now);
    this.due.set(name, hash);
    this.timer ??= setTimeout(() => void this.flush(), SECOND_MS).unref();
  }

  /** Resolves once what was noted is written, or could not be. */
  async flush(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const hashes = [...this.due.values()];
    this.due.clear();
    // It says when a key was of use to someone; a database that is away has other worries.
    if (hashes.length > 0) this.writing = this.write(hashes, this.clocks.now()).catch(() => undefined);
    await this.writing;
  }
}

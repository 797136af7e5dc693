import { newId } from '../common/ids.js';
import { SECOND_MS } from '../common/time.js';
import type { Database } from '../database/database.js';
import type { Logger } from '../telemetry/logger.js';
import { beat, leave } from './sync-holds.repository.js';

/** How often a process says that it lives. */
const BEAT_MS = 5 * SECOND_MS;

/**
 * This process, as the one that owes the end of its holds. It is known to the database before its first hold, and says that
 * it lives from then on.
 */
export class HoldOwner {
  readonly id = newId('prc');
  private known: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private beating: Promise<void> | null = null;

  /** `onBeat` runs with each beat, for what should come round. */
  constructor(
    private readonly db: Database,
    private readonly logger: Logger,
    private readonly onBeat: () => Promise<void>,
  ) {}

  async ensureKnown(): Promise<void> {
    this.known ??= this.introduce();
    await this.known;
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    await this.beating;
    if (this.known === null) return;
    try {
      await leave(this.db, this.id);
    } catch (error) {
      this.logger.warn({ err: error }, 'the end of this process could not be noted; its open holds will be released');
    }
  }

  private async introduce(): Promise<void> {
    try {
      await beat(this.db, this.id);
    } catch (error) {
      this.known = null;
      throw error;
    }
    this.timer ??= setInterval(() => {
      this.beating ??= this.turn().finally(() => (this.beating = null));
    }, BEAT_MS).unref();
  }

  private async turn(): Promise<void> {
    try {
      await beat(this.db, this.id);
      await this.onBeat();
    } catch (error) {
      this.logger.warn({ err: error }, 'a sign of life could not be given; the next one is tried');
    }
  }
}

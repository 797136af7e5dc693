import { Injectable } from '@nestjs/common';
import { Logger } from '../../telemetry/logger.js';
import { ReplayBatches } from '../admin/replay-batches.js';
import { Maintenance } from './maintenance.js';

const PERIOD_MS = 1000;

/** Runs replay batches and maintenance in a worker. A timer, not a queue's schedule: that would die with a flush. */
@Injectable()
export class MaintenanceTimer {
  private timer: NodeJS.Timeout | null = null;
  private readonly stopping = new AbortController();
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly batches: ReplayBatches,
    private readonly maintenance: Maintenance,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      // Apart, so that a long batch of replays delays no retention.
      this.once('replay batches', () => this.batches.runDue(this.stopping.signal));
      this.once('maintenance', () => this.maintenance.runDue());
    }, PERIOD_MS);
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    this.stopping.abort();
    await Promise.all(this.running.values());
  }

  private once(name: string, run: () => Promise<void>): void {
    if (this.running.has(name)) return;
    const round = run()
      .catch((error: unknown) => this.logger.warn({ err: error }, `${name} stopped early; the next round goes on`))
      .finally(() => this.running.delete(name));
    this.running.set(name, round);
  }
}

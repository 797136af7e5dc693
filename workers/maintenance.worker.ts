import { Injectable } from '@nestjs/common';
import { Uploads } from '../src/assets/uploads.js';
import { AbandonedHolds } from '../src/billing/abandoned-holds.js';
import { ReplayBatches } from '../src/jobs/admin/replay-batches.js';
import { ProgressHub } from '../src/jobs/engine/progress-hub.js';
import { Reconciler } from '../src/jobs/engine/reconciler.js';
import { Maintenance } from '../src/jobs/maintenance/maintenance.js';
import { MachineWatch } from './machine-watch.js';
import { Logger } from '../src/telemetry/logger.js';
import { WebhookSender } from '../src/webhooks/sender.js';

const BATCH = 200;

interface Chore {
  name: string;
  everyMs: number;
  run: () => Promise<unknown>;
}

/** Timers of a worker: what must come round even when the queue was flushed. A chore never overlaps itself. */
@Injectable()
export class MaintenanceWorker {
  private readonly chores: readonly Chore[];
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly running = new Map<string, Promise<void>>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly reconciler: Reconciler,
    private readonly progress: ProgressHub,
    uploads: Uploads,
    sender: WebhookSender,
    batches: ReplayBatches,
    holds: AbandonedHolds,
    maintenance: Maintenance,
    machine: MachineWatch,
    private readonly logger: Logger,
  ) {
    this.chores = [
      { name: 'uploads', everyMs: 5000, run: () => uploads.rering(BATCH) },
      { name: 'webhooks', everyMs: 5000, run: () => sender.overdue(BATCH) },
      { name: 'replays', everyMs: 2000, run: () => batches.runDue(this.stopping.signal) },
      { name: 'holds', everyMs: 5000, run: () => holds.sweep() },
      { name: 'clock', everyMs: 60_000, run: () => machine.checkClock() },
      { name: 'maintenance', everyMs: 60_000, run: () => maintenance.runDue() },
    ];
  }

  onApplicationBootstrap(): void {
    this.reconciler.start();
    this.progress.start();
    for (const chore of this.chores) this.timers.push(setInterval(() => this.turn(chore), chore.everyMs));
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.stopping.abort();
    await this.reconciler.stop();
    await this.progress.stop();
    await Promise.all(this.running.values());
  }

  private turn({ name, run }: Chore): void {
    if (this.running.has(name)) return;
    const turn = run()
      .catch((error: unknown) => this.logger.warn({ err: error, chore: name }, 'a chore failed; it comes round again'))
      .then(() => void this.running.delete(name));
    this.running.set(name, turn);
  }
}

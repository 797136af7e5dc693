import { Module } from '@nestjs/common';
import { AssetsModule } from '../src/assets/assets.module.js';
import { BillingModule } from '../src/billing/billing.module.js';
import { JobsAdminModule } from '../src/jobs/admin/jobs-admin.module.js';
import { JobsModule } from '../src/jobs/jobs.module.js';
import { MaintenanceModule } from '../src/jobs/maintenance/maintenance.module.js';
import { TickWorker, TransferWorker } from './jobs.worker.js';
import { MachineWatch } from './machine-watch.js';
import { MaintenanceWorker } from './maintenance.worker.js';
import { MediaWorker } from './media.worker.js';
import { WebhookWorker } from './webhooks.worker.js';

/** Every queue's worker, and the timers. */
@Module({
  imports: [AssetsModule, BillingModule, JobsModule, JobsAdminModule, MaintenanceModule],
  providers: [TickWorker, TransferWorker, MediaWorker, WebhookWorker, MachineWatch, MaintenanceWorker],
})
export class WorkerModule {
  constructor(
    private readonly tick: TickWorker,
    private readonly transfer: TransferWorker,
    private readonly media: MediaWorker,
    private readonly webhook: WebhookWorker,
    private readonly maintenance: MaintenanceWorker,
  ) {}

  /** Takes nothing new and resolves when running steps have ended. */
  async stop(): Promise<void> {
    await this.maintenance.stop();
    await Promise.all([this.tick, this.transfer, this.media, this.webhook].map((host) => host.worker.close()));
  }
}

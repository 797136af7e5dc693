import { Module } from '@nestjs/common';
import { BillingModule } from '../billing/billing.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { AccountController } from './account.controller.js';
import { Budgets } from './budget.js';
import { Receipts } from './receipts.js';
import { ReceiptsRepository } from './receipts.repository.js';
import { UsageReport } from './usage.js';
import { UsageRepository } from './usage.repository.js';

/** Usage, budgets and receipts: what a key may know of its money. */
@Module({
  imports: [BillingModule, JobsModule],
  controllers: [AccountController],
  providers: [UsageReport, UsageRepository, Budgets, Receipts, ReceiptsRepository],
  exports: [UsageReport, Receipts],
})
export class AccountModule {}

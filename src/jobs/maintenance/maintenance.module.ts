import { Module } from '@nestjs/common';
import { AssetsModule } from '../../assets/assets.module.js';
import { JobsAdminModule } from '../admin/jobs-admin.module.js';
import { Maintenance } from './maintenance.js';
import { MaintenanceTimer } from './maintenance-timer.js';
import { RetentionRepository } from './retention.repository.js';

/** Workers start the MaintenanceTimer. */
@Module({
  imports: [AssetsModule, JobsAdminModule],
  providers: [Maintenance, MaintenanceTimer, RetentionRepository],
  exports: [Maintenance, MaintenanceTimer],
})
export class MaintenanceModule {}

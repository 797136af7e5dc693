import { Module } from '@nestjs/common';
import { AssetsModule } from '../../assets/assets.module.js';
import { Maintenance } from './maintenance.js';
import { RetentionRepository } from './retention.repository.js';
import { Retirements } from './retirements.js';
import { RetirementsRepository } from './retirements.repository.js';

/** Retention; a timer of each worker calls `Maintenance.runDue`. */
@Module({
  imports: [AssetsModule],
  providers: [Maintenance, RetentionRepository, Retirements, RetirementsRepository],
  exports: [Maintenance],
})
export class MaintenanceModule {}

import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs.module.js';
import { AdminJobs } from './admin-jobs.js';
import { AttemptResolution } from './attempt-resolution.js';
import { Capacity } from './capacity.js';
import { CapacityRepository } from './capacity.repository.js';
import { ReplayBatches } from './replay-batches.js';
import { ReplayBatchesRepository } from './replay-batches.repository.js';

/** What ops do to jobs; workers run its ReplayBatches. */
@Module({
  imports: [JobsModule],
  providers: [AdminJobs, AttemptResolution, Capacity, CapacityRepository, ReplayBatches, ReplayBatchesRepository],
  exports: [AdminJobs, AttemptResolution, Capacity, CapacityRepository, ReplayBatches],
})
export class JobsAdminModule {}

import { Module } from '@nestjs/common';
import { JobsAdminModule } from '../jobs/admin/jobs-admin.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { AuditRepository } from './audit.repository.js';
import { CapacityController } from './capacity.controller.js';
import { EventsRepository } from './events.repository.js';
import { GaugesRepository } from './gauges.repository.js';
import { HealthController } from './health.controller.js';
import { AdminJobsController } from './jobs.controller.js';
import { KeysController } from './keys.controller.js';
import { Readiness } from './readiness.js';
import { ReadinessRepository } from './readiness.repository.js';
import { Records } from './records.js';
import { RecordsController } from './records.controller.js';
import { MetricsPage } from './metrics-page.js';
import { StorageProbe } from './storage-probe.js';
import { AdminWebhooksController } from './webhooks.controller.js';

/** /admin, /healthz, /readyz, /metrics. At a stop call Readiness.drain first; METRICS_PORT serves MetricsPage.scrape. */
@Module({
  imports: [JobsModule, JobsAdminModule],
  controllers: [
    KeysController,
    AdminJobsController,
    AdminWebhooksController,
    CapacityController,
    RecordsController,
    HealthController,
  ],
  providers: [
    AuditInterceptor,
    AuditRepository,
    EventsRepository,
    GaugesRepository,
    Readiness,
    ReadinessRepository,
    Records,
    MetricsPage,
    StorageProbe,
  ],
  exports: [Readiness, MetricsPage],
})
export class OpsModule {}

import { Module } from '@nestjs/common';
import { AssetsModule } from '../assets/assets.module.js';
import { BillingModule } from '../billing/billing.module.js';
import { Catalog } from '../catalog/catalog.service.js';
import { ProvidersModule } from '../providers/providers.module.js';
import { UpstreamsModule } from '../upstreams/upstreams.module.js';
import { Callbacks } from './callbacks/callbacks.js';
import { CallbacksController } from './callbacks/callbacks.controller.js';
import { Admission } from './admission/admission.js';
import { AdmissionRepository } from './admission/admission.repository.js';
import { QueueForecast } from './admission/queue-forecast.repository.js';
import { JobCancel } from './api/cancel.js';
import { JobCommands } from './api/commands.js';
import { JobCreation, JobStart } from './api/create.js';
import { CreateRepository } from './api/create.repository.js';
import { JobEventsController } from './api/events.controller.js';
import { JobsController } from './api/jobs.controller.js';
import { ListRepository } from './api/list.repository.js';
import { PriceTokens } from './api/price-token.js';
import { JobRemoval } from './api/remove.js';
import { JobReplay, ReplaySignals } from './api/replay.js';
import { JobRequests, RoutesNow } from './api/request.js';
import { AttemptFailures, FailureSignals } from './engine/attempt-failures.js';
import { ClaimsRepository } from './engine/claims.repository.js';
import { Deadlines } from './engine/deadlines.js';
import { Doorbell } from './engine/doorbell.js';
import { Engine, EngineReports } from './engine/engine.js';
import { LostResults } from './engine/lost-results.js';
import { Notifier } from './engine/notifier.js';
import { AssetsOfJobs, JobSignals, Outcomes } from './engine/outcome.js';
import { PollPace } from './engine/poll-pace.js';
import { ProgressHub } from './engine/progress-hub.js';
import { Progress } from './engine/progress.js';
import { ProgressRepository } from './engine/progress.repository.js';
import { CallbackAddresses } from './engine/callback-addresses.js';
import { CallSurroundings, ProviderCalls } from './engine/provider-calls.js';
import { Lanes } from './engine/lanes.js';
import { Reconciler, Routes } from './engine/reconciler.js';
import { RerouterRepository } from './engine/rerouter.repository.js';
import { AttemptTrouble } from './engine/attempt-trouble.js';
import { PollRecords, PollStep } from './engine/steps/poll.step.js';
import { PrepareStep } from './engine/steps/prepare.step.js';
import { ProcessStep } from './engine/steps/process.step.js';
import { Steps } from './engine/steps/steps.js';
import { StoreSignals, StoreStep } from './engine/steps/store.step.js';
import { SubmitSignals, SubmitStep } from './engine/steps/submit.step.js';
import { TendStep } from './engine/steps/tend.step.js';
import { ColdStarts } from './engine/cold-starts.js';
import { Waker } from './engine/waker.js';
import { StorageHealth } from './engine/storage-health.js';
import { JobHub } from './events/hub.js';
import { JobEventStream } from './events/stream.js';
import { JobWaiter } from './events/wait.js';
import { AttemptsRepository } from './store/attempts.repository.js';
import { JobQueue } from './store/job-queue.js';
import { JobsRepository } from './store/jobs.repository.js';
import { EventTokens } from './view/event-tokens.js';
import { JobViews } from './view/job-views.js';

const rows = [JobsRepository, AttemptsRepository, JobQueue];
const admission = [Admission, AdmissionRepository, QueueForecast];
const engine = [
  Engine,
  EngineReports,
  ClaimsRepository,
  Deadlines,
  Doorbell,
  Notifier,
  Outcomes,
  JobSignals,
  AssetsOfJobs,
  AttemptFailures,
  FailureSignals,
  AttemptTrouble,
  RerouterRepository,
  Waker,
  ColdStarts,
  ProviderCalls,
  CallSurroundings,
  CallbackAddresses,
  StorageHealth,
  LostResults,
  PollPace,
  Progress,
  ProgressHub,
  ProgressRepository,
  Reconciler,
  Lanes,
  Routes,
];
const steps = [
  Steps,
  PrepareStep,
  SubmitStep,
  SubmitSignals,
  PollStep,
  PollRecords,
  StoreStep,
  StoreSignals,
  ProcessStep,
  TendStep,
];
const api = [
  JobCommands,
  JobRequests,
  RoutesNow,
  JobCreation,
  JobStart,
  CreateRepository,
  JobCancel,
  JobReplay,
  ReplaySignals,
  JobRemoval,
  ListRepository,
  PriceTokens,
];
const events = [JobHub, JobWaiter, JobEventStream, JobViews, EventTokens];

/** Jobs, from the request to the end. The engine is here for every role; only workers call it. */
@Module({
  imports: [AssetsModule, BillingModule, ProvidersModule, UpstreamsModule],
  controllers: [JobsController, JobEventsController, CallbacksController],
  providers: [Callbacks, ...rows, ...admission, ...engine, ...steps, ...api, ...events],
  exports: [UpstreamsModule, ...rows, ...admission, ...engine, ...steps, ...api, ...events],
})
export class JobsModule {
  constructor(
    private readonly lanes: AdmissionRepository,
    private readonly catalog: Catalog,
    private readonly hub: JobHub,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.lanes.ensureLanes(this.catalog.lanes());
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.hub.close();
  }
}

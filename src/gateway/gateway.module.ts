import { Module } from '@nestjs/common';
import { BillingModule } from '../billing/billing.module.js';
import { UpstreamsModule } from '../upstreams/upstreams.module.js';
import { AudioController, EmbeddingsController } from './api/media.controllers.js';
import { ModelsController } from './api/models.controller.js';
import { MessagesController, OpenAiTextController } from './api/text.controllers.js';
import { Embeddings } from './media/embeddings.js';
import { Speech } from './media/speech.js';
import { Transcriptions } from './media/transcriptions.js';
import { Failover, FailoverSurroundings } from './router/failover.js';
import { GatewayMetrics } from './router/gateway-metrics.js';
import { InFlight } from './router/in-flight.js';
import { Meter } from './router/meter.js';
import { SyncPlans } from './router/plans.js';
import { RoutePrices } from './router/prices.js';
import { GatewayRequests } from './router/requests.js';
import { ItemsRepository } from './text/items.repository.js';
import { ItemStore } from './text/items.js';
import { TextGateway } from './text/text-gateway.js';
import { TokenCounts } from './text/token-counts.js';

/** What is answered in the request itself: text in three APIs, embeddings, speech, transcripts. */
@Module({
  imports: [BillingModule, UpstreamsModule],
  controllers: [ModelsController, OpenAiTextController, MessagesController, EmbeddingsController, AudioController],
  exports: [InFlight],
  providers: [
    GatewayRequests,
    Failover,
    FailoverSurroundings,
    GatewayMetrics,
    InFlight,
    Meter,
    SyncPlans,
    RoutePrices,
    TextGateway,
    TokenCounts,
    ItemStore,
    ItemsRepository,
    Embeddings,
    Speech,
    Transcriptions,
  ],
})
export class GatewayModule {}

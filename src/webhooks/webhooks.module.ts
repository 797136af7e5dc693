import { type DynamicModule, Global, Module } from '@nestjs/common';
import { KilnConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { Announcements } from './announcements.js';
import { Deliveries } from './deliveries.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { EndpointHealth } from './endpoint-health.js';
import { EndpointsController } from './endpoints.controller.js';
import { Endpoints } from './endpoints.js';
import { EndpointsRepository } from './endpoints.repository.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';
import { ProgressListeners } from './progress-listeners.js';
import { ProgressListenersRepository } from './progress-listeners.repository.js';
import { Redeliveries } from './redeliveries.js';
import { RedeliveriesRepository } from './redeliveries.repository.js';
import { Receivers } from './receivers.js';
import { Rings } from './rings.js';
import { WebhookSender } from './sender.js';
import { SendingsRepository } from './sendings.repository.js';
import { SigningSecrets } from './signing-secrets.js';
import { Turns } from './turns.js';
import { WebhooksController } from './webhooks.controller.js';
import { Webhooks } from './webhooks.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** Where the download links in messages come from: given from above, since webhooks know no assets. */
export interface WebhooksModuleOptions {
  imports?: DynamicModule['imports'];
  useFactory: (...deps: never[]) => AssetLinks;
  inject?: (string | symbol | (new (...args: never[]) => unknown))[];
}

/**
 * Provides what it exports everywhere; serves /v1/webhooks, /v1/webhook_endpoints and /v1/webhook_deliveries.
 */
@Global()
@Module({})
export class WebhooksModule {
  static forRootAsync(options: WebhooksModuleOptions): DynamicModule {
    return {
      module: WebhooksModule,
      imports: options.imports ?? [],
      controllers: [WebhooksController, EndpointsController],
      providers: [
        { provide: ASSET_LINKS, useFactory: options.useFactory, inject: options.inject ?? [] },
        WebhooksRepository,
        { provide: SendingsRepository, useFactory: (db: Database) => new SendingsRepository(db), inject: [Database] },
        {
          provide: DeliveriesRepository,
          useFactory: (db: Database) => new DeliveriesRepository(db),
          inject: [Database],
        },
        {
          provide: RedeliveriesRepository,
          useFactory: (db: Database) => new RedeliveriesRepository(db),
          inject: [Database],
        },
        {
          provide: ProgressListenersRepository,
          useFactory: (db: Database) => new ProgressListenersRepository(db),
          inject: [Database],
        },
        { provide: EndpointsRepository, useFactory: (db: Database) => new EndpointsRepository(db), inject: [Database] },
        {
          provide: Turns,
          useFactory: ({ queue }: KilnConfig) => new Turns(queue.concurrency.webhook),
          inject: [KilnConfig],
        },
        SigningSecrets,
        EndpointHealth,
        Receivers,
        Endpoints,
        Announcements,
        Rings,
        Webhooks,
        WebhookSender,
        Deliveries,
        Redeliveries,
        ProgressListeners,
      ],
      exports: [Webhooks, Announcements, WebhookSender, Deliveries, Redeliveries, ProgressListeners],
    };
  }
}

import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Deliveries } from './deliveries.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';
import { ProgressListeners } from './progress-listeners.js';
import { ProgressListenersRepository } from './progress-listeners.repository.js';
import { Redeliveries } from './redeliveries.js';
import { RedeliveriesRepository } from './redeliveries.repository.js';
import { Rings } from './rings.js';
import { WebhookSender } from './sender.js';
import { SendingsRepository } from './sendings.repository.js';
import { WebhooksController } from './webhooks.controller.js';
import { Webhooks } from './webhooks.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** Where the download links in messages come from: given from above, since webhooks know no assets. */
export interface WebhooksModuleOptions {
  imports?: DynamicModule['imports'];
  useFactory: (...deps: never[]) => AssetLinks;
  inject?: (string | symbol | (new (...args: never[]) => unknown))[];
}

/** Provides what it exports everywhere; serves /v1/webhooks and /v1/webhook_deliveries. */
@Global()
@Module({})
export class WebhooksModule {
  static forRootAsync(options: WebhooksModuleOptions): DynamicModule {
    return {
      module: WebhooksModule,
      imports: options.imports ?? [],
      controllers: [WebhooksController],
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
        Rings,
        Webhooks,
        WebhookSender,
        Deliveries,
        Redeliveries,
        ProgressListeners,
      ],
      exports: [Webhooks, WebhookSender, Deliveries, Redeliveries, ProgressListeners],
    };
  }
}

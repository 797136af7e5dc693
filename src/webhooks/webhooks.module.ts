import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Database } from '../database/database.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';
import { WebhooksController } from './webhooks.controller.js';
import { Webhooks } from './webhooks.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** Where the download links in messages come from: given from above, since webhooks know no assets. */
export interface WebhooksModuleOptions {
  imports?: DynamicModule['imports'];
  useFactory: (...deps: never[]) => AssetLinks;
  inject?: (string | symbol | (new (...args: never[]) => unknown))[];
}

/** Provides Webhooks everywhere; serves /v1/webhooks and /v1/webhook_deliveries. */
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
        { provide: WebhooksRepository, useFactory: (db: Database) => new WebhooksRepository(db), inject: [Database] },
        Webhooks,
      ],
      exports: [Webhooks],
    };
  }
}

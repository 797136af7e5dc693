import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { Database } from '../database/database.js';
import { EGRESS, type Egress } from '../egress/egress.js';
import { Keys } from '../keys/keys.js';
import { Enqueue } from '../queue/enqueue.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { ASSET_LINKS, type AssetLinks } from './ports.js';
import { WebhookSender } from './sender.js';
import { WebhooksController } from './webhooks.controller.js';
import { Webhooks } from './webhooks.js';

export interface WebhooksModuleOptions {
  imports?: DynamicModule['imports'];
  imports?: (Type | DynamicModule)[];
  /** Makes the links in messages; given from above, because webhooks know no assets. */
  useFactory: (...deps: never[]) => AssetLinks;
  inject: (Type<unknown> | symbol)[];
}

/** Provides Webhooks; serves /v1/webhooks/secret and /v1/webhook_deliveries. */
@Module({})
export class WebhooksModule {
  static forRootAsync({ imports, useFactory, inject }: WebhooksModuleOptions): DynamicModule {
    return {
      module: WebhooksModule,
      imports: options.imports ?? [],
      global: true,
      imports: imports ?? [],
      controllers: [WebhooksController],
      providers: [
        { provide: ASSET_LINKS, useFactory, inject },
        {
          provide: Webhooks,
          useFactory: (db: Database, keys: Keys, egress: Egress, queue: Enqueue, links: AssetLinks) =>
            new Webhooks(new DeliveriesRepository(db), new WebhookSender(keys, egress, links), egress, queue),
          inject: [Database, Keys, EGRESS, Enqueue, ASSET_LINKS],
        },
      ],
      exports: [Webhooks],
    };
  }
}

import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AccountModule } from './account/account.module.js';
import { AssetsModule } from './assets/assets.module.js';
import { Links } from './assets/links.js';
import type { Variant } from './assets/media-types.js';
import { CatalogModule } from './catalog/catalog.module.js';
import { Catalog } from './catalog/catalog.service.js';
import { KilnConfig } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { Keyring } from './config/secret.js';
import type { Database } from './database/database.js';
import { DatabaseModule } from './database/database.module.js';
import { EgressModule } from './egress/egress.module.js';
import { FacadesModule } from './facades/facades.module.js';
import { GatewayModule } from './gateway/gateway.module.js';
import { IdempotencyModule } from './idempotency/idempotency.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { KeysModule } from './keys/keys.module.js';
import { findFfmpeg } from './media/find-ffmpeg.js';
import { MediaModule } from './media/media.module.js';
import { OpsModule } from './ops/ops.module.js';
import { QueueModule } from './queue/queue.module.js';
import { StorageModule } from './storage/storage.module.js';
import type { Logger } from './telemetry/logger.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

const MEDIA_TIMEOUT_MS = 120_000;

/** What exists before the application: made by the process that starts it. */
export interface AppParts {
  config: KilnConfig;
  keyring: Keyring;
  database: Database;
  catalog: Catalog;
  logger: Logger;
  /** The module with the queue workers, in roles that have them. */
  workers: Type | null;
}

/** The same modules in every role; a worker serves no API, and an api works no queue. */
@Module({})
export class AppModule {
  static with({ config, keyring, database, catalog, logger, workers }: AppParts): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config, keyring),
        DatabaseModule.forRoot(database),
        TelemetryModule.forRoot(logger),
        CatalogModule.forRoot(catalog),
        StorageModule,
        QueueModule.forRoot(),
        EgressModule.forRootAsync({
          inject: [KilnConfig, Catalog],
          useFactory: ({ egress }: KilnConfig, loaded: Catalog) => ({
            configuredOrigins: () => loaded.configuredOrigins(),
            allow: egress.allow,
          }),
        }),
        MediaModule.forRootAsync({ inject: [KilnConfig], useFactory: mediaTools }),
        KeysModule,
        IdempotencyModule,
        WebhooksModule.forRootAsync({
          imports: [AssetsModule],
          inject: [Links],
          useFactory: (links: Links) => ({
            link: (keyId, assetId, variant, expiresAt) =>
              links.sign({ keyId, assetId, variant: variant as Variant, expiresAt }),
          }),
        }),
        GatewayModule,
        JobsModule,
        FacadesModule,
        AccountModule,
        OpsModule,
        ...(workers === null ? [] : [workers]),
      ],
    };
  }
}

/** The binaries of 2018 that come with the packages are good for a look, not for strangers' files. */
async function mediaTools({
  media,
  embedded,
}: KilnConfig): Promise<Awaited<ReturnType<typeof findFfmpeg>> & { timeoutMs: number }> {
  const found = await findFfmpeg(media);
  if (found.isOutdated && !embedded) {
    throw new Error(
      `ffmpeg at ${found.ffmpegPath} is of ${found.year}; install a current one, or name it in FFMPEG_PATH.`,
    );
  }
  return { ...found, timeoutMs: MEDIA_TIMEOUT_MS };
}

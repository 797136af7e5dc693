import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { KilnConfig } from '../config/config.js';
import { publicUrlOf } from '../config/public-url.js';
import { Keyring } from '../config/secret.js';
import { Database } from '../database/database.js';
import { EGRESS, type Egress } from '../egress/egress.js';
import { MEDIA, type Media } from '../media/media.js';
import { Enqueue } from '../queue/enqueue.js';
import { OBJECT_STORE, type ObjectStore } from '../storage/object-store.js';
import { ASSETS_OPTIONS, type AssetsOptions } from './assets-options.js';
import { createAssets } from './create-assets.js';
import { Files } from './files.js';
import { FilesController } from './files.controller.js';
import { Links } from './links.js';
import { Outputs } from './outputs.js';
import { References } from './references.js';
import { Uploads } from './uploads.js';
import { UploadsController } from './uploads.controller.js';

/** Two hours of sound or film; longer ones are no reference. */
const MAX_DURATION_SECONDS = 2 * 3600;
const MEDIA_TIMEOUT_MS = 120_000;
const URL_FETCH = { headersTimeoutMs: 15_000, totalTimeoutMs: 240_000, firstRetryMs: 1000 };

export function assetsOptions(config: KilnConfig, keyring: Keyring): AssetsOptions {
  const [current, ...former] = keyring.keys('links');
  return {
    publicUrl: () => publicUrlOf(config),
    linkKeys: [current.key, ...former.map(({ key }) => key)],
    maxUploadBytes: config.limits.maxUploadBytes,
    maxPixels: config.limits.maxPixels,
    maxDurationSeconds: MAX_DURATION_SECONDS,
    mediaTimeoutMs: MEDIA_TIMEOUT_MS,
    maxOutputBytes: config.limits.maxOutputBytes,
    uploadRetentionSeconds: config.retention.uploadSeconds,
    urlFetch: URL_FETCH,
    tempDir: join(config.dataDir, 'tmp'),
  };
}

const ASSETS = Symbol('ASSETS');
type Assets = ReturnType<typeof createAssets>;

/** Provides Uploads, References, Outputs, Links; serves /v1/uploads and /files. */
@Module({
  controllers: [UploadsController, FilesController],
  providers: [
    { provide: ASSETS_OPTIONS, useFactory: assetsOptions, inject: [KilnConfig, Keyring] },
    {
      provide: ASSETS,
      useFactory: (
        db: Database,
        store: ObjectStore,
        media: Media,
        egress: Egress,
        queue: Enqueue,
        options: AssetsOptions,
      ) => createAssets({ db, store, media, egress, queue, options }),
      inject: [Database, OBJECT_STORE, MEDIA, EGRESS, Enqueue, ASSETS_OPTIONS],
    },
    { provide: Uploads, useFactory: ({ uploads }: Assets) => uploads, inject: [ASSETS] },
    { provide: References, useFactory: ({ references }: Assets) => references, inject: [ASSETS] },
    { provide: Outputs, useFactory: ({ outputs }: Assets) => outputs, inject: [ASSETS] },
    { provide: Links, useFactory: ({ links }: Assets) => links, inject: [ASSETS] },
    { provide: Files, useFactory: ({ files }: Assets) => files, inject: [ASSETS] },
  ],
  exports: [Uploads, References, Outputs, Links],
})
export class AssetsModule {}

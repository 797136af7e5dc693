import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { KilnConfig } from '../src/config/config.js';
import { EGRESS, type Egress } from '../src/egress/egress.js';
import { EgressModule } from '../src/egress/egress.module.js';
import { findFfmpeg } from '../src/media/find-ffmpeg.js';
import { MEDIA, type Media } from '../src/media/media.js';
import { MediaModule } from '../src/media/media.module.js';
import { OBJECT_STORE, type ObjectStore } from '../src/storage/object-store.js';
import { StorageModule } from '../src/storage/storage.module.js';
import { imageFile } from './support/media.js';

test('egress, storage and media are provided from configuration and closed at shutdown', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'kiln-modules-'));
  const config = {
    storage: { kind: 'file', dir },
    egress: { allow: [] },
    media: { ffmpegPath: null, ffprobePath: null },
  };

  @Global()
  @Module({ providers: [{ provide: KilnConfig, useValue: config }], exports: [KilnConfig] })
  class FixedConfigModule {}

  const app = await Test.createTestingModule({
    imports: [
      FixedConfigModule,
      StorageModule,
      EgressModule.forRootAsync({
        inject: [KilnConfig],
        useFactory: ({ egress }: KilnConfig) => ({
          configuredOrigins: () => ['http://127.0.0.1:1/v1'],
          allow: egress.allow,
        }),
      }),
      MediaModule.forRootAsync({
        inject: [KilnConfig],
        useFactory: async ({ media }: KilnConfig) => ({ ...(await findFfmpeg(media)), timeoutMs: 10_000 }),
      }),
    ],
  }).compile();
  await app.init();
  const egress = app.get<Egress>(EGRESS);
  await app.get<ObjectStore>(OBJECT_STORE).canary();
  expect(await app.get<Media>(MEDIA).sniff(await imageFile('png'))).toEqual({
    contentType: 'image/png',
    kind: 'image',
  });
  await expect(egress.configured('http://127.0.0.1:1/v1/x')).rejects.toMatchObject({ reason: 'connect', sent: false });
  await app.close();
  await expect(egress.configured('http://127.0.0.1:1/v1/x')).rejects.toMatchObject({
    name: 'EgressError',
    sent: false,
  });
  await rm(dir, { recursive: true, force: true });
});

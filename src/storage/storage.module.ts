import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { KilnConfig } from '../config/config.js';
import { createFileStore } from './file-store.js';
import { OBJECT_STORE, type ObjectStore } from './object-store.js';
import { createS3Store } from './s3-store.js';

const createStore = async ({ storage }: KilnConfig): Promise<ObjectStore> =>
  storage.kind === 's3' ? createS3Store(storage) : createFileStore(storage);

/** Provides OBJECT_STORE as configured. */
@Global()
@Module({
  providers: [{ provide: OBJECT_STORE, useFactory: createStore, inject: [KilnConfig] }],
  exports: [OBJECT_STORE],
})
export class StorageModule implements OnApplicationShutdown {
  constructor(@Inject(OBJECT_STORE) private readonly store: ObjectStore) {}

  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}

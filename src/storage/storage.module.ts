import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { createFileStore } from './file-store.js';
import { OBJECT_STORE, type ObjectStore } from './object-store.js';
import { createS3Store, type S3StoreOptions } from './s3-store.js';

export type StorageOptions = { kind: 'file'; dir: string } | ({ kind: 's3' } & S3StoreOptions);

export const STORAGE_OPTIONS = Symbol('STORAGE_OPTIONS');

export interface StorageModuleOptions {
  useFactory: (...deps: never[]) => StorageOptions | Promise<StorageOptions>;
  inject?: (string | symbol | (new (...args: never[]) => unknown))[];
  imports?: DynamicModule['imports'];
}

export const createStore = async (options: StorageOptions): Promise<ObjectStore> =>
  options.kind === 's3' ? createS3Store(options) : createFileStore(options);

/** Provides OBJECT_STORE. */
@Global()
@Module({})
export class StorageModule implements OnApplicationShutdown {
  constructor(@Inject(OBJECT_STORE) private readonly store: ObjectStore) {}

  static forRootAsync(options: StorageModuleOptions): DynamicModule {
    return {
      module: StorageModule,
      imports: options.imports ?? [],
      providers: [
        { provide: STORAGE_OPTIONS, useFactory: options.useFactory, inject: options.inject ?? [] },
        { provide: OBJECT_STORE, useFactory: createStore, inject: [STORAGE_OPTIONS] },
      ],
      exports: [OBJECT_STORE],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}

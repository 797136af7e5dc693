import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Database } from '../database/database.js';
import { ADMIN_ACCESS, type AdminAccess, AdminGuard } from './admin.guard.js';
import { KeyGuard } from './key.guard.js';
import { Keys } from './keys.js';
import { KeysRepository } from './keys.repository.js';
import type { SealingKeys } from './sealed.js';

export interface KeysOptions {
  /** Purpose keys that webhook secrets at rest are sealed under: the current one, then the former. */
  sealingKeys: SealingKeys;
  admin: AdminAccess;
}

export interface KeysModuleOptions {
  useFactory: (...deps: never[]) => KeysOptions;
  inject?: (string | symbol | (new (...args: never[]) => unknown))[];
}

const KEYS_OPTIONS = Symbol('KEYS_OPTIONS');

/** Provides Keys and both guards everywhere. */
@Global()
@Module({})
export class KeysModule {
  static forRootAsync(options: KeysModuleOptions): DynamicModule {
    return {
      module: KeysModule,
      providers: [
        { provide: KEYS_OPTIONS, useFactory: options.useFactory, inject: options.inject ?? [] },
        { provide: ADMIN_ACCESS, useFactory: ({ admin }: KeysOptions) => admin, inject: [KEYS_OPTIONS] },
        {
          provide: Keys,
          useFactory: (db: Database, { sealingKeys }: KeysOptions) => new Keys(new KeysRepository(db), sealingKeys),
          inject: [Database, KEYS_OPTIONS],
        },
        KeyGuard,
        AdminGuard,
      ],
      exports: [Keys, KeyGuard, AdminGuard, ADMIN_ACCESS],
    };
  }
}

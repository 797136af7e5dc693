import { Global, Module } from '@nestjs/common';
import { KilnConfig } from '../config/config.js';
import { Keyring } from '../config/secret.js';
import { Database } from '../database/database.js';
import { ADMIN_ACCESS, type AdminAccess, AdminGuard } from './admin.guard.js';
import { KeyGuard } from './key.guard.js';
import { Keys } from './keys.js';
import { KeysRepository } from './keys.repository.js';

/** Provides Keys and both guards everywhere. */
@Global()
@Module({
  providers: [
    {
      provide: ADMIN_ACCESS,
      useFactory: ({ adminKey, embedded }: KilnConfig): AdminAccess => ({ adminKey, embedded }),
      inject: [KilnConfig],
    },
    {
      provide: Keys,
      useFactory: (db: Database, keyring: Keyring) => new Keys(new KeysRepository(db), keyring.keys('webhook-secrets')),
      inject: [Database, Keyring],
    },
    KeyGuard,
    AdminGuard,
  ],
  exports: [Keys, KeyGuard, AdminGuard, ADMIN_ACCESS],
})
export class KeysModule {}

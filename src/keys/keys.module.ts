import { Global, Module } from '@nestjs/common';
import { KilnConfig } from '../config/config.js';
import { Keyring } from '../config/secret.js';
import { Database } from '../database/database.js';
import { ADMIN_ACCESS, type AdminAccess, AdminGuard } from './admin.guard.js';
import { KeyAdmin } from './key-admin.js';
import { KeyAdminRepository } from './key-admin.repository.js';
import { OwnKeyController } from './key.controller.js';
import { KeyGuard } from './key.guard.js';
import { Keys } from './keys.js';
import { KeysRepository } from './keys.repository.js';
import { RateLimits } from './rate-limits.js';

/** Provides Keys, what ops do with them and both guards everywhere; serves GET /v1/key. */
@Global()
@Module({
  controllers: [OwnKeyController],
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
    {
      provide: KeyAdmin,
      useFactory: (db: Database, keys: Keys) => new KeyAdmin(new KeyAdminRepository(db), keys),
      inject: [Database, Keys],
    },
    { provide: RateLimits, useFactory: (db: Database) => new RateLimits(db), inject: [Database] },
    KeyGuard,
    AdminGuard,
  ],
  exports: [Keys, KeyAdmin, RateLimits, KeyGuard, AdminGuard, ADMIN_ACCESS],
})
export class KeysModule {
  constructor(private readonly keys: Keys) {}

  /** After the HTTP server has closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.keys.stop();
  }
}

import { type DynamicModule, Global, Module } from '@nestjs/common';
import { KilnConfig } from './config.js';
import { Keyring } from './secret.js';

/** Gives KilnConfig and Keyring to every module. */
@Global()
@Module({})
export class ConfigModule {
  static forRoot(config: KilnConfig, keyring: Keyring): DynamicModule {
    return {
      module: ConfigModule,
      providers: [
        { provide: KilnConfig, useValue: config },
        { provide: Keyring, useValue: keyring },
      ],
      exports: [KilnConfig, Keyring],
    };
  }
}

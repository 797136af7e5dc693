import { type DynamicModule, Global, Module } from '@nestjs/common';
import { createMedia, type MediaOptions } from './create-media.js';
import { MEDIA } from './media.js';

export const MEDIA_OPTIONS = Symbol('MEDIA_OPTIONS');

export interface MediaModuleOptions {
  useFactory: (...deps: never[]) => MediaOptions | Promise<MediaOptions>;
  inject?: (string | symbol | (new (...args: never[]) => unknown))[];
  imports?: DynamicModule['imports'];
}

/** Provides MEDIA. */
@Global()
@Module({})
export class MediaModule {
  static forRootAsync(options: MediaModuleOptions): DynamicModule {
    return {
      module: MediaModule,
      imports: options.imports ?? [],
      providers: [
        { provide: MEDIA_OPTIONS, useFactory: options.useFactory, inject: options.inject ?? [] },
        { provide: MEDIA, useFactory: createMedia, inject: [MEDIA_OPTIONS] },
      ],
      exports: [MEDIA],
    };
  }
}

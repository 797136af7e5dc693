import { Module } from '@nestjs/common';
import { adapters } from './registry.js';

/** Injects `ReadonlyMap<string, Adapter>`, by provider id. */
export const PROVIDERS = Symbol('PROVIDERS');

@Module({ providers: [{ provide: PROVIDERS, useValue: adapters }], exports: [PROVIDERS] })
export class ProvidersModule {}

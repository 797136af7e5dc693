import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { createEgress, type EgressConfig } from './create-egress.js';
import { EGRESS, type Egress } from './egress.js';

export const EGRESS_OPTIONS = Symbol('EGRESS_OPTIONS');

export interface EgressModuleOptions {
  useFactory: (...deps: never[]) => EgressConfig | Promise<EgressConfig>;
  inject?: (string | symbol | (new (...args: never[]) => unknown))[];
  imports?: DynamicModule['imports'];
}

/** Provides EGRESS. Connections are cut last, when nothing is left that uses them. */
@Global()
@Module({})
export class EgressModule implements OnApplicationShutdown {
  constructor(@Inject(EGRESS) private readonly egress: Egress) {}

  static forRootAsync(options: EgressModuleOptions): DynamicModule {
    return {
      module: EgressModule,
      imports: options.imports ?? [],
      providers: [
        { provide: EGRESS_OPTIONS, useFactory: options.useFactory, inject: options.inject ?? [] },
        { provide: EGRESS, useFactory: createEgress, inject: [EGRESS_OPTIONS] },
      ],
      exports: [EGRESS],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.egress.close();
  }
}

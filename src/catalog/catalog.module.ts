import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Adapter } from '../providers/contract.js';
import { Catalog } from './catalog.service.js';
import { loadCatalog } from './load-catalog.js';
import type { RouteMeans } from './routes.js';

/** What of the configuration the catalog needs. */
export interface CatalogSources {
  /** Absolute path of KILN_CATALOG, or null. */
  catalogFile: string | null;
  /** Credentials by name. */
  credentials: Readonly<Record<string, unknown>>;
  /** Base URLs by the end of `KILN_ENDPOINTS_{NAME}`. */
  endpoints: Readonly<Record<string, readonly string[]>>;
}

/** Loads the catalog of a process; throws CatalogError. `sandbox` is null where no sandbox stands in. */
export const catalogFrom = (
  sources: CatalogSources,
  sandbox: RouteMeans['sandbox'],
  adapters: ReadonlyMap<string, Adapter>,
  now: () => Date,
): Catalog =>
  loadCatalog({
    overlayPath: sources.catalogFile,
    sandbox,
    adapters,
    now,
    hasCredential: (name) => Object.hasOwn(sources.credentials, name),
    endpointsFrom: (name) => (Object.hasOwn(sources.endpoints, name) ? [...(sources.endpoints[name] ?? [])] : []),
  });

/** Gives the Catalog to every module. It is loaded before the app is made: a wrong file stops the start, before any port is open. */
@Global()
@Module({})
export class CatalogModule {
  static forRoot(catalog: Catalog): DynamicModule {
    return { module: CatalogModule, providers: [{ provide: Catalog, useValue: catalog }], exports: [Catalog] };
  }
}

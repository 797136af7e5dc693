import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engineGlue from '@prisma/schema-engine-wasm/schema_engine_bg';
import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';

const ENGINE_MODULE = '@prisma/schema-engine-wasm/schema_engine_bg';

/** What wasm-bindgen's glue exports beside its typed classes. */
interface Glue {
  __wbg_set_wasm(exports: WebAssembly.Exports): void;
}

let loaded: Promise<typeof SchemaEngine> | null = null;

async function loadEngine(): Promise<typeof SchemaEngine> {
  const glueFile = createRequire(import.meta.url).resolve(ENGINE_MODULE);
  const bytes = await readFile(join(glueFile, '..', 'schema_engine_bg.wasm'));
  const imports = { './schema_engine_bg.js': engineGlue as unknown as WebAssembly.ModuleImports };
  const { instance } = await WebAssembly.instantiate(bytes, imports);
  (engineGlue as unknown as Glue).__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return engineGlue.SchemaEngine;
}

/**
 * Prisma's schema engine as WebAssembly, speaking to `databaseUrl` through the pg adapter: migrations need neither the
 * Prisma CLI nor a download.
 */
export async function openSchemaEngine(databaseUrl: string, datamodels: [string, string][] = []): Promise<SchemaEngine> {
  loaded ??= loadEngine();
  const Engine = await loaded;
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: databaseUrl }));
  return Engine.new({ datamodels }, () => undefined, adapter);
}

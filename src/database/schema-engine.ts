import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engineGlue from '@prisma/schema-engine-wasm/schema_engine_bg';
import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { Pool } from 'pg';

const ENGINE_MODULE = '@prisma/schema-engine-wasm/schema_engine_bg';

/** The part of the WebAssembly API used here; its types otherwise come only with the browser's. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

/** What wasm-bindgen's glue exports beside its typed classes. */
interface Glue {
  __wbg_set_wasm(exports: Record<string, unknown>): void;
}

/** The least schema the engine accepts; it panics without any. */
const NO_MODELS: [string, string][] = [['schema.prisma', 'datasource db {\n  provider = "postgresql"\n}\n']];

let loaded: Promise<typeof SchemaEngine> | null = null;

/** The engine tells a panic only through this global of Prisma's, and never answers the call that panicked. */
const panics = globalThis as unknown as { PRISMA_WASM_PANIC_REGISTRY?: { set_message(message: string): void } };

async function loadEngine(): Promise<typeof SchemaEngine> {
  const glueFile = createRequire(import.meta.url).resolve(ENGINE_MODULE);
  const bytes = await readFile(join(glueFile, '..', 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, {
    './schema_engine_bg.js': withoutLingeringTimers(engineGlue),
  });
  (engineGlue as unknown as Glue).__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return engineGlue.SchemaEngine;
}

/**
 * The engine never clears the timer that limits its wait for a lock, which would keep a process that has migrated alive for
 * 10 more seconds: its timers do not hold the process.
 */
function withoutLingeringTimers(glue: object): object {
  const imports: Record<string, unknown> = { ...glue };
  const name = Object.keys(imports).find((key) => key.startsWith('__wbg_setTimeout_'));
  if (!name) return imports;
  const setEngineTimeout = imports[name] as (...args: unknown[]) => unknown;
  imports[name] = (...args: unknown[]) => {
    const timer = setEngineTimeout(...args);
    (timer as Partial<NodeJS.Timeout> | undefined)?.unref?.();
    return timer;
  };
  return imports;
}

/**
 * Prisma's schema engine as WebAssembly, speaking to `databaseUrl` through the pg adapter while `use` runs: migrations
 * need neither the Prisma CLI nor a download.
 */
export async function withSchemaEngine<T>(
  databaseUrl: string,
  datamodels: [string, string][] | null,
  use: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= loadEngine();
  const Engine = await loaded;
  // The engine never closes the adapter it is given; with a pool of our own the connections end when it is done.
  const pool = new Pool({ connectionString: databaseUrl, max: 2, connectionTimeoutMillis: 5000 });
  pool.on('error', () => undefined);
  const panicked = new Promise<never>((_, reject) => {
    panics.PRISMA_WASM_PANIC_REGISTRY = {
      set_message: (message) => reject(new Error(`Prisma's schema engine failed: ${message}`)),
    };
  });
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
  const work = async (): Promise<T> =>
    use(await Engine.new({ datamodels: datamodels ?? NO_MODELS }, () => undefined, adapter));
  try {
    return await Promise.race([work(), panicked]);
  } finally {
    await pool.end();
  }
}

// Prints the SQL between two Prisma schemas with Prisma's own engine as WebAssembly (no download):
//   node scripts/new-migration.mjs [old.prisma] > prisma/migrations/<number>_<name>/migration.sql
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPg } from '@prisma/adapter-pg';
import * as bg from '@prisma/schema-engine-wasm/schema_engine_bg';

const wasmPath = fileURLToPath(new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg')));
const { instance } = await WebAssembly.instantiate(readFileSync(wasmPath), { './schema_engine_bg.js': bg });
bg.__wbg_set_wasm(instance.exports);
const path = 'prisma/schema.prisma';
const engine = await bg.SchemaEngine.new(
  { datamodels: [[path, readFileSync(path, 'utf8')]] },
  () => {},
  bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: 'postgresql://unused@127.0.0.1:1/unused' })),
);
const schema = (file) => ({ tag: 'schemaDatamodel', files: [{ path: file, content: readFileSync(file, 'utf8') }], configDir: '.' });
const from = process.argv[2] ? schema(process.argv[2]) : { tag: 'empty' };
const { stdout } = await engine.diff({ from, to: schema(path), script: true, shadowDatabaseUrl: null, exitCode: null, filters: { externalTables: [], externalEnums: [] } });
process.stdout.write(stdout ?? '');
process.exit(0);

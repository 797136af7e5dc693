// Prints the SQL that leads from one Prisma schema to prisma/schema.prisma, with Prisma's engine as WebAssembly (no download):
//   npm run migration:sql -- [old.prisma] > prisma/migrations/<number>_<name>/migration.sql
// The engine wants a live PostgreSQL beside it: DATABASE_URL, else a throw-away embedded one.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSchemaEngine } from '../src/database/schema-engine.ts';

const SCHEMA = 'prisma/schema.prisma';
const oldSchema = process.argv[2];
const files = async (path) => [{ path, content: await readFile(path, 'utf8') }];
const filters = { externalTables: [], externalEnums: [] };

async function withDatabase(use) {
  if (process.env.DATABASE_URL) return use(process.env.DATABASE_URL);
  const { startEmbeddedPostgres } = await import('../dist/src/database/embedded/postgres.js');
  const dir = await mkdtemp(join(tmpdir(), 'kiln-migration-'));
  const server = await startEmbeddedPostgres({ dir });
  try {
    return await use(server.url);
  } finally {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

const model = await readFile(SCHEMA, 'utf8');
const diff = async (engine) => {
  const from = oldSchema ? { tag: 'schemaDatamodel', files: await files(oldSchema) } : { tag: 'empty' };
  const { stdout } = await engine.diff({
    from,
    to: { tag: 'schemaDatamodel', files: await files(SCHEMA) },
    script: true,
    exitCode: null,
    filters,
  });
  return stdout ?? '';
};
process.stdout.write(await withDatabase((url) => withSchemaEngine(url, [[SCHEMA, model]], diff)));

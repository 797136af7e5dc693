import { readFile } from 'node:fs/promises';
import { KilnError } from '../src/common/errors.js';
import { dedicatedConnection } from '../src/database/connection.js';
import { Database, execute, queryRow, queryRows, sql, sqlJoin } from '../src/database/database.js';
import { migrate } from '../src/database/migrations.js';
import { withSchemaEngine } from '../src/database/schema-engine.js';
import { createEmptyDatabase, createTestDatabase } from './support/postgres.js';

describe('migrations', () => {
  it('are applied once, also when two processes start together', async () => {
    const empty = await createEmptyDatabase();
    const [first, second] = await Promise.all([
      migrate(empty.url, { queues: true }),
      migrate(empty.url, { queues: true }),
    ]);
    expect([...first.applied, ...second.applied]).toContain('20261123000000_init');
    expect(Math.min(first.applied.length, second.applied.length)).toBe(0);
    expect(await migrate(empty.url, { queues: true })).toEqual({ applied: [] });
    await empty.drop();
  });

  it('make the schema that prisma/schema.prisma describes', async () => {
    const migrated = await createTestDatabase();
    const fresh = await createEmptyDatabase();
    const model = await readFile('prisma/schema.prisma', 'utf8');
    const files = [{ path: 'prisma/schema.prisma', content: model }];
    const script = await withSchemaEngine(fresh.url, [['prisma/schema.prisma', model]], async (engine) => {
      const { stdout } = await engine.diff({
        from: { tag: 'empty' },
        to: { tag: 'schemaDatamodel', files },
        script: true,
        exitCode: null,
        filters: { externalTables: [], externalEnums: [] },
      });
      return stdout ?? '';
    });
    const asMigrated = await describeSchema(migrated.url);
    const asModelled = await describeSchema(fresh.url, script);
    expect(asMigrated.columns).toEqual(asModelled.columns);
    // Partial and GIN indexes, and checks, are written by hand in the migrations: those come on top.
    expect(asMigrated.indexes).toEqual(expect.arrayContaining(asModelled.indexes));
    expect(asMigrated.constraints).toEqual(expect.arrayContaining(asModelled.constraints));
    await migrated.drop();
    await fresh.drop();
  });
});

interface Described {
  columns: string[];
  indexes: string[];
  constraints: string[];
}

async function describeSchema(url: string, script?: string): Promise<Described> {
  const connection = await dedicatedConnection(url);
  if (script) await connection.query(script);
  const list = async (text: string): Promise<string[]> =>
    (
      await connection.query<{ line: string }>(
        `SELECT line FROM (${text}) lines WHERE line NOT LIKE '%_prisma_migrations%' ORDER BY 1`,
      )
    ).rows.map(({ line }) => line);
  const columns = await list(
    `SELECT concat_ws(' ', table_name, column_name, data_type, datetime_precision, is_nullable, column_default) AS line
       FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  const indexes = await list(`SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public'`);
  const constraints = await list(
    `SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) AS line FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n'`,
  );
  await connection.end();
  return { columns, indexes, constraints };
}

describe('Database', () => {
  let db: Database;
  let test: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => {
    test = await createTestDatabase();
    db = new Database({ url: test.url, poolSize: 4 });
  });
  afterAll(async () => {
    await db.close();
    await test.drop();
  });

  it('speaks both the typed and the raw way', async () => {
    await db.apiKey.create({ data: { id: 'key_a', name: 'a', dailyBudgetMicroUsd: 9_007_199_254_740_993n } });
    expect(
      await queryRow<{ budget: bigint; at: Date }>(
        db,
        sql`SELECT daily_budget_micro_usd AS budget, created_at AS at FROM api_key WHERE id = ${'key_a'}`,
      ),
    ).toEqual({
      budget: 9_007_199_254_740_993n,
      at: expect.any(Date),
    });
    expect(await execute(db, sql`UPDATE api_key SET weight = 2 WHERE id IN (${sqlJoin(['key_a', 'key_b'])})`)).toBe(1);
    expect(await queryRow(db, sql`SELECT 1 AS one WHERE false`)).toBeNull();
    expect(db.poolState()).toMatchObject({ waiting: 0 });
  });

  it('reads raw rows alike outside and inside a transaction', async () => {
    const values = sql`SELECT 5::int8 AS big, 7::int4 AS small, 1.5::float8 AS float, true AS yes, '2026-01-31'::date AS day,
      '2026-01-31T10:00:00.123+02'::timestamptz(3) AS at, '{"a": [1, null]}'::jsonb AS json, ARRAY['x', 'y'] AS texts, NULL::text AS none,
      ${new Date('2026-02-01T00:00:00Z')}::timestamptz AS sent, ${['p', 'q']}::text[] AS list, ${12n}::int8 AS parameter`;
    const outside = await queryRow(db, values);
    expect(outside).toEqual(await db.transaction((tx) => queryRow(tx, values)));
    expect(outside).toMatchObject({
      big: 5n,
      day: new Date('2026-01-31T00:00:00Z'),
      sent: new Date('2026-02-01T00:00:00Z'),
    });
  });

  it('rolls a transaction back when it throws', async () => {
    const failing = db.transaction(async (tx) => {
      await tx.apiKey.create({ data: { id: 'key_rolled', name: 'x' } });
      await execute(tx, sql`UPDATE api_key SET name = 'y' WHERE id = 'key_rolled'`);
      throw new Error('stop');
    });
    await expect(failing).rejects.toThrow('stop');
    expect(await queryRows(db, sql`SELECT 1 FROM api_key WHERE id = 'key_rolled'`)).toEqual([]);
  });

  it('lets other errors pass as they are', async () => {
    await expect(db.apiKey.create({ data: { id: 'key_a', name: 'twice' } })).rejects.toMatchObject({ code: 'P2002' });
  });

  it('gives a connection of its own that holds an advisory lock', async () => {
    const mine = await db.dedicatedConnection('lock holder');
    await mine.query('SELECT pg_advisory_lock(77)');
    expect(await queryRow(db, sql`SELECT pg_try_advisory_lock(77) AS got`)).toEqual({ got: false });
    await mine.end();
    expect(
      await queryRow(db, sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'lock holder'`),
    ).toEqual({ n: 0 });
  });

  it('says 503 while the server is away, in queries, in transactions and on own connections', async () => {
    const away = new Database({ url: 'postgresql://kiln:x@127.0.0.1:1/kiln', poolSize: 1 });
    const refusal = { status: 503, type: 'unavailable' };
    await expect(away.apiKey.findMany()).rejects.toMatchObject(refusal);
    await expect(queryRows(away, sql`SELECT 1`)).rejects.toBeInstanceOf(KilnError);
    await expect(away.transaction(async () => 1)).rejects.toMatchObject(refusal);
    await expect(away.dedicatedConnection()).rejects.toMatchObject(refusal);
    await away.close();
  });

  it('says 503 for what was running when the server ended its connections, and works again afterwards', async () => {
    const victim = new Database({ url: test.url, poolSize: 1, applicationName: 'victim' });
    await queryRows(victim, sql`SELECT 1`);
    const sleeping = queryRows(victim, sql`SELECT 1 FROM pg_sleep(20)`);
    const outcome = sleeping.catch((error: unknown) => error);
    const killed = sql`SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity WHERE application_name = 'victim' AND query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()`;
    while ((await queryRow<{ n: number }>(db, killed))?.n === 0);
    expect(await outcome).toMatchObject({ status: 503 });
    expect(await queryRows(victim, sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
    await victim.close();
  });
});

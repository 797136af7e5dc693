import { PrismaPg } from '@prisma/adapter-pg';
import { Pool, type QueryResult } from 'pg';
import { type DedicatedConnection, dedicatedConnection, translateDatabaseError } from './connection.js';
import { CLIENT_TYPES } from './client-types.js';
import { Prisma, PrismaClient } from './generated/client.js';

export interface DatabaseOptions {
  url: string;
  /** Connections of the pool. */
  poolSize: number;
  /** Shown in pg_stat_activity. */
  applicationName?: string;
}

/** What a repository works on: the database itself or an open transaction. */
export type Tx = Prisma.TransactionClient;

/** Parameterised SQL: `` sql`SELECT … WHERE id = ${id}` ``. */
export const sql = Prisma.sql;
/** Joins values or fragments with a comma (or `separator`), for IN lists and multi-row VALUES. */
export const sqlJoin = Prisma.join;
/** Text put into a query as it is; never for values that come from outside. */
export const sqlRaw = Prisma.raw;
export const sqlEmpty = Prisma.empty;
/** SQL NULL of a JSON column in the typed client (`null` alone is ambiguous there). */
export const DB_NULL = Prisma.DbNull;
export type Sql = Prisma.Sql;

const DEFAULT_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5000;

/**
 * The Prisma client over one pool. Every failure to reach the server, here and inside transactions, is a KilnError 503
 * `unavailable`; other errors pass unchanged.
 */
export class Database extends PrismaClient {
  readonly url: string;
  readonly pool: Pool;

  constructor(options: DatabaseOptions) {
    const pool = new Pool({
      connectionString: options.url,
      max: options.poolSize,
      application_name: options.applicationName ?? 'kiln',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    // An idle connection's loss is no event: the pool opens another when asked.
    pool.on('error', () => undefined);
    super({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) });
    this.url = options.url;
    this.pool = pool;
    const translating = this.$extends({
      query: {
        $allOperations: async ({ args, query }) => {
          try {
            return (await query(args)) as unknown;
          } catch (error) {
            throw translateDatabaseError(error);
          }
        },
      },
    });
    POOLS.set(translating, pool);
    // $extends makes an object whose prototype is this one, so the methods below keep working.
    return translating as unknown as this;
  }

  /** Runs `fn` in one transaction (READ COMMITTED); rolled back when it throws or lasts longer than `timeoutMs`. */
  async transaction<T>(fn: (tx: Tx) => Promise<T>, options: { timeoutMs?: number } = {}): Promise<T> {
    try {
      return await this.$transaction(fn, {
        timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        maxWait: CONNECT_TIMEOUT_MS,
      });
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  /** A connection outside the pool, for LISTEN and session advisory locks; the caller ends it. */
  async dedicatedConnection(applicationName?: string): Promise<DedicatedConnection> {
    try {
      return await dedicatedConnection(this.url, applicationName);
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  /** Gauges of the pool: connections open, idle, and callers waiting for one. */
  poolState(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount };
  }

  async close(): Promise<void> {
    await this.$disconnect();
    if (!this.pool.ended && !this.pool.ending) await this.pool.end();
  }
}

/**
 * Pools by the object that repositories hold. An open transaction is another object, even where it looks like its database,
 * so it is never mistaken for it.
 */
const POOLS = new WeakMap<object, Pool>();

/** A hot statement whose text never varies may have a name: outside transactions each connection then plans it once. */
export interface Planned {
  name: string;
}

/** Rows of a raw query. `T` describes them: bigint for int8, Date for timestamptz, parsed JSON for jsonb. */
export async function queryRows<T extends object>(db: Tx, query: Sql, planned?: Planned): Promise<T[]> {
  const pool = POOLS.get(db);
  return pool ? (await send<T>(pool, query, planned)).rows : db.$queryRaw<T[]>(query);
}

/** The first row, or null. */
export async function queryRow<T extends object>(db: Tx, query: Sql, planned?: Planned): Promise<T | null> {
  const [row] = await queryRows<T>(db, query, planned);
  return row ?? null;
}

/** Runs a statement; how many rows it touched. */
export async function execute(db: Tx, query: Sql): Promise<number> {
  const pool = POOLS.get(db);
  return pool ? ((await send(pool, query)).rowCount ?? 0) : db.$executeRaw(query);
}

/** Outside transactions SQL goes straight to the pool: the client's own way there costs more than most statements do. */
async function send<T extends object>(pool: Pool, { text, values }: Sql, planned?: Planned): Promise<QueryResult<T>> {
  try {
    return await pool.query<T>({ ...planned, text, values, types: CLIENT_TYPES });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

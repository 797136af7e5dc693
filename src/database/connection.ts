import { Client } from 'pg';
import { KilnError, unavailable } from '../common/errors.js';

/** A connection of one's own, for LISTEN and for session advisory locks. Ends with `end()`. */
export type DedicatedConnection = Client;

/** Opens a connection outside the pool. Its loss is told by the `end` event; an `error` event has a listener already. */
export async function dedicatedConnection(url: string, applicationName = 'kiln'): Promise<DedicatedConnection> {
  const client = new Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
  });
  // Without a listener a lost connection would end the process; owners watch `end`.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Socket errors, SQLSTATE and Prisma codes that say the server or the way to it is away. */
const DOWN_CODES = new Set(
  [
    'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH',
    '57P01 57P02 57P03 53300 53400 08000 08001 08003 08004 08006',
    'P1001 P1002 P1008 P1017 P2024 P2037',
  ].flatMap((line) => line.split(' ')),
);
const DOWN_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TlsConnectionError',
]);
/** node-postgres and Prisma give these no code. */
const DOWN_TEXT =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)|Unable to start a transaction in the given time|Transaction already closed: .*connection/;

/** Whether the failure means "the database is away", here or in any of its causes: 503, and worth another try later. */
export function isDatabaseDown(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at !== null && typeof at === 'object' && depth < 8; depth += 1) {
    const { code, kind, originalCode, message, cause, meta, errors } = at as Record<string, unknown>;
    if (DOWN_CODES.has(String(code)) || DOWN_CODES.has(String(originalCode)) || DOWN_KINDS.has(String(kind)))
      return true;
    if (typeof message === 'string' && DOWN_TEXT.test(message)) return true;
    // Node gathers one failure per address in an AggregateError.
    if (Array.isArray(errors) && errors.some((inner) => isDatabaseDown(inner))) return true;
    const driverError = (meta as Record<string, unknown> | undefined)?.['driverAdapterError'];
    at = driverError ?? cause;
  }
  return false;
}

/** The same error, or KilnError 503 `unavailable` where the database is away. */
export function translateDatabaseError(error: unknown): unknown {
  if (error instanceof KilnError || !isDatabaseDown(error)) return error;
  const { detail, status, type, message } = unavailable('The database is not reachable; try again shortly.');
  return new KilnError(status, type, message, { ...detail, cause: error });
}

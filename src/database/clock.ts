import { type Database, queryRow, sql } from './database.js';

/**
 * Leases and deadlines are the database's, but the queue on PostgreSQL trusts its callers' clocks: a worker a minute ahead
 * takes live messages from others.
 *
 * @returns milliseconds by which this machine is behind the database (negative: ahead of it).
 */
export async function clockOffsetMs(database: Database): Promise<number> {
  const before = Date.now();
  const row = await queryRow<{ now: Date }>(database, sql`SELECT clock_timestamp() AS now`);
  return Math.round((row?.now.getTime() ?? before) - (before + Date.now()) / 2);
}

/** A worker further off than this does not start, and alarms when it gets there later. */
export const MAX_CLOCK_OFFSET_MS = 5000;

export const clockProblem = (offsetMs: number): string | null =>
  Math.abs(offsetMs) <= MAX_CLOCK_OFFSET_MS
    ? null
    : `This machine's clock is ${Math.abs(offsetMs)} ms ${offsetMs > 0 ? 'behind' : 'ahead of'} the database's; set it right (NTP).`;

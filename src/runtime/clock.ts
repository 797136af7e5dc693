import { type Database, queryRow, sql } from '../database/database.js';
import type { Logger } from '../telemetry/logger.js';

const MAX_OFFSET_MS = 5000;
const ALARM_MS = 1000;

/**
 * Leases and deadlines are the database's, but the queue on PostgreSQL trusts its callers' clocks: a worker a minute ahead
 * takes live messages from others. Throws above five seconds.
 */
export async function checkClock(database: Database, logger: Logger): Promise<number> {
  const before = Date.now();
  const row = await queryRow<{ now: Date }>(database, sql`SELECT clock_timestamp() AS now`);
  const offsetMs = Math.round((row?.now.getTime() ?? before) - (before + Date.now()) / 2);
  if (Math.abs(offsetMs) > MAX_OFFSET_MS) {
    throw new Error(
      `This machine's clock is ${Math.abs(offsetMs)} ms ${offsetMs > 0 ? 'behind' : 'ahead of'} the database's; set it right (NTP) and start again.`,
    );
  }
  if (Math.abs(offsetMs) > ALARM_MS)
    logger.warn({ offset_ms: offsetMs }, "this machine's clock differs from the database's");
  return offsetMs;
}

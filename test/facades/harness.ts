import { randomBytes } from 'node:crypto';
import { queryRow, queryRows, sql } from '../../src/database/database.js';
import type { Kiln } from '../support/kiln.js';

export const onceKey = (): Record<string, string> => ({ 'idempotency-key': randomBytes(8).toString('hex') });

/** Jobs and holds of one key: what a request has made, and what it cost. */
export async function madeBy(kiln: Kiln, keyId: string): Promise<{ jobs: string[]; holds: number }> {
  const jobs = await queryRows<{ id: string }>(
    kiln.database,
    sql`SELECT id FROM job WHERE key_id = ${keyId} ORDER BY id`,
  );
  const row = await queryRow<{ n: bigint }>(
    kiln.database,
    sql`SELECT count(*) AS n FROM ledger_entry WHERE key_id = ${keyId} AND kind = 'hold'`,
  );
  return { jobs: jobs.map(({ id }) => id), holds: Number(row?.n) };
}

/** Uploads of one key that are still there. */
export async function uploadsOf(kiln: Kiln, keyId: string): Promise<number> {
  const row = await queryRow<{ n: bigint }>(
    kiln.database,
    sql`SELECT count(*) AS n FROM upload WHERE key_id = ${keyId} AND deleted_at IS NULL`,
  );
  return Number(row?.n);
}

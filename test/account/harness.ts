import { queryRow, sql } from '../../src/database/database.js';
import { as } from '../api/harness.js';
import type { Kiln } from '../support/kiln.js';

export type Sums = Record<string, number>;
export interface UsageAnswer {
  data: (Record<string, string | number | null> & { charged_micro_usd: number })[];
  total: Sums;
  has_more: boolean;
  last_id: string | null;
}

export const today = (): string => new Date().toISOString().slice(0, 10);

/** GET as the holder of `secret`; throws where that is refused. */
export async function read<T>(kiln: Kiln, path: string, secret = kiln.secret): Promise<T> {
  const { status, body } = await kiln.call<T>('GET', path, undefined, as(secret));
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** A key's money by each of the tables that tell it. */
export async function booksOf(kiln: Kiln, keyId: string): Promise<Record<'spent' | 'settled' | 'used', number>> {
  const row = await queryRow<Record<'spent' | 'settled' | 'used', number>>(
    kiln.database,
    sql`SELECT (SELECT coalesce(sum(spent_micro_usd), 0)::float8 FROM budget_day WHERE key_id = ${keyId}) AS spent,
          (SELECT coalesce(sum(amount_micro_usd), 0)::float8 FROM ledger_entry WHERE key_id = ${keyId} AND kind = 'settle') AS settled,
          (SELECT coalesce(sum(charged_micro_usd), 0)::float8 FROM usage_record WHERE key_id = ${keyId}) AS used`,
  );
  if (!row) throw new Error('no row');
  return row;
}

/** RFC 4180, read back. */
export function parseCsv(text: string): Record<string, string>[] {
  const records: string[][] = [[]];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    records.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '\r\n') records.push([]);
  }
  const [header = [], ...rows] = records.slice(0, -1);
  return rows.map((row) => Object.fromEntries(header.map((name, n) => [name, row[n] ?? ''])));
}

import { Injectable } from '@nestjs/common';
import { Database, queryRow, queryRows, sql, sqlEmpty, sqlJoin, sqlRaw, type Sql } from '../database/database.js';
import type { Dimension, UsageAsk } from './usage-query.js';

/** Sums over usage records, by the name they have in answers. */
const MEASURES = {
  requests: 'count(*)',
  succeeded: "count(*) FILTER (WHERE status = 'ok')",
  failed: "count(*) FILTER (WHERE status = 'failed')",
  canceled: "count(*) FILTER (WHERE status = 'canceled')",
  partial: "count(*) FILTER (WHERE status = 'partial')",
  input_tokens: 'sum(input_tokens)::bigint',
  cache_read_tokens: 'sum(cache_read_tokens)::bigint',
  cache_write_tokens: 'sum(cache_write_tokens)::bigint',
  cache_write_1h_tokens: 'sum(cache_write_1h_tokens)::bigint',
  input_audio_tokens: 'sum(input_audio_tokens)::bigint',
  output_tokens: 'sum(output_tokens)::bigint',
  reasoning_tokens: 'sum(reasoning_tokens)::bigint',
  output_audio_tokens: 'sum(output_audio_tokens)::bigint',
  characters: 'sum(characters)::bigint',
  audio_seconds: 'round(sum(audio_seconds)::numeric, 3)::float8',
  media_seconds: 'round(sum(media_seconds)::numeric, 3)::float8',
  images: 'sum(images)::bigint',
  charged_micro_usd: 'sum(charged_micro_usd)::bigint',
} as const;

/** What only the operator may know. */
const MARGINS = {
  upstream_cost_micro_usd: 'sum(upstream_cost_micro_usd)::bigint',
  loss_micro_usd: 'sum(loss_micro_usd)::bigint',
  margin_micro_usd: '(sum(charged_micro_usd) - sum(upstream_cost_micro_usd))::bigint',
} as const;

export type UsageSums = Record<keyof typeof MEASURES, number> & Partial<Record<keyof typeof MARGINS, number>>;
export const SUMS = Object.keys(MEASURES) as (keyof UsageSums)[];
export const ADMIN_SUMS = [...SUMS, ...Object.keys(MARGINS)] as (keyof UsageSums)[];

/** `field` is the group's name in answers. */
const COLUMNS: Readonly<Record<Dimension, { field: string; group: Sql; place: (value: string) => Sql }>> = {
  day: { field: 'date', group: sqlRaw('day'), place: (value) => sql`${value}::date` },
  model: { field: 'model', group: sqlRaw('model'), place: (value) => sql`${value}::text` },
  key: { field: 'key', group: sqlRaw('key_id'), place: (value) => sql`${value}::text` },
  endpoint: { field: 'endpoint', group: sqlRaw('endpoint'), place: (value) => sql`${value}::text` },
  // Empty where no route was tried: a row comparison knows no nulls.
  route: { field: 'route', group: sqlRaw("coalesce(route, '')"), place: (value) => sql`${value}::text` },
};

export const fieldsOf = (by: readonly Dimension[]): string[] => by.map((one) => COLUMNS[one].field);

export interface UsageGroup {
  /** Of `UsageAsk.by`, in its order. */
  values: string[];
  sums: UsageSums;
}

export interface UsageScope {
  /** Null: of every key. */
  keyId: string | null;
  /** Whether the operator asks. */
  isAdmin: boolean;
}

const measures = (isAdmin: boolean): Sql =>
  sqlRaw(
    Object.entries(isAdmin ? { ...MEASURES, ...MARGINS } : MEASURES)
      .map(([name, aggregate]) => `${aggregate} AS "${name}"`)
      .join(', '),
  );

const records = ({ from, to }: UsageAsk, { keyId }: UsageScope): Sql =>
  sql`FROM usage_record WHERE day BETWEEN ${from}::date AND ${to}::date ${keyId === null ? sqlEmpty : sql`AND key_id = ${keyId}`}`;

/** Reads usage records in sums. */
@Injectable()
export class UsageRepository {
  constructor(private readonly db: Database) {}

  /** Groups behind `place`, in the order of their values; at most `limit`. */
  async groups(
    ask: UsageAsk,
    scope: UsageScope,
    place: readonly string[] | null,
    limit: number,
  ): Promise<UsageGroup[]> {
    const columns = ask.by.map((one) => COLUMNS[one]);
    const groups = sqlJoin(columns.map(({ group }) => group));
    const shown = sqlJoin(columns.map(({ group }, n) => sql`(${group})::text AS ${sqlRaw(`by${n}`)}`));
    const places = place && sqlJoin(columns.map((column, n) => column.place(place[n] ?? '')));
    const rows = await queryRows<Record<string, string | number | bigint>>(
      this.db,
      sql`SELECT ${shown}, ${measures(scope.isAdmin)} ${records(ask, scope)} ${places ? sql`AND (${groups}) > (${places})` : sqlEmpty}
          GROUP BY ${groups} ORDER BY ${groups} LIMIT ${limit}::int`,
    );
    return rows.map((row) => ({
      values: columns.map((_column, n) => String(row[`by${n}`])),
      sums: sumsOf(row, scope),
    }));
  }

  async total(ask: UsageAsk, scope: UsageScope): Promise<UsageSums> {
    const row = await queryRow<Record<string, number | bigint>>(
      this.db,
      sql`SELECT ${measures(scope.isAdmin)} ${records(ask, scope)}`,
    );
    return sumsOf(row ?? {}, scope);
  }
}

/** A sum of nothing is null in SQL. */
const sumsOf = (row: Record<string, unknown>, { isAdmin }: UsageScope): UsageSums =>
  Object.fromEntries((isAdmin ? ADMIN_SUMS : SUMS).map((name) => [name, Number(row[name] ?? 0)])) as UsageSums;

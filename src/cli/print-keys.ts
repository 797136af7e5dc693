import { formatUsd } from '../common/money.js';
import type { ListEnvelope } from '../common/page.js';
import type { KeyView } from '../keys/key-view.js';

const limit = (value: number | string | null): string => (value === null ? 'no limit' : String(value));
const list = (values: readonly string[], all: string): string => (values.length === 0 ? all : values.join(', '));
const budget = (microUsd: number | null): string => (microUsd === null ? 'no limit' : `${formatUsd(microUsd)} a day`);

const aligned = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** One key, a line a field. */
export function keyText(key: KeyView): string {
  const secrets = key.secrets.map(({ preview, expires_at: end, last_used_at: used }) => [
    'secret',
    `${preview}, ${used === null ? 'never used' : `last used ${used}`}${end === null ? '' : `, ends ${end}`}`,
  ]);
  return aligned([
    ['id', key.id],
    ['name', key.name],
    ...(key.description === null ? [] : [['description', key.description]]),
    ['role', key.role],
    ['state', key.disabled ? 'disabled' : 'enabled'],
    ['created', key.created_at],
    ['expires', key.expires_at ?? 'never'],
    ['budget', budget(key.daily_budget_micro_usd)],
    ['models', list(key.allowed_models, 'all')],
    ['requests', key.requests_per_minute === null ? 'no limit' : `${key.requests_per_minute} a minute`],
    ['concurrent jobs', limit(key.max_concurrent_jobs)],
    ['queued jobs', limit(key.max_queued_jobs)],
    ['weight', String(key.weight)],
    ['from', list(key.allowed_ips, 'anywhere')],
    ...secrets,
  ]);
}

/** Many keys, a line each. */
export function keysText({ data, has_more: hasMore, last_id: last }: ListEnvelope<KeyView>): string {
  const rows = data.map((key) => [
    key.id,
    key.name,
    key.role,
    key.disabled ? 'disabled' : (key.expires_at ?? 'enabled'),
    budget(key.daily_budget_micro_usd),
    list(key.allowed_models, 'all models'),
    key.preview ?? '',
  ]);
  const text = rows.length === 0 ? 'no keys' : aligned(rows);
  return hasMore ? `${text}\nmore: --after ${last}` : text;
}

import type { JsonObject } from '../common/json.js';
import type { UsageRecord } from './usage.js';

/** Columns that a usage record brings; the others come from its hold. */
export const USAGE_COLUMNS = [
  ['endpoint', 'text'],
  ['model', 'text'],
  ['route', 'text'],
  ['provider', 'text'],
  ['upstream_model', 'text'],
  ['status', 'text'],
  ['http_status', 'int'],
  ['input_tokens', 'bigint'],
  ['cache_read_tokens', 'bigint'],
  ['cache_write_tokens', 'bigint'],
  ['cache_write_1h_tokens', 'bigint'],
  ['input_audio_tokens', 'bigint'],
  ['output_tokens', 'bigint'],
  ['reasoning_tokens', 'bigint'],
  ['output_audio_tokens', 'bigint'],
  ['characters', 'bigint'],
  ['audio_seconds', 'double precision'],
  ['media_seconds', 'double precision'],
  ['images', 'bigint'],
  ['upstream_cost_micro_usd', 'bigint'],
  ['latency_ms', 'int'],
  ['ttfb_ms', 'int'],
  ['attempts', 'int'],
  ['streamed', 'boolean'],
  ['sandbox', 'boolean'],
  ['error_code', 'text'],
] as const;

type UsageRow = Record<(typeof USAGE_COLUMNS)[number][0], string | number | boolean | null>;

const MAX_INT = 2 ** 31 - 1;
const MAX_TEXT = 300;

/** Whatever a provider counted, what is stored is a count: a record that can't be written would keep its hold open. */
const whole = (value: number, max = Number.MAX_SAFE_INTEGER): number =>
  value > 0 ? Math.min(Math.round(value), max) : 0;
const int = (value: number): number => whole(value, MAX_INT);
const seconds = (value: number): number => (Number.isFinite(value) && value > 0 ? value : 0);
/** PostgreSQL's text holds neither NUL nor half a surrogate pair. */
const text = (value: string | null): string | null =>
  value?.replaceAll('\0', '').slice(0, MAX_TEXT).toWellFormed() ?? null;

/** The row of a record, in the columns above. */
export function usageRow(record: UsageRecord): JsonObject {
  const { usage } = record;
  const row: UsageRow = {
    endpoint: record.endpoint,
    model: text(record.model),
    route: text(record.route),
    provider: text(record.provider),
    upstream_model: text(record.upstreamModel),
    status: record.status,
    http_status: int(record.httpStatus),
    input_tokens: whole(usage.inputTokens),
    cache_read_tokens: whole(usage.cacheReadTokens),
    cache_write_tokens: whole(usage.cacheWriteTokens),
    cache_write_1h_tokens: whole(usage.cacheWrite1hTokens),
    input_audio_tokens: whole(usage.inputAudioTokens),
    output_tokens: whole(usage.outputTokens),
    reasoning_tokens: whole(usage.reasoningTokens),
    output_audio_tokens: whole(usage.outputAudioTokens),
    characters: whole(usage.characters),
    audio_seconds: seconds(usage.audioSeconds),
    media_seconds: seconds(usage.mediaSeconds ?? 0),
    images: whole(usage.images),
    upstream_cost_micro_usd: whole(record.upstreamCostMicroUsd),
    latency_ms: int(record.latencyMs),
    ttfb_ms: record.ttfbMs === null ? null : int(record.ttfbMs),
    attempts: int(record.attempts),
    streamed: record.streamed,
    sandbox: record.sandbox,
    error_code: text(record.errorCode),
  };
  return row;
}

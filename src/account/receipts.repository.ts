import { Injectable } from '@nestjs/common';
import { usageId } from '../billing/usage.js';
import type { JsonObject } from '../common/json.js';
import { Database } from '../database/database.js';

/** One request or one run. */
export interface UsageRow {
  run: number;
  endpoint: string;
  model: string;
  route: string | null;
  provider: string | null;
  upstreamModel: string | null;
  status: 'ok' | 'failed' | 'canceled' | 'partial';
  httpStatus: number;
  /** By the names of GET /v1/usage. */
  quantities: JsonObject;
  chargedMicroUsd: number;
  lossMicroUsd: number;
  upstreamCostMicroUsd: number;
  latencyMs: number;
  ttfbMs: number | null;
  attempts: number;
  streamed: boolean;
  sandbox: boolean;
  errorCode: string | null;
}

@Injectable()
export class ReceiptsRepository {
  constructor(private readonly db: Database) {}

  async usageOf(workId: string, runs: readonly number[]): Promise<UsageRow[]> {
    const ids = new Map(runs.map((run) => [usageId(workId, run), run]));
    const rows = await this.db.usageRecord.findMany({ where: { id: { in: [...ids.keys()] } } });
    return rows.map((row) => ({
      run: ids.get(row.id) ?? 1,
      endpoint: row.endpoint,
      model: row.model,
      route: row.route,
      provider: row.provider,
      upstreamModel: row.upstreamModel,
      status: row.status as UsageRow['status'],
      httpStatus: row.httpStatus,
      quantities: {
        input_tokens: Number(row.inputTokens),
        cache_read_tokens: Number(row.cacheReadTokens),
        cache_write_tokens: Number(row.cacheWriteTokens),
        cache_write_1h_tokens: Number(row.cacheWrite1hTokens),
        input_audio_tokens: Number(row.inputAudioTokens),
        output_tokens: Number(row.outputTokens),
        reasoning_tokens: Number(row.reasoningTokens),
        output_audio_tokens: Number(row.outputAudioTokens),
        characters: Number(row.characters),
        audio_seconds: row.audioSeconds,
        media_seconds: row.mediaSeconds,
        images: Number(row.images),
      },
      chargedMicroUsd: Number(row.chargedMicroUsd),
      lossMicroUsd: Number(row.lossMicroUsd),
      upstreamCostMicroUsd: Number(row.upstreamCostMicroUsd),
      latencyMs: row.latencyMs,
      ttfbMs: row.ttfbMs,
      attempts: row.attempts,
      streamed: row.streamed,
      sandbox: row.sandbox,
      errorCode: row.errorCode,
    }));
  }
}

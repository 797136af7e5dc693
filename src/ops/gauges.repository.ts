import { Injectable } from '@nestjs/common';
import { Database, queryRow, queryRows, sql } from '../database/database.js';
import { OPEN_ATTEMPT_STATES } from '../jobs/domain/states.js';

const OPEN = [...OPEN_ATTEMPT_STATES] as string[];
/** A job's money is closed in the transaction that ends its last attempt; later than this is a mismatch. */
const SETTLED_WITHIN = '5 minutes';

export interface StageLoad {
  status: string;
  stage: string;
  jobs: number;
  oldestSeconds: number;
}

export interface OpenHolds {
  age: 'today' | 'yesterday' | 'week' | 'older';
  microUsd: number;
}

/** Numbers about the whole service, each one query over an index of what is live. */
@Injectable()
export class GaugesRepository {
  constructor(private readonly db: Database) {}

  /** By how much the job that is waited for longest is late; 0 where none is. */
  async wakeLatenessSeconds(): Promise<number> {
    return this.seconds(
      sql`SELECT extract(epoch FROM now() - min(wake_at))::float8 AS seconds FROM job WHERE wake_at < now()`,
    );
  }

  async deliveryLatenessSeconds(): Promise<number> {
    return this.seconds(
      sql`SELECT extract(epoch FROM now() - min(wake_at))::float8 AS seconds FROM webhook_delivery WHERE wake_at < now()`,
    );
  }

  /** Live jobs. */
  async stages(): Promise<StageLoad[]> {
    return queryRows<StageLoad>(
      this.db,
      sql`SELECT status, coalesce(stage, '') AS stage, count(*)::int AS jobs, extract(epoch FROM now() - min(queued_at))::float8 AS "oldestSeconds"
          FROM job WHERE status IN ('queued', 'running') GROUP BY 1, 2`,
    );
  }

  /** Open attempts by state, the states without any included. */
  async openAttempts(): Promise<Map<string, number>> {
    const rows = await queryRows<{ state: string; n: number }>(
      this.db,
      sql`SELECT state, count(*)::int AS n FROM attempt WHERE state = ANY(${OPEN}) GROUP BY 1`,
    );
    return new Map([
      ...OPEN.map((state): [string, number] => [state, 0]),
      ...rows.map((row): [string, number] => [row.state, row.n]),
    ]);
  }

  async quarantined(): Promise<number> {
    return this.number(sql`SELECT count(*)::int AS n FROM job WHERE quarantined_at IS NOT NULL`);
  }

  /** From the counters, which stand in one row a key and day. */
  async openHolds(): Promise<OpenHolds[]> {
    const rows = await queryRows<{ age: OpenHolds['age']; held: number }>(
      this.db,
      sql`SELECT CASE WHEN day = today THEN 'today' WHEN day = today - 1 THEN 'yesterday' WHEN day > today - 7 THEN 'week' ELSE 'older' END AS age,
            sum(held_micro_usd)::float8 AS held
          FROM budget_day CROSS JOIN (SELECT (now() AT TIME ZONE 'UTC')::date AS today) t WHERE held_micro_usd <> 0 GROUP BY 1`,
    );
    const held = new Map(rows.map((row) => [row.age, row.held]));
    return (['today', 'yesterday', 'week', 'older'] as const).map((age) => ({ age, microUsd: held.get(age) ?? 0 }));
  }

  /** Jobs that are over, with nothing open, whose hold was neither settled nor released. */
  async unsettled(): Promise<number> {
    return this.number(
      sql`SELECT count(*)::int AS n FROM job WHERE finished_at < now() - ${SETTLED_WITHIN}::interval AND finished_at IS NOT NULL AND charged_micro_usd IS NULL
            AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.job_id = job.id AND attempt.state = ANY(${OPEN}))`,
    );
  }

  private async seconds(query: ReturnType<typeof sql>): Promise<number> {
    return (await queryRow<{ seconds: number | null }>(this.db, query))?.seconds ?? 0;
  }

  private async number(query: ReturnType<typeof sql>): Promise<number> {
    return (await queryRow<{ n: number }>(this.db, query))?.n ?? 0;
  }
}

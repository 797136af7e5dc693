import { Injectable } from '@nestjs/common';
import { Database, queryRow, queryRows, sql, type Sql } from '../../database/database.js';
import { forecast, type Forecast } from './forecast.js';
import { AdmissionRepository } from './admission.repository.js';

/** Jobs of one key that a forecast looks at; those behind have no position yet. */
const DEPTH = 500;
const MAX_AGE_MS = 1000;

/** Queue position and start time of waiting jobs; each lane is simulated at most once a second in a process. */
@Injectable()
export class QueueForecast {
  private readonly cache = new Map<string, { at: number; result: Promise<Map<string, Forecast>> }>();

  constructor(
    private readonly db: Database,
    private readonly rows: AdmissionRepository,
  ) {}

  async of(lane: string, jobId: string): Promise<Forecast | null> {
    return (await this.lane(lane)).get(jobId) ?? null;
  }

  private lane(lane: string): Promise<Map<string, Forecast>> {
    const cached = this.cache.get(lane);
    if (cached && Date.now() - cached.at < MAX_AGE_MS) return cached.result;
    const result = this.simulate(lane);
    this.cache.set(lane, { at: Date.now(), result });
    result.catch(() => this.cache.delete(lane));
    return result;
  }

  private async simulate(lane: string): Promise<Map<string, Forecast>> {
    const row = await queryRow<{ capacity: number; virtualClock: number; slotsInUse: number }>(
      this.db,
      sql`SELECT capacity, virtual_clock AS "virtualClock", (SELECT count(*) FROM attempt WHERE ${inUse(lane)})::int AS "slotsInUse"
          FROM lane WHERE id = ${lane}`,
    );
    if (!row) return new Map();
    const keys = await this.rows.waitingKeys(lane, DEPTH);
    const waiting = keys.reduce((sum, key) => sum + key.jobs.length, 0);
    // Later ones free no slot that anybody here gets, and a lane may hold very many.
    const soonest = waiting + Math.max(row.slotsInUse - row.capacity, 0);
    const busy = await queryRows<{ left: number }>(
      this.db,
      sql`SELECT greatest(job.expected_seconds * (1 - coalesce(attempt.progress, 0)) - CASE WHEN attempt.progress IS NULL
            THEN extract(epoch FROM now() - coalesce(attempt.submitted_at, now())) ELSE 0 END, 1)::float8 AS left
          FROM attempt JOIN job ON job.id = attempt.job_id WHERE ${inUse(lane)} ORDER BY 1 LIMIT ${soonest}::int`,
    );
    return forecast({ ...row, busySeconds: busy.map((one) => one.left), keys });
  }
}

const inUse = (lane: string): Sql =>
  sql`attempt.lane = ${lane} AND attempt.state IN ('reserved', 'submitting', 'running', 'unknown', 'orphan') AND attempt.slot_until > now()`;

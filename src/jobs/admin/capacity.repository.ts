import { Injectable } from '@nestjs/common';
import { Database, execute, queryRows, sql } from '../../database/database.js';
import { OPEN_ATTEMPT_STATES } from '../domain/states.js';

const OPEN = [...OPEN_ATTEMPT_STATES] as string[];

export interface LaneLoad {
  id: string;
  capacity: number;
  state: 'open' | 'paused' | 'draining';
  /** Slots in use. */
  open: number;
  waiting: number;
  oldestWaitingSeconds: number | null;
}

/** Lanes and routes with what is on them now. */
@Injectable()
export class CapacityRepository {
  constructor(private readonly db: Database) {}

  async lanes(): Promise<LaneLoad[]> {
    return queryRows<LaneLoad>(
      this.db,
      sql`SELECT lane.id, lane.capacity, lane.state, coalesce(a.open, 0)::int AS open, coalesce(w.waiting, 0)::int AS waiting,
            w.oldest::float8 AS "oldestWaitingSeconds"
          FROM lane
          LEFT JOIN (SELECT lane, count(*) AS open FROM attempt WHERE state = ANY(${OPEN}) AND slot_until > now() GROUP BY lane) a ON a.lane = lane.id
          LEFT JOIN (SELECT lane, count(*) AS waiting, extract(epoch FROM now() - min(queued_at)) AS oldest FROM job WHERE stage = 'waiting' GROUP BY lane) w
            ON w.lane = lane.id
          ORDER BY lane.id`,
    );
  }

  /** False: there is no such lane. */
  async setLaneState(id: string, state: LaneLoad['state']): Promise<boolean> {
    return (await execute(this.db, sql`UPDATE lane SET state = ${state}, updated_at = now() WHERE id = ${id}`)) === 1;
  }

  /** Open attempts by route id. */
  async openByRoute(): Promise<Map<string, number>> {
    const rows = await queryRows<{ route: string; open: number }>(
      this.db,
      sql`SELECT route ->> 'id' AS route, count(*)::int AS open FROM attempt WHERE state = ANY(${OPEN}) GROUP BY 1`,
    );
    return new Map(rows.map((row) => [row.route, row.open]));
  }
}

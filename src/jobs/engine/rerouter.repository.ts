import { Injectable } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import { Database, queryRows, sql, type Sql } from '../../database/database.js';
import { JobsRepository } from '../store/jobs.repository.js';
import { OPEN_ATTEMPT_STATES, type JobStatus } from '../domain/states.js';

const OPEN = [...OPEN_ATTEMPT_STATES] as string[];
const BATCH = 200;
/** A shorter cooldown is cheaper to wait for than another provider's price. */
const LONG_COOLDOWN = '20 seconds';

interface Stuck {
  id: string;
  status: JobStatus;
  from: number;
  /** The plan's index where it goes on. */
  to: number;
  lane: string;
}

/** Moves waiting jobs on where their plan has an open route behind: off routes that are closed, and out of full lanes that may spill. */
@Injectable()
export class RerouterRepository {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly catalog: Catalog,
  ) {}

  async run(): Promise<void> {
    await this.offClosedRoutes();
    await this.outOfFullLanes();
  }

  /** Paused, draining, refused, or cooling down for long. */
  private async offClosedRoutes(): Promise<void> {
    await this.moveOn(
      'route_closed',
      sql`WITH closed AS (
            SELECT id FROM route_state WHERE state <> 'open' OR cooldown_until > now() + ${LONG_COOLDOWN}::interval
          )
          SELECT job.id, job.status, job.plan_index AS "from", better.i::int AS "to", job.plan -> better.i ->> 'lane' AS lane
          FROM job CROSS JOIN LATERAL (
            SELECT i FROM generate_series(job.plan_index + 1, jsonb_array_length(job.plan) - 1) AS i
            WHERE job.plan -> i ->> 'id' NOT IN (SELECT id FROM route_state WHERE state <> 'open' OR cooldown_until > now()) ORDER BY i LIMIT 1
          ) better
          WHERE job.stage = 'waiting' AND EXISTS (SELECT 1 FROM closed) AND job.plan -> job.plan_index ->> 'id' IN (SELECT id FROM closed)
            AND coalesce((job.routing ->> 'allowFallback')::boolean, true)
          LIMIT ${BATCH}::int`,
    );
  }

  /** No slot is free, the route's `spill` does not want to wait (longer), and a later route's lane has room. */
  private async outOfFullLanes(): Promise<void> {
    const lanes = this.catalog
      .models()
      .flatMap(({ routes }) => routes.filter(({ spill }) => spill !== 'never').map(({ lane }) => lane));
    if (lanes.length === 0) return;
    await this.moveOn(
      'lane_full',
      sql`WITH room AS (
            SELECT lane.id, lane.capacity - (SELECT count(*) FROM attempt WHERE attempt.lane = lane.id AND state = ANY(${OPEN}) AND slot_until > now()) AS free
            FROM lane WHERE state = 'open'
          ), closed AS (
            SELECT id FROM route_state WHERE state <> 'open' OR cooldown_until > now()
          ), spilling AS (
            SELECT job.id, job.status, job.plan_index AS "from", job.queued_at, better.i::int AS "to", better.lane,
              row_number() OVER (PARTITION BY better.lane ORDER BY job.queued_at, job.id) AS place
            FROM job CROSS JOIN LATERAL (
              SELECT i, job.plan -> i ->> 'lane' AS lane FROM generate_series(job.plan_index + 1, jsonb_array_length(job.plan) - 1) AS i
              WHERE job.plan -> i ->> 'id' NOT IN (SELECT id FROM closed) AND job.plan -> i ->> 'lane' IN (SELECT id FROM room WHERE free > 0)
              ORDER BY i LIMIT 1
            ) better
            WHERE job.stage = 'waiting' AND job.lane = ANY(${[...new Set(lanes)]}) AND job.lane IN (SELECT id FROM room WHERE free <= 0)
              AND job.ready_at <= now() AND coalesce((job.routing ->> 'allowFallback')::boolean, true)
              AND (job.plan -> job.plan_index ->> 'spill' = 'at_once'
                OR (job.plan -> job.plan_index -> 'spill' ->> 'afterMs')::float8 <= extract(epoch FROM now() - greatest(job.queued_at, job.ready_at)) * 1000)
          )
          SELECT spilling.id, spilling.status, spilling."from", spilling."to", spilling.lane
          FROM spilling JOIN room ON room.id = spilling.lane
          -- No more to a lane than it has room for: what spills must not only wait elsewhere.
          WHERE spilling.place <= room.free ORDER BY spilling.queued_at LIMIT ${BATCH}::int`,
    );
  }

  private async moveOn(reason: string, stuck: Sql): Promise<void> {
    for (const { id, status, from, to, lane } of await queryRows<Stuck>(this.db, stuck)) {
      await this.jobs.move(this.db, {
        jobId: id,
        planIndex: from,
        transition: status === 'queued' ? 'rerouted' : 'rerouted_again',
        data: { reason },
        set: [sql`plan_index = ${to}::int`, sql`lane = ${lane}`],
      });
    }
  }
}

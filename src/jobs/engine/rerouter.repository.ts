import { Injectable } from '@nestjs/common';
import { Database, queryRows, sql } from '../../database/database.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobStatus } from '../domain/states.js';

const BATCH = 200;
/** A shorter cooldown is cheaper to wait for than another provider's price. */
const LONG_COOLDOWN = '20 seconds';

/** Moves waiting jobs off routes that are paused, draining, refused or cooling down for long, where their plan has an open one behind. */
@Injectable()
export class RerouterRepository {
  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
  ) {}

  async run(): Promise<void> {
    const stuck = await queryRows<{ id: string; status: JobStatus; to: number; lane: string }>(
      this.db,
      sql`WITH closed AS (
            SELECT id FROM route_state WHERE state <> 'open' OR cooldown_until > now() + ${LONG_COOLDOWN}::interval
          )
          SELECT job.id, job.status, better.i::int AS "to", job.plan -> better.i ->> 'lane' AS lane
          FROM job CROSS JOIN LATERAL (
            SELECT i FROM generate_series(job.plan_index + 1, jsonb_array_length(job.plan) - 1) AS i
            WHERE job.plan -> i ->> 'id' NOT IN (SELECT id FROM route_state WHERE state <> 'open' OR cooldown_until > now()) ORDER BY i LIMIT 1
          ) better
          WHERE job.stage = 'waiting' AND EXISTS (SELECT 1 FROM closed) AND job.plan -> job.plan_index ->> 'id' IN (SELECT id FROM closed)
            AND coalesce((job.routing ->> 'allowFallback')::boolean, true)
          LIMIT ${BATCH}::int`,
    );
    for (const { id, status, to, lane } of stuck) {
      await this.jobs.move(this.db, {
        jobId: id,
        transition: status === 'queued' ? 'rerouted' : 'rerouted_again',
        data: { reason: 'route_closed' },
        set: [sql`plan_index = ${to}::int`, sql`lane = ${lane}`],
      });
    }
  }
}

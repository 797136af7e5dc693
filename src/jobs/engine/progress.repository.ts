import { Injectable } from '@nestjs/common';
import { Database, execute, sql } from '../../database/database.js';
import { Notifier } from './notifier.js';

/** A run's progress, 0 to 1. It only grows while the run lasts, and is no transition: no event, no version. */
@Injectable()
export class ProgressRepository {
  constructor(
    private readonly db: Database,
    private readonly notifier: Notifier,
  ) {}

  async save(jobId: string, attemptId: string, progress: number): Promise<void> {
    const value = Math.min(Math.max(progress, 0), 0.99);
    const changed = await execute(
      this.db,
      // Job before attempt, as everywhere.
      sql`WITH locked AS (SELECT id FROM job WHERE id = ${jobId} AND stage = 'generating' FOR NO KEY UPDATE),
          seen AS (
            UPDATE attempt SET progress = ${value}::float8 FROM locked
            WHERE attempt.id = ${attemptId} AND attempt.job_id = locked.id AND state = 'running' AND coalesce(progress, 0) < ${value}::float8 RETURNING job_id
          )
          UPDATE job SET progress = ${value}::float8, updated_at = now() FROM seen WHERE job.id = seen.job_id`,
    );
    if (changed > 0) this.notifier.changed(jobId);
  }
}

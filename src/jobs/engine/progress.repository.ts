import { Injectable } from '@nestjs/common';
import { Database, queryRow, sql, type Tx } from '../../database/database.js';
import { PROGRESS_EVENT } from '../../webhooks/progress-event.js';
import { camelRow, type JobRow } from '../store/rows.js';

/** A run's progress, 0 to 1. It only grows while the run lasts, and is no transition: no version, and an event only where it is told. */
@Injectable()
export class ProgressRepository {
  constructor(private readonly db: Database) {}

  /** Null where it is nothing new. */
  async save(
    jobId: string,
    attemptId: string,
    progress: number,
  ): Promise<Pick<JobRow, 'id' | 'keyId' | 'webhook'> | null> {
    const value = Math.min(Math.max(progress, 0), 0.99);
    return queryRow<Pick<JobRow, 'id' | 'keyId' | 'webhook'>>(
      this.db,
      // Job before attempt, as everywhere.
      sql`WITH locked AS (SELECT id FROM job WHERE id = ${jobId} AND stage = 'generating' FOR NO KEY UPDATE),
          seen AS (
            UPDATE attempt SET progress = ${value}::float8 FROM locked
            WHERE attempt.id = ${attemptId} AND attempt.job_id = locked.id AND state = 'running' AND coalesce(progress, 0) < ${value}::float8 RETURNING job_id
          )
          UPDATE job SET progress = ${value}::float8, updated_at = now() FROM seen WHERE job.id = seen.job_id
          RETURNING job.id, job.key_id AS "keyId", job.webhook`,
    );
  }

  /**
   * An event of the job that tells its progress, numbered as every other. Null where the job is over, where the last one is
   * younger than `everyMs`, and where it told the same stage and less than `step` less progress.
   */
  async append(tx: Tx, jobId: string, { everyMs, step }: { everyMs: number; step: number }): Promise<JobRow | null> {
    // Locked in a statement of its own: the next one sees the event of whoever had the lock.
    await queryRow(tx, sql`SELECT id FROM job WHERE id = ${jobId} FOR NO KEY UPDATE`);
    const row = await queryRow(
      tx,
      sql`WITH last AS (
            SELECT created_at, data FROM job_event WHERE job_id = ${jobId} AND type = ${PROGRESS_EVENT} ORDER BY seq DESC LIMIT 1
          ), told AS (
            UPDATE job SET event_seq = event_seq + 1, updated_at = now()
            WHERE id = ${jobId} AND stage IN ('generating', 'storing', 'processing') AND deleted_at IS NULL
              AND NOT EXISTS (SELECT 1 FROM last WHERE created_at > now() - ${everyMs}::float8 * interval '1 millisecond'
                OR (data ->> 'run' = job.run::text AND data ->> 'stage' = job.stage
                  AND coalesce(job.progress, 0) - coalesce((data ->> 'progress')::float8, 0) < ${step}::float8))
            RETURNING *
          ), event AS (
            INSERT INTO job_event (job_id, seq, type, data)
            SELECT id, event_seq, ${PROGRESS_EVENT}, jsonb_build_object('run', run, 'stage', stage, 'progress', progress) FROM told
          )
          SELECT * FROM told`,
    );
    return row && camelRow<JobRow>(row);
  }
}

import { Injectable } from '@nestjs/common';
import { Database, execute, queryRow, queryRows, sql, type Tx } from '../../database/database.js';
import { OPEN_ATTEMPT_STATES, type JobStage, type JobStatus } from '../domain/states.js';
import { JOB_COLUMNS } from '../store/columns.js';
import { camelRow, type AttemptRow, type JobRow } from '../store/rows.js';

const OPEN = [...OPEN_ATTEMPT_STATES] as string[];

/** Steps that never finished before ops are asked to look. */
export const MAX_CLAIMS = 3;

/** How many times the grace a message may be late where a long line stands before the workers. */
const CONGESTED_PATIENCE = 30;

/** A live job is never left without a wake: a step that lost its race and has nothing to do looks again after this. */
const UNEXPECTED_IDLE_MS = 15_000;

/** Whether the submit of the job's present route takes as long as its work. */
const SYNCHRONOUS = sql`coalesce((job.plan -> job.plan_index ->> 'synchronous')::boolean, false)`;

export interface Claim {
  job: JobRow;
  token: string;
  /** Attempts of the present run, oldest first. */
  attempts: AttemptRow[];
  /** Open attempts of earlier runs: orphans, whose task came back after the job was replayed. */
  leftovers: AttemptRow[];
  /** The database's clock when the claim was made. */
  now: Date;
}

export type Taken =
  | { kind: 'taken'; claim: Claim }
  /** Deleted, quarantined, or another message is the job's clock now. */
  | { kind: 'gone' }
  /** Not due yet, or another worker is at it. */
  | { kind: 'later'; delayMs: number }
  | { kind: 'poisoned'; job: JobRow };

export interface Released {
  tick: number;
  ring: number;
  status: JobStatus;
  stage: JobStage | null;
  delayMs: number | null;
}

/** Whose turn it is on a job: claims, rings, and what the reconciler finds. All times are the database's. */
@Injectable()
export class ClaimsRepository {
  constructor(private readonly db: Database) {}

  /** Takes the job for one step. The counter of claims goes back to 0 only when a step ends, so a step that kills its worker is found out. */
  async take(jobId: string, n: number, token: string, leaseMs: number): Promise<Taken> {
    const row = await queryRow<{ dbNow: Date }>(
      this.db,
      sql`UPDATE job SET claims = claims + 1, claim_token = ${token}, claim_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
          WHERE id = ${jobId} AND tick = ${n}::int AND quarantined_at IS NULL AND (claim_until IS NULL OR claim_until < now())
            AND (wake_at IS NULL OR wake_at <= now() + interval '20 milliseconds')
          RETURNING ${JOB_COLUMNS}, now() AS "dbNow"`,
      { name: 'job.claim' },
    );
    if (row) {
      const { dbNow, ...columns } = row;
      const job = camelRow<JobRow>(columns);
      if (job.claims > MAX_CLAIMS) return { kind: 'poisoned', job };
      const attempts = await queryRows(
        this.db,
        sql`SELECT * FROM attempt WHERE job_id = ${jobId} AND (run = ${job.run}::int OR state = ANY(${OPEN})) ORDER BY run, seq`,
      );
      const rows = attempts.map((one) => camelRow<AttemptRow>(one));
      const ofRun = rows.filter((one) => one.run === job.run);
      const leftovers = rows.filter((one) => one.run !== job.run);
      return { kind: 'taken', claim: { job, token, now: dbNow, attempts: ofRun, leftovers } };
    }
    const why = await queryRow<{ wait: number | null; busy: number | null }>(
      this.db,
      sql`SELECT (extract(epoch FROM wake_at - now()) * 1000)::float8 AS wait, (extract(epoch FROM claim_until - now()) * 1000)::float8 AS busy
          FROM job WHERE id = ${jobId} AND tick = ${n}::int AND quarantined_at IS NULL`,
    );
    if (!why) return { kind: 'gone' };
    if (why.busy !== null && why.busy > 0)
      return { kind: 'later', delayMs: Math.min(why.busy, 250) + Math.random() * 250 };
    return { kind: 'later', delayMs: Math.max(why.wait ?? 0, 10) };
  }

  /** Keeps a long step's claim. False: it was lost, and the step must stop. */
  async renew(claim: Claim, leaseMs: number): Promise<boolean> {
    const changed = await execute(
      this.db,
      sql`UPDATE job SET claim_until = now() + ${leaseMs}::float8 * interval '1 millisecond' WHERE id = ${claim.job.id} AND claim_token = ${claim.token}`,
    );
    return changed === 1;
  }

  /**
   * Ends a step. Its next wake is stored only where nobody rang meanwhile, else the job is due at once: a callback during a
   * poll must not be lost to the poll's back-off. A waiting job is woken by admission, by its deadline, and where a stray
   * attempt is due in `strayMs`. `finished: false` leaves the count of claims standing.
   */
  async release(
    claim: Claim,
    { nextMs, strayMs, finished }: { nextMs: number | null; strayMs: number | null; finished: boolean },
  ): Promise<Released | null> {
    const delay = sql`now() + ${nextMs ?? UNEXPECTED_IDLE_MS}::float8 * interval '1 millisecond'`;
    return queryRow<Released>(
      this.db,
      sql`UPDATE job SET claim_token = NULL, claim_until = NULL, claims = CASE WHEN ${finished}::boolean THEN 0 ELSE claims END,
            wake_at = CASE WHEN status NOT IN ('queued', 'running') THEN NULL
                           WHEN stage = 'waiting' THEN least(deadline_at, CASE WHEN started_at IS NULL THEN start_by END, now() + ${strayMs}::float8 * interval '1 millisecond')
                           WHEN ring = ${claim.job.ring}::int THEN ${delay} ELSE now() END
          WHERE id = ${claim.job.id} AND claim_token = ${claim.token}
          RETURNING tick, ring, status, stage, (greatest(extract(epoch FROM wake_at - now()) * 1000, 0))::float8 AS "delayMs"`,
      { name: 'job.release' },
    );
  }

  /** Gives an unfinished step's claim back: this process stops, or lost the database. It says nothing about the job, so it does not count. */
  async giveBack(claim: Claim): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE job SET claim_token = NULL, claim_until = NULL, claims = greatest(claims - 1, 0) WHERE id = ${claim.job.id} AND claim_token = ${claim.token}`,
    );
  }

  /** A doorbell: makes the job due now, or soon, and names a new tick, which the caller enqueues. Never bumps `version`. */
  async ring(
    jobId: string,
    { db = this.db, delayMs = 0 }: { db?: Tx; delayMs?: number } = {},
  ): Promise<{ tick: number; stage: JobStage | null; synchronous: boolean; delayMs: number } | null> {
    const due = sql`now() + ${delayMs}::float8 * interval '1 millisecond'`;
    return queryRow(
      db,
      sql`UPDATE job SET ring = ring + 1, tick = tick + 1, wake_at = CASE WHEN status IN ('queued', 'running') THEN least(wake_at, ${due}) ELSE wake_at END
          WHERE id = ${jobId} AND quarantined_at IS NULL
          RETURNING tick, stage, ${SYNCHRONOUS} AS synchronous, greatest(extract(epoch FROM coalesce(wake_at, ${due}) - now()) * 1000, 0)::float8 AS "delayMs"`,
    );
  }

  /** Hands the job to a message in another queue. Null: someone rang meanwhile, and that message goes on. */
  async handOver(jobId: string, tick: number): Promise<number | null> {
    const row = await queryRow<{ tick: number }>(
      this.db,
      sql`UPDATE job SET tick = tick + 1 WHERE id = ${jobId} AND tick = ${tick}::int RETURNING tick`,
    );
    return row?.tick ?? null;
  }

  async quarantine(jobId: string, reason: string): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE job SET quarantined_at = now(), quarantine_reason = ${reason}, wake_at = NULL, claim_token = NULL, claim_until = NULL WHERE id = ${jobId}`,
    );
  }

  /** Ops looked: the job goes on from where it was. */
  async unquarantine(jobId: string): Promise<boolean> {
    const changed = await execute(
      this.db,
      sql`UPDATE job SET quarantined_at = NULL, quarantine_reason = NULL, claims = 0, wake_at = now() WHERE id = ${jobId} AND quarantined_at IS NOT NULL`,
    );
    return changed === 1;
  }

  /** Names a new tick for jobs whose clock was lost, in one bounded batch; SKIP LOCKED lets every worker do a part. Stages in `congested` are late, not lost. */
  async ringOverdue(
    graceMs: number,
    limit: number,
    congested: readonly JobStage[],
  ): Promise<{ id: string; tick: number; stage: JobStage | null; synchronous: boolean }[]> {
    return queryRows(
      this.db,
      sql`WITH due AS (
            SELECT id FROM job
            WHERE wake_at < now() - (CASE WHEN stage = 'waiting' THEN 0 WHEN stage = ANY(${[...congested]}) THEN ${graceMs * CONGESTED_PATIENCE}::float8
              ELSE ${graceMs}::float8 END) * interval '1 millisecond'
              AND (claim_until IS NULL OR claim_until < now()) AND quarantined_at IS NULL
            ORDER BY wake_at LIMIT ${limit}::int FOR UPDATE SKIP LOCKED
          )
          UPDATE job SET ring = ring + 1, tick = tick + 1, wake_at = now() FROM due WHERE job.id = due.id
          RETURNING job.id, job.tick, job.stage, ${SYNCHRONOUS} AS synchronous`,
    );
  }

  /** Same for open attempts of jobs that are over, which have no clock of their own, and of jobs that wait for a slot, whose clock is the deadline. */
  async ringOverdueAttempts(graceMs: number, limit: number): Promise<{ id: string; tick: number }[]> {
    return queryRows(
      this.db,
      sql`WITH due AS (
            SELECT id FROM job WHERE id IN (
              SELECT attempt.job_id FROM attempt JOIN job j ON j.id = attempt.job_id
              WHERE attempt.wake_at < now() - ${graceMs}::float8 * interval '1 millisecond' AND attempt.state = ANY(${OPEN}) AND j.quarantined_at IS NULL
                AND (j.wake_at IS NULL OR (j.stage = 'waiting' AND j.wake_at > now()))
                AND (j.claim_until IS NULL OR j.claim_until < now())
              ORDER BY attempt.wake_at LIMIT ${limit}::int
            ) FOR UPDATE SKIP LOCKED
          ), pushed AS (
            UPDATE attempt SET wake_at = now() FROM due WHERE attempt.job_id = due.id AND attempt.wake_at < now()
          )
          UPDATE job SET ring = ring + 1, tick = tick + 1, wake_at = CASE WHEN wake_at IS NOT NULL THEN now() END FROM due
          WHERE job.id = due.id RETURNING job.id, job.tick`,
    );
  }
}

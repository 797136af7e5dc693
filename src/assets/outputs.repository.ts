import { z } from 'zod';
import { type Database, execute, queryRow, sql, type Tx } from '../database/database.js';
import type { Output } from '../database/generated/client.js';

export type OutputRow = Output;

/** Column `output.variants`. */
const storedVariants = z.record(z.string(), z.object({ key: z.string(), contentType: z.string(), bytes: z.number() }));
export type StoredVariants = z.infer<typeof storedVariants>;
export const variantsOf = (row: Pick<OutputRow, 'variants'>): StoredVariants => storedVariants.parse(row.variants);

export interface NewOutput {
  id: string;
  jobId: string;
  keyId: string;
  run: number;
  n: number;
  type: string;
  name: string | null;
  objectKey: string;
  contentType: string;
  bytes: number;
  sha256: string;
  retentionSeconds: number;
}

export interface OutputFacts {
  objectKey: string;
  contentType: string;
  bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
  fps: number | null;
  hasAudio: boolean | null;
  blurhash: string | null;
  variants: StoredVariants;
}

/** Table `output`. */
export class OutputsRepository {
  constructor(private readonly db: Database) {}

  async insert(tx: Tx, rows: NewOutput[]): Promise<void> {
    for (const row of rows) {
      await execute(
        tx,
        sql`
        INSERT INTO output (id, job_id, key_id, run, n, type, name, object_key, content_type, bytes, sha256, expires_at)
        VALUES (${row.id}, ${row.jobId}, ${row.keyId}, ${row.run}::int, ${row.n}::int, ${row.type}, ${row.name}, ${row.objectKey},
                ${row.contentType}, ${row.bytes}::bigint, ${row.sha256}, now() + ${row.retentionSeconds} * interval '1 second')
        ON CONFLICT (job_id, run, n) DO NOTHING`,
      );
    }
  }

  /** Facts found later; the time to live begins anew, with the job's end. */
  async saveFacts(tx: Tx, where: { jobId: string; run: number; n: number }, facts: OutputFacts): Promise<void> {
    await execute(
      tx,
      sql`
      UPDATE output SET object_key = ${facts.objectKey}, content_type = ${facts.contentType}, bytes = ${facts.bytes}::bigint, sha256 = ${facts.sha256},
             width = ${facts.width}::int, height = ${facts.height}::int, duration_seconds = ${facts.durationSeconds}::float8, fps = ${facts.fps}::float8,
             has_audio = ${facts.hasAudio}::boolean, blurhash = ${facts.blurhash}, variants = ${JSON.stringify(facts.variants)}::jsonb,
             expires_at = now() + (expires_at - created_at)
      WHERE job_id = ${where.jobId} AND run = ${where.run} AND n = ${where.n}`,
    );
  }

  async ofRun(jobId: string, run: number): Promise<OutputRow[]> {
    return this.db.output.findMany({ where: { jobId, run }, orderBy: { n: 'asc' } });
  }

  async forJobs(jobIds: readonly string[], db: Tx = this.db): Promise<OutputRow[]> {
    if (jobIds.length === 0) return [];
    return db.output.findMany({ where: { jobId: { in: [...jobIds] } }, orderBy: [{ run: 'asc' }, { n: 'asc' }] });
  }

  /** Of the job's newest run that has outputs. */
  async find(keyId: string, jobId: string, n: number): Promise<OutputRow | null> {
    return this.db.output.findFirst({ where: { keyId, jobId, n }, orderBy: { run: 'desc' } });
  }

  /** For the worker and for signed links, where the id itself was trusted before. */
  async findAny(id: string): Promise<OutputRow | null> {
    return this.db.output.findUnique({ where: { id } });
  }

  /** Locks first and looks at the pins after it: a pin takes the same locks. */
  async lockAndFindPin(tx: Tx, jobId: string): Promise<boolean> {
    await execute(tx, sql`SELECT 1 FROM output WHERE job_id = ${jobId} FOR UPDATE`);
    const pinned = await queryRow(
      tx,
      sql`SELECT 1 AS one FROM asset_pin p JOIN output o ON o.id = p.asset_id WHERE o.job_id = ${jobId} LIMIT 1`,
    );
    return pinned !== null;
  }

  async tombstone(jobId: string): Promise<void> {
    await execute(this.db, sql`UPDATE output SET deleted_at = coalesce(deleted_at, now()) WHERE job_id = ${jobId}`);
  }

  async deleteRows(jobId: string): Promise<void> {
    await this.db.output.deleteMany({ where: { jobId } });
  }

  /** Expired ones whose objects are there still, marked as deleted now; never one that a live job reads. */
  async expire(limit: number): Promise<OutputRow[]> {
    return this.db.transaction(async (tx) => {
      const rows = await tx.$queryRaw<{ id: string }[]>(sql`
        UPDATE output SET deleted_at = now() WHERE id IN (
          SELECT id FROM output o WHERE expires_at < now() AND deleted_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM asset_pin p WHERE p.asset_id = o.id)
          ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
        RETURNING id`);
      return tx.output.findMany({ where: { id: { in: rows.map(({ id }) => id) } } });
    });
  }
}

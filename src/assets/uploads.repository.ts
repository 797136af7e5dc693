import type { Page } from '../common/page.js';
import { pageArgs } from '../common/page.js';
import type { JsonObject } from '../common/json.js';
import { type Database, execute, queryRow, queryRows, sql, type Tx } from '../database/database.js';
import type { Upload } from '../database/generated/client.js';
import type { MediaKind } from '../providers/contract.js';

/**
 * `awaiting`: its bytes are not here yet (a presigned PUT, or a URL that a worker will fetch); clients see `pending`.
 * `pending → ready | rejected` is decided in the worker.
 */
export type UploadStatus = 'awaiting' | 'pending' | 'ready' | 'rejected';
export type UploadSource = 'multipart' | 'presigned' | 'data' | 'url';
export type UploadRow = Upload;

export interface NewUpload {
  id: string;
  keyId: string;
  status: Extract<UploadStatus, 'awaiting' | 'pending'>;
  source: UploadSource;
  filename: string | null;
  stagingKey: string;
  bytes: number | null;
  sha256?: string;
  declared: JsonObject;
  ttlSeconds: number;
}

export interface Decided {
  objectKey: string;
  contentType: string;
  bytes: number;
  sha256: string;
  kind: MediaKind;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
}

export interface Rejection {
  code: string;
  message: string;
}

/** A worker's hold on one upload. The database's clock makes each lease end unique, so it also fences the writes under it. */
export interface UploadClaim {
  row: UploadRow;
  until: Date;
}

/** Table `upload`. */
export class UploadsRepository {
  constructor(private readonly db: Database) {}

  async insert(upload: NewUpload, db: Tx = this.db): Promise<void> {
    await execute(
      db,
      sql`
      INSERT INTO upload (id, key_id, status, source, filename, staging_key, bytes, sha256, declared, expires_at)
      VALUES (${upload.id}, ${upload.keyId}, ${upload.status}, ${upload.source}, ${upload.filename}, ${upload.stagingKey}, ${upload.bytes}::bigint,
              ${upload.sha256 ?? null}, ${JSON.stringify(upload.declared)}::jsonb, now() + ${upload.ttlSeconds} * interval '1 second')`,
    );
  }

  async find(keyId: string, id: string): Promise<UploadRow | null> {
    return this.db.upload.findFirst({ where: { id, keyId, deletedAt: null } });
  }

  /** For the worker and for signed links, where the id itself was trusted before. */
  async findAny(id: string): Promise<UploadRow | null> {
    return this.db.upload.findFirst({ where: { id, deletedAt: null } });
  }

  async list(keyId: string, page: Page): Promise<UploadRow[]> {
    const { id, ...args } = pageArgs(page);
    return this.db.upload.findMany({ where: { keyId, deletedAt: null, id }, ...args });
  }

  /** The bytes have arrived. False where they had before. */
  async arrived(id: string, bytes: number, ttlSeconds: number): Promise<boolean> {
    const moved = await execute(
      this.db,
      sql`
      UPDATE upload SET status = 'pending', bytes = ${bytes}::bigint, claims = 0, claim_until = NULL,
                        expires_at = now() + ${ttlSeconds} * interval '1 second'
      WHERE id = ${id} AND status = 'awaiting' AND deleted_at IS NULL`,
    );
    return moved > 0;
  }

  /** Null while another worker holds it, or when there is nothing to do. */
  async claim(id: string, status: UploadStatus, leaseSeconds: number): Promise<UploadClaim | null> {
    const claimed = await queryRow<{ until: Date }>(
      this.db,
      sql`
      UPDATE upload SET claims = claims + 1, claim_until = now() + ${leaseSeconds} * interval '1 second'
      WHERE id = ${id} AND status = ${status} AND deleted_at IS NULL AND (claim_until IS NULL OR claim_until < now())
      RETURNING claim_until AS until`,
    );
    const row = claimed && (await this.findAny(id));
    return claimed && row && { row, until: claimed.until };
  }

  /** After trouble that is not the upload's fault: the claim does not count, and nobody tries for a moment. */
  async giveBack({ row, until }: UploadClaim, delaySeconds: number, counts: boolean): Promise<void> {
    await execute(
      this.db,
      sql`
      UPDATE upload SET claims = claims - ${counts ? 0 : 1}, claim_until = now() + ${delaySeconds} * interval '1 second'
      WHERE id = ${row.id} AND claim_until = ${until}`,
    );
  }

  /** False: another worker took over, or it was deleted. */
  async markReady({ row, until }: UploadClaim, facts: Decided): Promise<boolean> {
    const moved = await execute(
      this.db,
      sql`
      UPDATE upload SET status = 'ready', object_key = ${facts.objectKey}, content_type = ${facts.contentType}, bytes = ${facts.bytes}::bigint,
             sha256 = ${facts.sha256}, kind = ${facts.kind}, width = ${facts.width}::int, height = ${facts.height}::int,
             duration_seconds = ${facts.durationSeconds}::float8, decided_at = now(), staging_key = NULL, claim_until = NULL
      WHERE id = ${row.id} AND status = 'pending' AND claim_until = ${until} AND deleted_at IS NULL`,
    );
    return moved > 0;
  }

  async markRejected({ row, until }: UploadClaim, error: Rejection): Promise<boolean> {
    const moved = await execute(
      this.db,
      sql`
      UPDATE upload SET status = 'rejected', error = ${JSON.stringify(error)}::jsonb, decided_at = now(), staging_key = NULL, claim_until = NULL
      WHERE id = ${row.id} AND status IN ('pending', 'awaiting') AND claim_until = ${until}`,
    );
    return moved > 0;
  }

  /**
   * Marks it deleted unless a live job reads it. The row lock comes first and the pins are read after it: a pin takes the
   * same lock, so of a pin and a delete one sees the other.
   */
  async tombstone(keyId: string, id: string): Promise<UploadRow | 'pinned' | null> {
    return this.db.transaction(async (tx) => {
      const locked = await queryRow(
        tx,
        sql`SELECT 1 AS one FROM upload WHERE id = ${id} AND key_id = ${keyId} AND deleted_at IS NULL FOR UPDATE`,
      );
      if (locked === null) return null;
      const pinned = await queryRow(tx, sql`SELECT 1 AS one FROM asset_pin WHERE asset_id = ${id} LIMIT 1`);
      if (pinned !== null) return 'pinned';
      return tx.upload.update({ where: { id }, data: { deletedAt: new Date() } });
    });
  }

  /** Undecided ones that no worker holds and whose queue message should have come long ago. */
  async overdue(limit: number): Promise<string[]> {
    const rows = await queryRows<{ id: string }>(
      this.db,
      sql`
      SELECT id FROM upload WHERE status = 'pending' AND deleted_at IS NULL AND created_at < now() - interval '10 seconds'
        AND (claim_until IS NULL OR claim_until < now()) ORDER BY created_at LIMIT ${limit}`,
    );
    return rows.map(({ id }) => id);
  }

  /** Past their time, or deleted with objects left behind; never one that a live job reads. */
  async removable(limit: number): Promise<UploadRow[]> {
    const rows = await queryRows<{ id: string }>(
      this.db,
      sql`
      UPDATE upload SET deleted_at = coalesce(deleted_at, now()) WHERE id IN (
        SELECT id FROM upload u WHERE (expires_at < now() OR deleted_at IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM asset_pin p WHERE p.asset_id = u.id)
        ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      RETURNING id`,
    );
    return this.db.upload.findMany({ where: { id: { in: rows.map(({ id }) => id) } } });
  }

  async deleteRow(id: string): Promise<void> {
    await this.db.upload.deleteMany({ where: { id } });
  }
}

import { Injectable } from '@nestjs/common';
import { Database, execute, queryRow, sql, type Sql, type Tx } from '../database/database.js';
import type { Sealed } from '../keys/sealed.js';

/** How long a key stands for its first request. */
const LIFE = sql`interval '24 hours'`;
/** Fingerprint of a body that is still being read. */
export const UNREAD = '';

export interface IdempotencyScope {
  keyId: string;
  path: string;
  /** The header's value. */
  key: string;
}

export interface IdempotencyRow {
  fingerprint: string;
  /** The job that the request made, where an insert of that job is the answer. */
  workId: string | null;
  answer: Sealed | null;
}

/** Table `idempotency`: what a request with a key was, who is at work on it, and what it was answered. */
@Injectable()
export class IdempotencyRepository {
  constructor(private readonly db: Database) {}

  /** False: the key is taken, by a request that was answered or whose owner is alive. */
  async claim(scope: IdempotencyScope, fingerprint: string, ownerToken: string, leaseMs: number): Promise<boolean> {
    const claimed = await execute(
      this.db,
      sql`INSERT INTO idempotency (key_id, path, idem_key, fingerprint, owner_token, owner_until)
          VALUES (${scope.keyId}, ${scope.path}, ${scope.key}, ${fingerprint}, ${ownerToken}, ${until(leaseMs)})
          ON CONFLICT (key_id, path, idem_key) DO UPDATE SET fingerprint = excluded.fingerprint, owner_token = excluded.owner_token,
            owner_until = excluded.owner_until, work_id = NULL, answer = NULL, created_at = now()
          WHERE idempotency.created_at <= now() - ${LIFE}
             OR (idempotency.owner_until < now() AND idempotency.fingerprint IN (${UNREAD}, excluded.fingerprint))`,
    );
    return claimed === 1;
  }

  async renew(scope: IdempotencyScope, ownerToken: string, leaseMs: number): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE idempotency SET owner_until = ${until(leaseMs)} WHERE ${owned(scope, ownerToken)}`,
    );
  }

  /** From now on the key has this answer. False where another owner took over meanwhile. */
  async store(scope: IdempotencyScope, ownerToken: string, fingerprint: string, answer: Sealed): Promise<boolean> {
    const stored = await execute(
      this.db,
      sql`UPDATE idempotency SET fingerprint = ${fingerprint}, answer = ${JSON.stringify(answer)}::jsonb, owner_token = NULL, owner_until = NULL
          WHERE ${owned(scope, ownerToken)}`,
    );
    return stored === 1;
  }

  /** The key is free again. */
  async release(scope: IdempotencyScope, ownerToken: string): Promise<void> {
    await execute(this.db, sql`DELETE FROM idempotency WHERE ${owned(scope, ownerToken)}`);
  }

  /** What the key stands for; null when it is free. */
  async find(scope: IdempotencyScope, db: Tx = this.db): Promise<IdempotencyRow | null> {
    return queryRow<IdempotencyRow>(
      db,
      sql`SELECT fingerprint, work_id AS "workId", answer FROM idempotency
          WHERE ${at(scope)} AND created_at > now() - ${LIFE}`,
    );
  }

  /** For a statement that inserts a job: one row where the key is free and now stands for `workId`, none where it is taken. */
  claimForWork(scope: IdempotencyScope, fingerprint: string, workId: string): Sql {
    return sql`INSERT INTO idempotency (key_id, path, idem_key, fingerprint, work_id)
      VALUES (${scope.keyId}, ${scope.path}, ${scope.key}, ${fingerprint}, ${workId})
      ON CONFLICT (key_id, path, idem_key) DO UPDATE SET fingerprint = excluded.fingerprint, work_id = excluded.work_id,
        answer = NULL, owner_token = NULL, owner_until = NULL, created_at = now()
      WHERE idempotency.created_at <= now() - ${LIFE}
      RETURNING 1 AS one`;
  }
}

const until = (leaseMs: number): Sql => sql`now() + ${leaseMs}::float8 * interval '1 millisecond'`;
const at = ({ keyId, path, key }: IdempotencyScope): Sql =>
  sql`key_id = ${keyId} AND path = ${path} AND idem_key = ${key}`;
const owned = (scope: IdempotencyScope, ownerToken: string): Sql => sql`${at(scope)} AND owner_token = ${ownerToken}`;

import { type Database, queryRows, sql } from '../database/database.js';
import { PROGRESS_EVENT } from './progress-event.js';

/** Which keys have an endpoint that wants progress. */
export class ProgressListenersRepository {
  constructor(private readonly db: Database) {}

  async keys(): Promise<Set<string>> {
    const rows = await queryRows<{ keyId: string }>(
      this.db,
      sql`SELECT DISTINCT key_id AS "keyId" FROM webhook_endpoint
          WHERE ${PROGRESS_EVENT} = ANY(events) AND disabled_at IS NULL AND deleted_at IS NULL`,
    );
    return new Set(rows.map(({ keyId }) => keyId));
  }
}

import { type Database, execute, queryRows, type Sql, sql, sqlJoin, type Tx } from '../database/database.js';
import type { UploadRow } from './uploads.repository.js';

/** What a live job reads is kept at least this much longer, so that it can be replayed. */
const KEEP_USED_DAYS = 7;

/** Table `asset_pin`, and the uploads that a job's URLs became. */
export class ReferencesRepository {
  constructor(private readonly db: Database) {}

  /**
   * CTEs for the statement that inserts a job: they do nothing when `from` is empty. The update takes the asset's row lock,
   * which a delete takes too.
   */
  pinCtes(jobId: string, assetIds: readonly string[], from: Sql): Sql | null {
    if (assetIds.length === 0) return null;
    const ids = sqlJoin([...assetIds]);
    return sql`pinned_uploads AS (
        UPDATE upload SET used_at = now(), expires_at = greatest(expires_at, now() + ${KEEP_USED_DAYS} * interval '1 day')
        WHERE id IN (${ids}) AND deleted_at IS NULL AND EXISTS (SELECT 1 FROM ${from}) RETURNING id),
      pinned_outputs AS (
        UPDATE output SET expires_at = expires_at
        WHERE id IN (${ids}) AND deleted_at IS NULL AND EXISTS (SELECT 1 FROM ${from}) RETURNING id),
      pins AS (
        INSERT INTO asset_pin (asset_id, job_id)
        SELECT id, ${jobId} FROM (SELECT id FROM pinned_uploads UNION ALL SELECT id FROM pinned_outputs) pinned
        ON CONFLICT DO NOTHING RETURNING asset_id)`;
  }

  /** How many of the assets are there still, and pinned now. */
  async pin(tx: Tx, jobId: string, assetIds: readonly string[]): Promise<number> {
    const ctes = this.pinCtes(jobId, assetIds, sql`(SELECT 1) always`);
    if (ctes === null) return 0;
    const rows = await queryRows<{ id: string }>(
      tx,
      sql`WITH ${ctes} SELECT id FROM pinned_uploads UNION ALL SELECT id FROM pinned_outputs`,
    );
    return rows.length;
  }

  async unpin(tx: Tx, jobId: string): Promise<void> {
    await execute(tx, sql`DELETE FROM asset_pin WHERE job_id = ${jobId}`);
  }

  /** The upload that a URL of this job was fetched into, or will be. */
  async uploadOfUrl(jobId: string, param: string): Promise<UploadRow | null> {
    return this.db.upload
      .findMany({
        where: {
          id: { in: await this.pinnedIds(jobId) },
          source: 'url',
          deletedAt: null,
          declared: { path: ['param'], equals: param },
        },
        orderBy: { id: 'asc' },
        take: 1,
      })
      .then(([row]) => row ?? null);
  }

  private async pinnedIds(jobId: string): Promise<string[]> {
    const pins = await this.db.assetPin.findMany({ where: { jobId }, select: { assetId: true } });
    return pins.map(({ assetId }) => assetId);
  }
}

import { Injectable } from '@nestjs/common';
import { Database, queryRows, sql } from '../database/database.js';

@Injectable()
export class ReadinessRepository {
  constructor(private readonly db: Database) {}

  /** Names of the migrations that this database has. */
  async appliedMigrations(): Promise<string[]> {
    const rows = await queryRows<{ name: string }>(
      this.db,
      sql`SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
    );
    return rows.map(({ name }) => name);
  }
}

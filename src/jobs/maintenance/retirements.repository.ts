import { Injectable } from '@nestjs/common';
import { Database, queryRow, sql } from '../../database/database.js';

@Injectable()
export class RetirementsRepository {
  constructor(private readonly db: Database) {}

  /** Whether ops heard of this route today. */
  async toldLately(type: string, route: string): Promise<boolean> {
    const row = await queryRow(
      this.db,
      sql`SELECT 1 AS one FROM ops_event WHERE created_at > now() - interval '1 day' AND type = ${type} AND data ->> 'route' = ${route} LIMIT 1`,
    );
    return row !== null;
  }
}

import { Injectable } from '@nestjs/common';
import { Database, execute, queryRows, sql } from '../../database/database.js';
import type { Sealed } from '../../keys/sealed.js';

/** Table `response_item`: items of answers that a key's later requests may refer to. */
@Injectable()
export class ItemsRepository {
  constructor(private readonly db: Database) {}

  async find(keyId: string, ids: readonly string[]): Promise<{ id: string; item: Sealed }[]> {
    return queryRows<{ id: string; item: Sealed }>(
      this.db,
      sql`SELECT id, item FROM response_item WHERE key_id = ${keyId} AND id = ANY(${[...ids]}::text[]) AND expires_at > now()`,
    );
  }

  async insert(keyId: string, items: readonly { id: string; item: Sealed }[], days: number): Promise<void> {
    await execute(
      this.db,
      sql`INSERT INTO response_item (key_id, id, item, expires_at)
          SELECT ${keyId}, one->>'id', one->'item', now() + ${days}::int * interval '1 day'
          FROM jsonb_array_elements(${JSON.stringify(items)}::jsonb) AS one
          ON CONFLICT (key_id, id) DO UPDATE SET item = excluded.item, expires_at = excluded.expires_at`,
    );
  }
}

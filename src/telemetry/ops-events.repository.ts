import { Injectable } from '@nestjs/common';
import type { JsonObject } from '../common/json.js';
import { Database } from '../database/database.js';

export interface OpsEventRow {
  id: string;
  severity: string;
  type: string;
  message: string;
  data: JsonObject;
}

@Injectable()
export class OpsEventsRepository {
  constructor(private readonly db: Database) {}

  async insert(row: OpsEventRow): Promise<void> {
    await this.db.opsEvent.create({ data: row });
  }
}

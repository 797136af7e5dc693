import { Injectable } from '@nestjs/common';
import { type Page, pageArgs } from '../common/page.js';
import { Database } from '../database/database.js';
import type { OpsEvent } from '../database/generated/client.js';

export type OpsEventRow = OpsEvent;

export interface OpsEventFilter {
  severity?: string;
  type?: string;
}

/** Reads table `ops_event`, which telemetry writes. */
@Injectable()
export class EventsRepository {
  constructor(private readonly db: Database) {}

  async exists(id: string): Promise<boolean> {
    return (await this.db.opsEvent.count({ where: { id } })) > 0;
  }

  async list(filter: OpsEventFilter, page: Page): Promise<OpsEventRow[]> {
    const { id, orderBy, take } = pageArgs(page);
    return this.db.opsEvent.findMany({ where: { ...filter, id }, orderBy, take });
  }
}

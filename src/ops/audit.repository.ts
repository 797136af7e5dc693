import { Injectable } from '@nestjs/common';
import type { JsonObject } from '../common/json.js';
import { type Page, pageArgs } from '../common/page.js';
import { Database } from '../database/database.js';
import type { AdminAudit } from '../database/generated/client.js';

export type AuditRow = AdminAudit;

export interface NewAuditEntry {
  id: string;
  /** `admin` or a key's id. */
  actor: string;
  /** `lane.pause` and the like. */
  action: string;
  /** Id of what was acted on; empty where there is none. */
  target: string;
  data: JsonObject;
}

export interface AuditFilter {
  actor?: string;
  action?: string;
  target?: string;
}

/** Table `admin_audit`: append-only. */
@Injectable()
export class AuditRepository {
  constructor(private readonly db: Database) {}

  async insert(entry: NewAuditEntry): Promise<void> {
    await this.db.adminAudit.create({ data: entry });
  }

  async exists(id: string): Promise<boolean> {
    return (await this.db.adminAudit.count({ where: { id } })) > 0;
  }

  async list(filter: AuditFilter, page: Page): Promise<AuditRow[]> {
    const { id, orderBy, take } = pageArgs(page);
    return this.db.adminAudit.findMany({ where: { ...filter, id }, orderBy, take });
  }
}

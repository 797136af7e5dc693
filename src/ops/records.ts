import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { assertCursor, type ListEnvelope, listEnvelope, pageFields } from '../common/page.js';
import { type AuditRow, AuditRepository } from './audit.repository.js';
import { EventsRepository, type OpsEventRow } from './events.repository.js';

export const eventsQuery = z.strictObject({
  ...pageFields,
  severity: z.enum(['info', 'warning', 'critical']).optional(),
  type: z.string().min(1).max(100).optional(),
});
export type EventsQuery = z.output<typeof eventsQuery>;

export const auditQuery = z.strictObject({
  ...pageFields,
  actor: z.string().min(1).max(64).optional(),
  action: z.string().min(1).max(64).optional(),
  target: z.string().min(1).max(200).optional(),
});
export type AuditQuery = z.output<typeof auditQuery>;

type EventView = Pick<OpsEventRow, 'id' | 'severity' | 'type' | 'message' | 'data'> & {
  object: 'ops_event';
  created_at: string;
};
type AuditView = Pick<AuditRow, 'id' | 'actor' | 'action' | 'target' | 'data'> & {
  object: 'admin_audit';
  created_at: string;
};

/** What ops were told, and what ops did. */
@Injectable()
export class Records {
  constructor(
    private readonly eventRows: EventsRepository,
    private readonly auditRows: AuditRepository,
  ) {}

  async events({ severity, type, ...page }: EventsQuery): Promise<ListEnvelope<EventView>> {
    await assertCursor(page, 'event', (id) => this.eventRows.exists(id));
    const rows = await this.eventRows.list({ severity, type }, page);
    return listEnvelope(rows, page, ({ createdAt, ...row }) => ({
      ...row,
      object: 'ops_event' as const,
      created_at: createdAt.toISOString(),
    }));
  }

  async audit({ actor, action, target, ...page }: AuditQuery): Promise<ListEnvelope<AuditView>> {
    await assertCursor(page, 'audit entry', (id) => this.auditRows.exists(id));
    const rows = await this.auditRows.list({ actor, action, target }, page);
    return listEnvelope(rows, page, ({ createdAt, ...row }) => ({
      ...row,
      object: 'admin_audit' as const,
      created_at: createdAt.toISOString(),
    }));
  }
}

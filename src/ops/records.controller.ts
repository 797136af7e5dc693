import { Controller, Get, Query, UseGuards } from '@nestjs/common';
import { AdminGuard, NeedsRole } from '../keys/admin.guard.js';
import { auditQuery, type AuditQuery, eventsQuery, type EventsQuery, Records } from './records.js';

@Controller('admin')
@UseGuards(AdminGuard)
@NeedsRole('viewer')
export class RecordsController {
  constructor(private readonly records: Records) {}

  @Get('events')
  async events(@Query({ schema: eventsQuery }) query: EventsQuery): Promise<object> {
    return this.records.events(query);
  }

  @Get('audit')
  async audit(@Query({ schema: auditQuery }) query: AuditQuery): Promise<object> {
    return this.records.audit(query);
  }
}

import { Body, Controller, HttpCode, Post, UseGuards, UseInterceptors } from '@nestjs/common';
import { AdminGuard, NeedsRole } from '../keys/admin.guard.js';
import { adminRedeliverBody, type AdminRedeliverBody } from '../webhooks/delivery-bodies.js';
import { Redeliveries, type RedeliveryView } from '../webhooks/redeliveries.js';
import { AuditInterceptor, Audited } from './audit.interceptor.js';

/** Webhooks of every key, once a receiver or the way to it works again. */
@Controller('admin')
@UseGuards(AdminGuard)
@UseInterceptors(AuditInterceptor)
export class AdminWebhooksController {
  constructor(private readonly redeliveries: Redeliveries) {}

  @Post('webhook_deliveries/redeliver')
  @HttpCode(202)
  @NeedsRole('operator')
  @Audited('webhooks.redeliver')
  async redeliver(@Body({ schema: adminRedeliverBody }) { key, ...body }: AdminRedeliverBody): Promise<RedeliveryView> {
    return this.redeliveries.many(key ?? null, body);
  }
}

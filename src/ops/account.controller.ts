import { Controller, Get, Param, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AdminReceiptView, Receipts } from '../account/receipts.js';
import { answerUsage } from '../account/usage-answer.js';
import { adminUsageQuery, type AdminUsageQuery } from '../account/usage-query.js';
import { UsageReport } from '../account/usage.js';
import { AdminGuard, NeedsRole } from '../keys/admin.guard.js';

/** Usage and receipts of every key, with what they cost the operator. */
@Controller('admin')
@UseGuards(AdminGuard)
@NeedsRole('viewer')
export class AdminAccountController {
  constructor(
    private readonly usage: UsageReport,
    private readonly receipts: Receipts,
  ) {}

  @Get('usage')
  async getUsage(
    @Query({ schema: adminUsageQuery }) { key, ...query }: AdminUsageQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await answerUsage(this.usage, query, { keyId: key ?? null, isAdmin: true }, { request, reply });
  }

  @Get('requests/:id')
  async getReceipt(@Param('id') id: string): Promise<AdminReceiptView> {
    return this.receipts.getForAdmin(id);
  }
}

import { Controller, Get, Param, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ListEnvelope } from '../common/page.js';
import type { AuthKey } from '../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../keys/key.guard.js';
import {
  Budgets,
  type BudgetView,
  entriesQuery,
  type EntriesQuery,
  type EntryView,
  proofQuery,
  type ProofQuery,
  type ProofView,
} from './budget.js';
import type { ReceiptView } from './receipt-view.js';
import { Receipts } from './receipts.js';
import { answerUsage } from './usage-answer.js';
import { usageQuery, type UsageQuery } from './usage-query.js';
import { UsageReport } from './usage.js';

/** A key's own money. */
@Controller('v1')
@UseGuards(KeyGuard)
export class AccountController {
  constructor(
    private readonly usage: UsageReport,
    private readonly budgets: Budgets,
    private readonly receipts: Receipts,
  ) {}

  @Get('usage')
  async getUsage(
    @CurrentKey() key: AuthKey,
    @Query({ schema: usageQuery }) query: UsageQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await answerUsage(this.usage, query, { keyId: key.id, isAdmin: false }, { request, reply });
  }

  @Get('budget')
  async getBudget(@CurrentKey() key: AuthKey): Promise<BudgetView> {
    return this.budgets.today(key);
  }

  @Get('budget/proof')
  async getProof(@CurrentKey() key: AuthKey, @Query({ schema: proofQuery }) query: ProofQuery): Promise<ProofView> {
    return this.budgets.proof(key, query);
  }

  @Get('budget/entries')
  async getEntries(
    @CurrentKey() key: AuthKey,
    @Query({ schema: entriesQuery }) query: EntriesQuery,
  ): Promise<ListEnvelope<EntryView>> {
    return this.budgets.entries(key, query);
  }

  @Get('requests/:id')
  async getReceipt(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<ReceiptView> {
    return this.receipts.get(key.id, id);
  }
}

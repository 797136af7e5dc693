import { Controller, Get, Header, HttpCode, Param, Post, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { type ListEnvelope, pageFields } from '../common/page.js';
import { parseRequest } from '../common/parse.js';
import type { AuthKey } from '../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../keys/key.guard.js';
import { Keys } from '../keys/keys.js';
import { Deliveries } from './deliveries.js';
import type { DeliveryView } from './delivery-view.js';
import { secretView, type WebhookSecretView } from './secret-view.js';

export const listDeliveriesQuery = z.strictObject({ ...pageFields, job_id: z.string().max(64).optional() });

/** The key's signing secret and what became of its webhooks. */
@Controller('v1')
@UseGuards(KeyGuard)
export class WebhooksController {
  constructor(
    private readonly deliveries: Deliveries,
    private readonly keys: Keys,
  ) {}

  @Get('webhooks/secret')
  @Header('cache-control', 'no-store')
  async secret(@CurrentKey() key: AuthKey): Promise<WebhookSecretView> {
    return secretView(await this.keys.webhookSecretState(key.id));
  }

  @Post('webhooks/secret/rotate')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async rotate(@CurrentKey() key: AuthKey): Promise<WebhookSecretView> {
    return secretView(await this.keys.rotateWebhookSecret(key.id));
  }

  @Get('webhook_deliveries')
  async list(@CurrentKey() key: AuthKey, @Query() query: unknown): Promise<ListEnvelope<DeliveryView>> {
    const { job_id: jobId, ...page } = parseRequest(listDeliveriesQuery, query);
    return this.deliveries.list(key.id, { jobId }, page);
  }

  @Get('webhook_deliveries/:id')
  async get(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<DeliveryView> {
    return this.deliveries.get(key.id, id);
  }

  @Post('webhook_deliveries/:id/redeliver')
  @HttpCode(202)
  async redeliver(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<DeliveryView> {
    return this.deliveries.redeliver(key.id, id);
  }
}

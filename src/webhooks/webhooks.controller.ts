import { Body, Controller, Get, Header, HttpCode, Param, Post, Query, UseGuards } from '@nestjs/common';
import type { ListEnvelope } from '../common/page.js';
import { parseRequest } from '../common/parse.js';
import type { AuthKey } from '../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../keys/key.guard.js';
import { Keys } from '../keys/keys.js';
import { Deliveries } from './deliveries.js';
import { listDeliveriesQuery, redeliverBody } from './delivery-bodies.js';
import type { DeliveryDetail, DeliveryView } from './delivery-view.js';
import { Redeliveries, type RedeliveryView } from './redeliveries.js';
import { secretView, type WebhookSecretView } from './secret-view.js';

/** The key's signing secret and what became of its webhooks. */
@Controller('v1')
@UseGuards(KeyGuard)
export class WebhooksController {
  constructor(
    private readonly deliveries: Deliveries,
    private readonly redeliveries: Redeliveries,
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
    const { job_id: jobId, endpoint_id: endpointId, status, event, ...rest } = parseRequest(listDeliveriesQuery, query);
    const { created_after, created_before, ...page } = rest;
    const [createdAfter, createdBefore] = [timeOf(created_after), timeOf(created_before)];
    return this.deliveries.list(key.id, { jobId, endpointId, status, event, createdAfter, createdBefore }, page);
  }

  @Post('webhook_deliveries/redeliver')
  @HttpCode(202)
  async redeliverMany(@CurrentKey() key: AuthKey, @Body() body: unknown): Promise<RedeliveryView> {
    return this.redeliveries.many(key.id, parseRequest(redeliverBody, body));
  }

  @Get('webhook_deliveries/:id')
  async get(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<DeliveryDetail> {
    return this.deliveries.get(key.id, id);
  }

  @Post('webhook_deliveries/:id/redeliver')
  @HttpCode(202)
  async redeliver(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<DeliveryView> {
    await this.redeliveries.one(key.id, id);
    return this.deliveries.summary(key.id, id);
  }
}

const timeOf = (text: string | undefined): Date | undefined => (text === undefined ? undefined : new Date(text));

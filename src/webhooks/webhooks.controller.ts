import { Controller, Get, HttpCode, Param, Post, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { listEnvelope, type ListEnvelope, pageFields } from '../common/page.js';
import { parseRequest } from '../common/parse.js';
import type { AuthKey } from '../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../keys/key.guard.js';
import { Keys, type WebhookSecretState } from '../keys/keys.js';
import { type DeliveryView, deliveryView } from './delivery-view.js';
import { Webhooks } from './webhooks.js';

interface SecretView {
  secret: string;
  rotated_at: string;
  previous_expires_at?: string;
}

const listQuery = z.strictObject({ ...pageFields, job_id: z.string().max(64).optional() });

const secretView = ({ secret, rotatedAt, previousExpiresAt }: WebhookSecretState): SecretView => ({
  secret,
  rotated_at: rotatedAt.toISOString(),
  ...(previousExpiresAt === null ? {} : { previous_expires_at: previousExpiresAt.toISOString() }),
});

@Controller('v1')
@UseGuards(KeyGuard)
export class WebhooksController {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly keys: Keys,
  ) {}

  @Get('webhooks/secret')
  async secret(@CurrentKey() key: AuthKey): Promise<SecretView> {
    return secretView(await this.keys.webhookSecretState(key.id));
  }

  @Post('webhooks/secret/rotate')
  @HttpCode(200)
  async rotate(@CurrentKey() key: AuthKey): Promise<SecretView> {
    return secretView(await this.keys.rotateWebhookSecret(key.id));
  }

  @Get('webhook_deliveries')
  async list(@CurrentKey() key: AuthKey, @Query() raw: unknown): Promise<ListEnvelope<DeliveryView>> {
    const { job_id: jobId, ...page } = parseRequest(listQuery, raw);
    return listEnvelope(await this.webhooks.list(key.id, jobId, page), page, deliveryView);
  }

  @Get('webhook_deliveries/:id')
  async get(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<DeliveryView> {
    return this.webhooks.get(key.id, id);
  }

  @Post('webhook_deliveries/:id/redeliver')
  @HttpCode(202)
  async redeliver(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<DeliveryView> {
    return this.webhooks.redeliver(key.id, id);
  }
}

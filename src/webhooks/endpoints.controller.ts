import { Body, Controller, Delete, Get, Header, HttpCode, Param, Patch, Post, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { type ListEnvelope, type Page, pageFields } from '../common/page.js';
import type { AuthKey } from '../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../keys/key.guard.js';
import type { DeliveryView } from './delivery-view.js';
import {
  type ChangeEndpoint,
  changeEndpointBody,
  type CreateEndpoint,
  createEndpointBody,
  noBody,
  ROTATE_DEFAULTS,
  type RotateSecret,
  rotateSecretBody,
} from './endpoint-bodies.js';
import type { EndpointView } from './endpoint-view.js';
import { Endpoints } from './endpoints.js';
import { secretView, type WebhookSecretView } from './secret-view.js';

const listQuery = z.strictObject(pageFields);

@Controller('v1/webhook_endpoints')
@UseGuards(KeyGuard)
export class EndpointsController {
  constructor(private readonly endpoints: Endpoints) {}

  @Post()
  @Header('cache-control', 'no-store')
  async create(
    @CurrentKey() key: AuthKey,
    @Body({ schema: createEndpointBody }) body: CreateEndpoint,
  ): Promise<EndpointView & { secret: string }> {
    return this.endpoints.create(key.id, body);
  }

  @Get()
  async list(
    @CurrentKey() key: AuthKey,
    @Query({ schema: listQuery }) page: Page,
  ): Promise<ListEnvelope<EndpointView>> {
    return this.endpoints.list(key.id, page);
  }

  @Get(':id')
  async get(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<EndpointView> {
    return this.endpoints.get(key.id, id);
  }

  @Patch(':id')
  async change(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Body({ schema: changeEndpointBody }) body: ChangeEndpoint,
  ): Promise<EndpointView> {
    return this.endpoints.change(key.id, id, body);
  }

  @Delete(':id')
  async remove(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<object> {
    await this.endpoints.remove(key.id, id);
    return { id, object: 'webhook_endpoint.deleted', deleted: true };
  }

  @Get(':id/secret')
  @Header('cache-control', 'no-store')
  async secret(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<WebhookSecretView> {
    return secretView(await this.endpoints.secret(key.id, id));
  }

  @Post(':id/rotate_secret')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async rotateSecret(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Body({ schema: rotateSecretBody }) body: RotateSecret | null | undefined,
  ): Promise<WebhookSecretView> {
    return secretView(await this.endpoints.rotateSecret(key.id, id, body ?? ROTATE_DEFAULTS));
  }

  @Post(':id/test')
  @HttpCode(202)
  async test(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: object | null | undefined,
  ): Promise<DeliveryView> {
    return this.endpoints.test(key.id, id);
  }
}

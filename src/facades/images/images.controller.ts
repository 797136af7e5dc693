import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STREAMED_BODY } from '../../http/bodies.js';
import { OwnIdempotency } from '../../idempotency/idempotency.interceptor.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { AsksForWork, CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { Images } from './images.js';

/** OpenAI's image endpoints for every image alias. Both take JSON and multipart. */
@Controller('v1/images')
@UseGuards(KeyGuard)
export class ImagesController {
  constructor(private readonly images: Images) {}

  @RouteConfig(STREAMED_BODY)
  @OwnIdempotency()
  @Post('generations')
  @AsksForWork()
  @HttpCode(200)
  async generations(
    @CurrentKey() key: AuthKey,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.images.serve('generation', key, request, reply);
  }

  @RouteConfig(STREAMED_BODY)
  @OwnIdempotency()
  @Post('edits')
  @AsksForWork()
  @HttpCode(200)
  async edits(@CurrentKey() key: AuthKey, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.images.serve('edit', key, request, reply);
  }
}

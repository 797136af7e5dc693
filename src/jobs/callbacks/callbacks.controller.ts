import { Controller, HttpCode, Param, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { KilnError } from '../../common/errors.js';
import { RAW_BODY } from '../../http/bodies.js';
import { Callbacks } from './callbacks.js';

const MAX_BODY_BYTES = 256 * 1024;

/** Where providers ring. The answer says nothing of the job: only that the ring was heard. */
@Controller('callbacks')
export class CallbacksController {
  constructor(private readonly callbacks: Callbacks) {}

  @Post(':provider/:token')
  @HttpCode(200)
  @RouteConfig(RAW_BODY)
  async ring(
    @Param('provider') provider: string,
    @Param('token') token: string,
    @Req() request: FastifyRequest,
  ): Promise<{ received: true }> {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    if (body.length > MAX_BODY_BYTES)
      throw new KilnError(
        413,
        'payload_too_large',
        `A callback has at most ${MAX_BODY_BYTES} bytes; got ${body.length}.`,
      );
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
    );
    await this.callbacks.ring(provider, token, { headers, body });
    return { received: true };
  }
}

import { Body, Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STREAMED_BODY } from '../../http/bodies.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { AsksForWork, CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { Embeddings } from '../media/embeddings.js';
import { Speech } from '../media/speech.js';
import { Transcriptions } from '../media/transcriptions.js';

@Controller('v1/embeddings')
@UseGuards(KeyGuard)
export class EmbeddingsController {
  constructor(private readonly embeddings: Embeddings) {}

  @Post()
  @AsksForWork()
  @HttpCode(200)
  async create(
    @CurrentKey() key: AuthKey,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.embeddings.answer({ body, request, reply, key });
  }
}

@Controller('v1/audio')
@UseGuards(KeyGuard)
export class AudioController {
  constructor(
    private readonly sound: Speech,
    private readonly transcriptions: Transcriptions,
  ) {}

  @Post('speech')
  @AsksForWork()
  @HttpCode(200)
  async speech(
    @CurrentKey() key: AuthKey,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.sound.answer({ body, request, reply, key });
  }

  @RouteConfig(STREAMED_BODY)
  @Post('transcriptions')
  @AsksForWork()
  @HttpCode(200)
  async transcribe(
    @CurrentKey() key: AuthKey,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.transcriptions.answer({ request, reply, key });
  }
}

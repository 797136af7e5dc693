import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { unusable } from '../common/errors.js';
import { listEnvelope, type ListEnvelope, pageFields } from '../common/page.js';
import { parseRequest } from '../common/parse.js';
import type { AuthKey } from '../keys/auth-key.js';
import { CurrentKey, KeyGuard } from '../keys/key.guard.js';
import type { PresignedPut } from '../storage/object-store.js';
import { ASSETS_OPTIONS, type AssetsOptions } from './assets-options.js';
import { STREAMED_BODY } from '../http/bodies.js';
import { Links } from './links.js';
import { multipartFile } from './multipart-file.js';
import { tooLarge, Uploads } from './uploads.js';
import { errorOf, uploadView, type UploadView } from './upload-view.js';
import type { UploadRow } from './uploads.repository.js';

/** How long a POST waits for the worker's decision before it answers 202. */
export const DECISION_WAIT_MS = 20_000;
/** What a multipart envelope may add to the file itself. */
const ENVELOPE_BYTES = 64 * 1024;

export const presignBody = z.strictObject({
  content_type: z
    .string()
    .max(100)
    .regex(/^(image|video|audio)\/[a-z0-9.+-]+$/, 'a media type such as image/png, video/mp4 or audio/mpeg'),
  bytes: z.int().min(1),
  filename: z.string().min(1).max(255).optional(),
});
export const listUploadsQuery = z.strictObject(pageFields);

interface PresignView {
  upload: UploadView;
  method: PresignedPut['method'];
  url: string;
  headers: Record<string, string>;
  expires_at: string;
}

@Controller('v1/uploads')
@UseGuards(KeyGuard)
export class UploadsController {
  constructor(
    private readonly uploads: Uploads,
    private readonly links: Links,
    @Inject(ASSETS_OPTIONS) private readonly options: AssetsOptions,
  ) {}

  @RouteConfig(STREAMED_BODY)
  @Post()
  async create(@CurrentKey() key: AuthKey, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { maxUploadBytes } = this.options;
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > maxUploadBytes + ENVELOPE_BYTES) throw tooLarge(maxUploadBytes);
    const { stream, filename } = await multipartFile(request);
    const row = await this.uploads.create(key, stream, { filename, source: 'multipart' });
    await this.answer(key, row, reply);
  }

  @Post('presign')
  @HttpCode(201)
  async presign(@CurrentKey() key: AuthKey, @Body() raw: unknown): Promise<PresignView> {
    const { content_type: contentType, bytes, filename } = parseRequest(presignBody, raw);
    const { row, put, expiresAt } = await this.uploads.presign(key, { contentType, bytes, filename: filename ?? null });
    return { upload: this.view(row), ...put, expires_at: expiresAt.toISOString() };
  }

  @Post(':id/complete')
  async complete(@CurrentKey() key: AuthKey, @Param('id') id: string, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(key, await this.uploads.complete(key, id), reply);
  }

  @Get()
  async list(@CurrentKey() key: AuthKey, @Query() raw: unknown): Promise<ListEnvelope<UploadView>> {
    const page = parseRequest(listUploadsQuery, raw);
    return listEnvelope(await this.uploads.list(key, page), page, (row) => this.view(row));
  }

  @Get(':id')
  async get(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<UploadView> {
    return this.view(await this.uploads.get(key, id));
  }

  @Delete(':id')
  async remove(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
  ): Promise<{ id: string; object: 'upload'; deleted: true }> {
    await this.uploads.remove(key, id);
    return { id, object: 'upload', deleted: true };
  }

  /** 201 when it can be used, 422 when it never can, 202 while that is not known. A client that left ends the wait. */
  private async answer(key: AuthKey, row: UploadRow, reply: FastifyReply): Promise<void> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const decided = await this.uploads
      .waitDecided(key, row.id, DECISION_WAIT_MS, gone.signal)
      .catch((error: unknown) => {
        if (gone.signal.aborted) return row;
        throw error;
      });
    if (decided.status === 'rejected') throw unusable(errorOf(decided)?.message ?? 'The file can not be used.', 'file');
    await reply
      .status(decided.status === 'ready' ? 201 : 202)
      .header('location', `/v1/uploads/${decided.id}`)
      .send(this.view(decided));
  }

  private view(row: UploadRow): UploadView {
    return uploadView(row, this.links, new Date());
  }
}

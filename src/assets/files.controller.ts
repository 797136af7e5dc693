import { Readable } from 'node:stream';
import { Controller, Get, Param, Put, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STREAMED_BODY } from '../http/bodies.js';
import { contentDisposition } from '../storage/content-disposition.js';
import { parseRange } from './byte-range.js';
import { Files, type OpenedFile } from './files.js';

const PRIVATE = 'private, max-age=3600';

/** Signed links. No key is asked for: an `Authorization` header is ignored. */
@Controller('files')
export class FilesController {
  constructor(private readonly files: Files) {}

  @RouteConfig(STREAMED_BODY)
  @Put('put/:token')
  async put(@Param('token') token: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { 'content-type': type, 'content-length': length } = request.headers;
    await this.files.put(token, request.body, { type, length });
    await reply.status(200).send();
  }

  /** Fastify answers HEAD with the same handler. */
  @Get(':assetId/:variant')
  async get(
    @Param('assetId') assetId: string,
    @Param('variant') variant: string,
    @Query() query: { expires?: unknown; signature?: unknown },
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const file = await this.files.open(assetId, variant, query);
    const elsewhere = await this.files.redirect(file);
    if (elsewhere === null) await this.stream(file, request, reply);
    else
      await reply
        .status(302)
        .headers({ location: elsewhere, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
        .send();
  }

  private async stream(file: OpenedFile, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const total = await this.files.size(file);
    const range = parseRange(request.headers.range, total);
    void reply.headers({
      'accept-ranges': 'bytes',
      'cache-control': PRIVATE,
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      // A page of another origin shows these in its own <img> and <video>.
      'cross-origin-resource-policy': 'cross-origin',
    });
    if (range === 'unsatisfiable') {
      await reply.status(416).header('content-range', `bytes */${total}`).send();
      return;
    }
    const length = range === null ? total : range.end - range.start + 1;
    void reply.status(range === null ? 200 : 206).headers({
      'content-type': file.contentType,
      'content-disposition': contentDisposition(file),
      'content-length': length,
      ...(range === null ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${total}` }),
    });
    // Of an empty stream Fastify leaves the length alone; of an empty body it would say 0.
    await reply.send(request.method === 'HEAD' ? Readable.from([]) : await this.files.read(file, range));
  }
}

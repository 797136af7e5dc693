import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Outputs } from '../../assets/outputs.js';
import { conflict, invalidRequest, KilnError, notFound } from '../../common/errors.js';
import type { ListEnvelope } from '../../common/page.js';
import { STREAMED_BODY } from '../../http/bodies.js';
import { OwnIdempotency } from '../../idempotency/idempotency.interceptor.js';
import { JobRemoval } from '../../jobs/api/remove.js';
import { ListRepository } from '../../jobs/api/list.repository.js';
import { isTerminal } from '../../jobs/domain/states.js';
import type { JobRow } from '../../jobs/store/rows.js';
import { JobViews } from '../../jobs/view/job-views.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { AsksForWork, CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { jobHeaders } from '../shared/facade-jobs.js';
import { jobIdOf } from './video-id.js';
import { pollAfterMs, type Video, videoView } from './video-view.js';
import { assertReady, Videos } from './videos.js';

/** OpenAI's list takes a limit of 0. */
export const listVideosQuery = z.strictObject({
  limit: z.coerce.number().int().min(0).max(100).default(20),
  after: z.string().max(64).optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
});
type ListVideosQuery = z.output<typeof listVideosQuery>;

const CONTENT_VARIANTS = ['video', 'thumbnail', 'spritesheet'] as const;
export const videoContentQuery = z.strictObject({ variant: z.enum(CONTENT_VARIANTS).default('video') });
type VideoContentQuery = z.output<typeof videoContentQuery>;

/** OpenAI's Videos API over jobs. */
@Controller('v1/videos')
@UseGuards(KeyGuard)
export class VideosController {
  constructor(
    private readonly videos: Videos,
    private readonly views: JobViews,
    private readonly lists: ListRepository,
    private readonly removal: JobRemoval,
    private readonly outputs: Outputs,
  ) {}

  @RouteConfig(STREAMED_BODY)
  @Post()
  @AsksForWork()
  @HttpCode(200)
  @OwnIdempotency()
  async create(
    @CurrentKey() key: AuthKey,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Video> {
    return this.answer(await this.videos.create(key, { request, reply }), reply);
  }

  @RouteConfig(STREAMED_BODY)
  @Post('edits')
  @AsksForWork()
  @HttpCode(200)
  @OwnIdempotency()
  async edit(
    @CurrentKey() key: AuthKey,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Video> {
    return this.answer(await this.videos.createFromClip(key, 'edit', { request, reply }), reply);
  }

  @RouteConfig(STREAMED_BODY)
  @Post('extensions')
  @AsksForWork()
  @HttpCode(200)
  @OwnIdempotency()
  async extend(
    @CurrentKey() key: AuthKey,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Video> {
    return this.answer(await this.videos.createFromClip(key, 'extend', { request, reply }), reply);
  }

  /** The older way to ask for an edit. */
  @RouteConfig(STREAMED_BODY)
  @Post(':id/remix')
  @AsksForWork()
  @HttpCode(200)
  @OwnIdempotency()
  async remix(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Video> {
    return this.answer(await this.videos.createFromClip(key, 'edit', { request, reply }, id), reply);
  }

  @Get()
  async list(
    @CurrentKey() key: AuthKey,
    @Query({ schema: listVideosQuery }) { limit, after, order }: ListVideosQuery,
  ): Promise<ListEnvelope<Video>> {
    const cursor = after === undefined ? undefined : jobIdOf(after);
    if (cursor === null) throw invalidRequest(`'after' must be a video id; got '${after}'.`, 'after');
    const { jobs, hasMore } = await this.lists
      .list({ keyId: key.id, onlyVideos: true }, { limit, after: cursor, order })
      .catch((error: unknown) => {
        throw error instanceof KilnError && error.status === 404 ? notFound('video', after ?? '') : error;
      });
    const data = (await this.views.many(jobs)).map(videoView);
    return { object: 'list', data, has_more: hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  }

  @Get(':id')
  async get(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Video> {
    return this.answer(await this.videos.owned(key, id), reply);
  }

  /** The SDKs follow redirects, with their `Range`; where they lead, no key is asked for. */
  @Get(':id/content')
  async content(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Query({ schema: videoContentQuery }) { variant }: VideoContentQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const job = await this.videos.owned(key, id);
    assertReady(job);
    const row = await this.outputs.get(key.id, job.id, 0);
    if (!row || row.run !== job.run) throw notFound('content of video', id);
    const output = this.outputs.view(row, new Date());
    if (output.expired)
      throw new KilnError(410, 'output_expired', `The video expired at ${row.expiresAt.toISOString()}.`);
    const { thumbnail, poster, spritesheet } = output.variants;
    const link = { video: output.url, thumbnail: (thumbnail ?? poster)?.url, spritesheet: spritesheet?.url }[variant];
    if (!link) throw notFound(`${variant} of video`, id);
    reply.headers({ ...jobHeaders(job), 'cache-control': 'no-store' }).redirect(link, 302);
  }

  @Delete(':id')
  async remove(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<object> {
    const job = await this.videos.owned(key, id);
    if (!isTerminal(job.status))
      throw conflict(
        `Video '${id}' is not finished; to stop it, POST /v1/jobs/${job.id}/cancel, and delete it then.`,
        'job_not_finished',
      );
    await this.removal.remove(key.id, job.id);
    return { id, object: 'video.deleted', deleted: true };
  }

  private async answer(job: JobRow, reply: FastifyReply): Promise<Video> {
    const view = await this.views.one(job);
    reply.headers(jobHeaders(job));
    if (!isTerminal(job.status)) reply.header('openai-poll-after-ms', String(pollAfterMs(view)));
    return videoView(view);
  }
}

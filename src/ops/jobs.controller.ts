import { Body, Controller, Get, HttpCode, Param, Post, Query, Res, UseGuards, UseInterceptors } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AdminJobs } from '../jobs/admin/admin-jobs.js';
import type { AdminJobView } from '../jobs/admin/admin-job-view.js';
import { AttemptResolution } from '../jobs/admin/attempt-resolution.js';
import {
  adminJobsQuery,
  type AdminJobsQuery,
  bulkReplayBody,
  type BulkReplayBody,
  pageQuery,
  type PageQuery,
  resolveBody,
  type ResolveBody,
} from '../jobs/admin/bodies.js';
import { ReplayBatches } from '../jobs/admin/replay-batches.js';
import { AdminGuard, NeedsRole } from '../keys/admin.guard.js';
import { AuditInterceptor, Audited } from './audit.interceptor.js';

/** Jobs of every key: find, look at, let go on, replay, settle. */
@Controller('admin')
@UseGuards(AdminGuard)
@UseInterceptors(AuditInterceptor)
export class AdminJobsController {
  constructor(
    private readonly jobs: AdminJobs,
    private readonly batches: ReplayBatches,
    private readonly attempts: AttemptResolution,
  ) {}

  @Get('jobs')
  @NeedsRole('viewer')
  async list(@Query({ schema: adminJobsQuery }) query: AdminJobsQuery): Promise<object> {
    return this.jobs.list(query);
  }

  /** 202 and a batch that workers run, or with `dry_run` 200 and what it would be. */
  @Post('jobs/replay')
  @Audited('jobs.replay')
  @NeedsRole('operator')
  async replay(
    @Body({ schema: bulkReplayBody }) body: BulkReplayBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    if (body.dry_run) {
      reply.code(200);
      return this.batches.preview(body);
    }
    const batch = await this.batches.create(body);
    reply.code(202).header('location', `/admin/replays/${batch.id}`);
    return batch;
  }

  @Get('jobs/:id')
  @NeedsRole('viewer')
  async get(@Param('id') id: string): Promise<AdminJobView> {
    return this.jobs.get(id);
  }

  @Post('jobs/:id/release')
  @HttpCode(200)
  @Audited('job.release')
  @NeedsRole('operator')
  async release(@Param('id') id: string): Promise<AdminJobView> {
    return this.jobs.release(id);
  }

  @Get('replays')
  @NeedsRole('viewer')
  async replays(@Query({ schema: pageQuery }) query: PageQuery): Promise<object> {
    return this.batches.list(query);
  }

  @Get('replays/:id')
  @NeedsRole('viewer')
  async replayBatch(@Param('id') id: string): Promise<object> {
    return this.batches.get(id);
  }

  @Post('attempts/:id/resolve')
  @HttpCode(200)
  @Audited('attempt.resolve')
  @NeedsRole('operator')
  async resolve(@Param('id') id: string, @Body({ schema: resolveBody }) body: ResolveBody): Promise<object> {
    return this.attempts.resolve(id, body);
  }
}

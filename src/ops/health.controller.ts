import { Controller, Get, Header, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AdminGuard, NeedsRole } from '../keys/admin.guard.js';
import { Readiness, type ReadinessView } from './readiness.js';
import { MetricsPage } from './metrics-page.js';

/** For balancers, orchestrators and Prometheus. */
@Controller()
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly metrics: MetricsPage,
  ) {}

  /** The process lives; nothing else is looked at, for a restart cures nothing else. */
  @Get('healthz')
  @Header('cache-control', 'no-store')
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 503 while draining, and while the database is away or older than this version. */
  @Get('readyz')
  @Header('cache-control', 'no-store')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessView> {
    const view = await this.readiness.look();
    reply.code(view.status === 'ready' ? 200 : 503);
    return view;
  }

  @Get('metrics')
  @UseGuards(AdminGuard)
  @NeedsRole('viewer')
  async scrape(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    const { contentType, text } = await this.metrics.scrape();
    reply.type(contentType);
    return text;
  }
}

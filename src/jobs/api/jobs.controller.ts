import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Variant } from '../../assets/media-types.js';
import { Outputs } from '../../assets/outputs.js';
import { conflict, invalidRequest, KilnError, notFound } from '../../common/errors.js';
import { readIdempotencyKey } from '../../idempotency/idempotency-key.js';
import { OwnIdempotency } from '../../idempotency/idempotency.interceptor.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { AsksForWork, CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { isTerminal } from '../domain/states.js';
import { JobWaiter, MAX_WAIT_SECONDS } from '../events/wait.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import { JobViews } from '../view/job-views.js';
import type { JobView } from '../view/job-view.js';
import {
  contentQuery,
  createJobBody,
  listJobsQuery,
  noBody,
  quoteBody,
  readMetadataFilter,
  replayBody,
  type CreateJobBody,
  type ListJobsQuery,
  type QuoteBody,
} from './bodies.js';
import { JobCommands } from './commands.js';
import { ListRepository } from './list.repository.js';
import { QUOTE_LIFE_SECONDS } from './price-token.js';

/** The jobs API. What it takes and gives is described by the schemas; what it does is in the commands. */
@Controller('v1/jobs')
@UseGuards(KeyGuard)
export class JobsController {
  constructor(
    private readonly commands: JobCommands,
    private readonly jobs: JobsRepository,
    private readonly lists: ListRepository,
    private readonly views: JobViews,
    private readonly waiter: JobWaiter,
    private readonly outputs: Outputs,
  ) {}

  @Post()
  @AsksForWork()
  @HttpCode(202)
  @OwnIdempotency()
  async create(
    @CurrentKey() key: AuthKey,
    @Body({ schema: createJobBody }) body: CreateJobBody,
    @Headers('prefer') prefer: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    const waitSeconds = readPrefer(prefer);
    const { job, created } = await this.commands.create.create(key, body, readIdempotencyKey(request.headers));
    // Before the wait: should reading the job fail after it, the client still learns which one it made.
    reply.header('x-kiln-job-id', job.id);
    if (!created) reply.header('idempotent-replayed', 'true');
    if (waitSeconds === 0) return this.answer(job, reply);
    const latest = await this.waiter.wait(job, waitSeconds, hangUp(reply));
    reply.code(isTerminal(latest.status) ? 200 : 202).header('preference-applied', `wait=${waitSeconds}`);
    return this.answer(latest, reply);
  }

  @Post('quote')
  @HttpCode(200)
  async quote(@CurrentKey() key: AuthKey, @Body({ schema: quoteBody }) body: QuoteBody): Promise<object> {
    const request = await this.commands.requests.read(key, body);
    const [route] = request.routes;
    const expiresAt = new Date(Date.now() + QUOTE_LIFE_SECONDS * 1000);
    return {
      object: 'quote',
      model: request.model.id,
      price_micro_usd: request.price.amountMicroUsd,
      unit: request.price.unit,
      quantity: request.price.quantity,
      unit_price_micro_usd: request.price.unitPriceMicroUsd * request.price.multiplier,
      route: route && { id: route.id, provider: route.provider, model: route.model },
      bridged: route?.bridging === true,
      warm: route !== undefined && route.id !== request.wake?.id,
      eta_seconds: Math.ceil(request.expectedSeconds),
      sandbox: request.sandbox,
      quote_id: this.commands.quotes.sign({
        keyId: key.id,
        model: request.model.id,
        input: request.parsed.input,
        price: request.price,
        expiresAt,
      }),
      expires_at: expiresAt.toISOString(),
    };
  }

  @Get()
  async list(@CurrentKey() key: AuthKey, @Query({ schema: listJobsQuery }) query: ListJobsQuery): Promise<object> {
    const { metadata, unknown } = readMetadataFilter(query);
    if (unknown[0] !== undefined)
      throw invalidRequest(
        `Unknown parameter: '${unknown[0].slice(0, 100)}'.`,
        unknown[0].slice(0, 100),
        'unknown_parameter',
      );
    const { limit, after, before, order } = query;
    const { jobs, hasMore } = await this.lists.list(
      {
        keyId: key.id,
        status: query.status,
        model: query.model,
        metadata,
        createdAfter: query.created_after === undefined ? undefined : new Date(query.created_after),
        createdBefore: query.created_before === undefined ? undefined : new Date(query.created_before),
      },
      { limit, after, before, order },
    );
    const data = await this.views.many(jobs);
    return { object: 'list', data, has_more: hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  }

  @Get(':id')
  async get(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    return this.answer(await this.owned(key, id), reply);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  async cancel(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: object | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    return this.answer(await this.commands.cancel.cancel(key.id, id), reply);
  }

  @Post(':id/replay')
  @AsksForWork()
  @HttpCode(202)
  async replay(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Body({ schema: replayBody }) body: { route?: string } | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    const job = await this.owned(key, id);
    const replayed = await this.commands.replay.replay(job, { route: body?.route });
    const latest = replayed ?? (await this.owned(key, id));
    if (latest.run === job.run) throw conflict('The job changed while it was being replayed; ask again.');
    return this.answer(latest, reply);
  }

  @Delete(':id')
  async remove(@CurrentKey() key: AuthKey, @Param('id') id: string): Promise<object> {
    await this.commands.removal.remove(key.id, id);
    return { id, object: 'job.deleted', deleted: true };
  }

  @Get(':id/outputs/:n/content')
  async content(
    @CurrentKey() key: AuthKey,
    @Param('id') id: string,
    @Param('n') n: string,
    @Query({ schema: contentQuery }) { variant: wanted }: { variant: Variant },
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const job = await this.owned(key, id);
    if (!isTerminal(job.status))
      throw new KilnError(409, 'job_not_finished', `The job is ${job.status}; its outputs come with 'succeeded'.`, {
        retryAfterSeconds: 5,
      });
    const row =
      /^\d{1,4}$/.test(n) && job.status === 'succeeded' ? await this.outputs.get(key.id, id, Number(n)) : null;
    if (!row || row.run !== job.run) throw notFound('output', n.slice(0, 20));
    const output = this.outputs.view(row, new Date());
    if (output.expired)
      throw new KilnError(410, 'output_expired', `The output expired at ${row.expiresAt.toISOString()}.`);
    const link = wanted === 'content' ? output.url : output.variants[wanted]?.url;
    if (!link) throw notFound(`${wanted} of output`, n.slice(0, 20));
    reply.header('cache-control', 'no-store').redirect(link, 302);
  }

  private async owned(key: AuthKey, id: string): Promise<JobRow> {
    const job = await this.jobs.ofKey(key.id, id);
    if (!job) throw notFound('job', id.slice(0, 64));
    return job;
  }

  private async answer(job: JobRow, reply: FastifyReply): Promise<JobView> {
    const view = await this.views.one(job);
    reply.header('x-kiln-job-id', job.id).header('location', view.urls.self);
    if (job.route) reply.header('x-kiln-route', encodeURI(job.route.id));
    if (view.cost.charged_micro_usd !== null)
      reply.header('x-kiln-cost-micro-usd', String(view.cost.charged_micro_usd));
    if (!isTerminal(job.status)) reply.header('retry-after', String(Math.min(Math.max(view.eta_seconds ?? 2, 1), 10)));
    return view;
  }
}

/** `Prefer: wait=N` (RFC 7240); other preferences are ignored, as the RFC asks. */
export function readPrefer(header: string | undefined): number {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d+)"?/i.exec(header ?? '') ?? [];
  if (seconds === undefined) return 0;
  if (Number(seconds) > MAX_WAIT_SECONDS)
    throw invalidRequest(`'Prefer: wait' is at most ${MAX_WAIT_SECONDS} seconds; got ${seconds}.`, 'Prefer');
  return Number(seconds);
}

/** Aborts when the client goes away. The answer's own event: a kept-alive socket would gather listeners. */
function hangUp(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (reply.raw.destroyed) gone.abort();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

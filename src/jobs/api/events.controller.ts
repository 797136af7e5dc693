import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { notFound } from '../../common/errors.js';
import { authenticate } from '../../keys/key.guard.js';
import { Keys } from '../../keys/keys.js';
import { JobEventStream } from '../events/stream.js';
import { JobsRepository } from '../store/jobs.repository.js';
import { eventsQuery } from './bodies.js';
import { EventTokens } from '../view/event-tokens.js';

/** The event stream, for a key or, in browsers whose EventSource sends no headers, for the token in `urls.events`. */
@Controller('v1/jobs')
export class JobEventsController {
  constructor(
    private readonly keys: Keys,
    private readonly tokens: EventTokens,
    private readonly jobs: JobsRepository,
    private readonly stream: JobEventStream,
  ) {}

  @Get(':id/events')
  async events(
    @Param('id') id: string,
    @Query({ schema: eventsQuery }) { token }: { token?: string },
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // A token for another job, or one that is over, is no job of the reader's: 404, as everywhere.
    const keyId = token === undefined ? (await authenticate(this.keys, request)).id : this.tokens.verify(token, id);
    const job = keyId === null ? null : await this.jobs.ofKey(keyId, id);
    if (!job) throw notFound('job', id.slice(0, 64));
    const after = lastEventId !== undefined && /^\d{1,9}$/.test(lastEventId) ? Number(lastEventId) : null;
    await this.stream.send(job, after, reply, request.method === 'HEAD');
  }
}

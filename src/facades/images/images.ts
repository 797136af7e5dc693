import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Outputs, type OutputRow } from '../../assets/outputs.js';
import { Catalog } from '../../catalog/catalog.service.js';
import { KilnError } from '../../common/errors.js';
import { toKilnError } from '../../http/error.filter.js';
import { frame, SseWriter } from '../../jobs/events/sse.js';
import type { JobRow } from '../../jobs/store/rows.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { Logger } from '../../telemetry/logger.js';
import { FacadeJobs, hangUp, jobHeaders } from '../shared/facade-jobs.js';
import { FACADE_TIMES, type FacadeTimes } from '../shared/facade-times.js';
import { FormReader } from '../shared/form-reader.js';
import { answerPieces, completedEvent, type Picture } from './answer.js';
import { imagesRequest, type ImagesCall, type ImagesRequest } from './request.js';

/** Makes a job of the request, waits for it, and sends its pictures: as one answer, or as events. */
@Injectable()
export class Images {
  constructor(
    private readonly catalog: Catalog,
    private readonly forms: FormReader,
    private readonly jobs: FacadeJobs,
    private readonly outputs: Outputs,
    private readonly logger: Logger,
    @Inject(FACADE_TIMES) private readonly times: FacadeTimes,
  ) {}

  async serve(call: ImagesCall, key: AuthKey, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const gone = hangUp(reply);
    const form = await this.forms.read(key, request);
    const { job, asked } = await this.jobs.create(key, { request, reply }, form, () => {
      const { model } = form.fields;
      return imagesRequest(call, form, typeof model === 'string' ? this.catalog.get(model) : undefined);
    });
    if (asked.isStream) await this.stream(call, job, asked, reply, gone);
    else await this.answer(job, asked, reply, gone);
  }

  private async answer(job: JobRow, asked: ImagesRequest, reply: FastifyReply, gone: AbortSignal): Promise<void> {
    const done = await this.jobs.succeeded(job, this.times.imageWaitSeconds, gone, asked.names);
    if (!done) {
      reply.hijack();
      return;
    }
    const pictures = await this.pictures(done, asked, gone);
    await reply
      .headers(jobHeaders(done))
      .type('application/json; charset=utf-8')
      .send(Readable.from(answerPieces(done, pictures)));
  }

  /** From here on the answer is 200: what goes wrong is an `error` event in OpenAI's shape. */
  private async stream(
    call: ImagesCall,
    job: JobRow,
    asked: ImagesRequest,
    reply: FastifyReply,
    gone: AbortSignal,
  ): Promise<void> {
    for (const [name, value] of Object.entries(jobHeaders(job))) reply.header(name, value);
    reply.hijack();
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    reply.raw.flushHeaders();
    const out = new SseWriter(reply.raw, this.times);
    try {
      const done = await this.jobs.succeeded(job, this.times.imageWaitSeconds, gone, asked.names);
      if (!done) return;
      for (const picture of await this.pictures(done, asked, gone))
        await out.writeFrame(completedEvent(call, done, picture));
    } catch (error) {
      const shown = toKilnError(error);
      if (shown.status >= 500) this.logger.error({ err: error, status: shown.status }, 'a streamed request failed');
      await out.write(frame('error', { type: 'error', ...shown.toBody() }));
    } finally {
      out.end();
    }
  }

  /** The first picture's bytes are opened here, so that a deleted one is an error and no broken answer. */
  private async pictures(job: JobRow, { responseFormat }: ImagesRequest, gone: AbortSignal): Promise<Picture[]> {
    const rows = (await this.jobs.made(job)).filter(({ type }) => type === 'image');
    const [first] = rows;
    if (!first) throw new KilnError(410, 'output_expired', `The pictures of job ${job.id} have been deleted.`);
    if (responseFormat === 'url') return rows.map((row) => ({ row, content: { url: this.link(row) } }));
    const opened = await this.outputs.read(first);
    if (gone.aborted) opened.destroy();
    else gone.addEventListener('abort', () => opened.destroy());
    return rows.map((row) => ({
      row,
      content: { bytes: async () => (row === first ? opened : this.outputs.read(row)) },
    }));
  }

  private link(row: OutputRow): string {
    const { url } = this.outputs.view(row, new Date());
    if (url === null) throw new KilnError(410, 'output_expired', `The pictures of job ${row.jobId} have been deleted.`);
    return url;
  }
}

import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { delay } from '../../common/time.js';
import { isDatabaseDown } from '../../database/connection.js';
import { PROGRESS_EVENT } from '../../webhooks/progress-event.js';
import { isTerminal } from '../domain/states.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import { JobViews } from '../view/job-views.js';
import { JobHub } from './hub.js';
import { frame, SseWriter } from './sse.js';

const TIMES = { heartbeatMs: 15_000, stallMs: 60_000 };
const RECONNECT_HINT_MS = 2000;
const OUTAGE_RETRY_MS = 1000;

/** Where a reader is: the last event it has, and the progress it was told. */
interface Reader {
  seen: number;
  progress: number | null;
}

/**
 * Server-sent events of one job: a snapshot first, then every event after `Last-Event-ID`, progress as it comes, the whole
 * job with the terminal event, and the end. A reader that comes back after that gets 204, which ends EventSource for good.
 */
@Injectable()
export class JobEventStream {
  constructor(
    private readonly hub: JobHub,
    private readonly jobs: JobsRepository,
    private readonly views: JobViews,
  ) {}

  async send(job: JobRow, lastEventId: number | null, reply: FastifyReply, headOnly: boolean): Promise<void> {
    if (isTerminal(job.status) && lastEventId !== null && lastEventId >= job.eventSeq) {
      await reply.code(204).send();
      return;
    }
    reply.hijack();
    reply.raw.writeHead(200, {
      ...stringHeaders(reply),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    if (headOnly) reply.raw.end();
    else await this.follow(job, lastEventId, new SseWriter(reply.raw, TIMES));
  }

  private async follow(job: JobRow, lastEventId: number | null, out: SseWriter): Promise<void> {
    let wake: () => void = () => undefined;
    let dirty = false;
    let closing = false;
    const poke = (): void => {
      dirty = true;
      wake();
    };
    const unwatch = this.hub.watch(job.id, (kind) => {
      closing ||= kind === 'closing';
      poke();
    });
    out.onGone(poke);
    let reader: Reader | null = null;
    try {
      while (!out.isGone) {
        dirty = false;
        try {
          reader ??= await this.start(job, lastEventId, out);
          if (await this.catchUp(job.id, reader, out)) return;
        } catch (error) {
          // The stream outlives a restart of the database: a browser takes an answer of 503 for the end.
          if (!isDatabaseDown(error)) throw error;
          if (!closing) await delay(OUTAGE_RETRY_MS);
          dirty = true;
        }
        if (closing) return await out.write(`retry: ${RECONNECT_HINT_MS}\n\n`);
        if (!dirty) await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      unwatch();
      out.end();
    }
  }

  private async start(job: JobRow, lastEventId: number | null, out: SseWriter): Promise<Reader> {
    const fresh = (await this.jobs.byId(job.id)) ?? job;
    await out.write(frame('snapshot', await this.views.one(fresh)));
    // A new reader has the state already; of a finished job it still gets the terminal event, which ends the stream.
    const seen = isTerminal(fresh.status) ? fresh.eventSeq - 1 : fresh.eventSeq;
    return { seen: lastEventId === null ? seen : Math.min(lastEventId, seen), progress: fresh.progress };
  }

  /** Sends what is new; true when there will be nothing more. */
  private async catchUp(jobId: string, reader: Reader, out: SseWriter): Promise<boolean> {
    const job = await this.jobs.byId(jobId);
    if (!job || job.deletedAt || out.isGone) return true;
    const told = await this.sendEvents(job, reader, out);
    if (isTerminal(job.status)) {
      await out.write(frame(`job.${job.status}`, await this.views.one(job), job.eventSeq));
      return true;
    }
    if (job.progress !== null && (told !== null || job.progress !== reader.progress)) {
      reader.progress = job.progress;
      const { status, stage, progress, eta_seconds } = await this.views.one(job);
      await out.write(frame('job.progress', { id: job.id, status, stage, progress, eta_seconds }, told ?? undefined));
    }
    return false;
  }

  /**
   * Every event after the reader's, but the terminal one, whose place the whole job takes, and those of progress, since what
   * was is behind the snapshot. Returns the number of one that is the newest of all: the present progress takes its place.
   */
  private async sendEvents(job: JobRow, reader: Reader, out: SseWriter): Promise<number | null> {
    let told: number | null = null;
    const last = isTerminal(job.status) ? job.eventSeq - 1 : job.eventSeq;
    while (reader.seen < last && !out.isGone) {
      const events = await this.jobs.events(job.id, reader.seen);
      for (const event of events.filter(({ seq }) => seq <= last)) {
        told = event.type === PROGRESS_EVENT ? event.seq : null;
        if (told !== null) continue;
        const data = { id: job.id, type: event.type, at: event.createdAt.toISOString(), ...event.data };
        await out.write(frame(event.type, data, event.seq));
      }
      // Old history is deleted after its retention: then there is nothing to send.
      reader.seen = Math.max(events.at(-1)?.seq ?? last, reader.seen + 1);
    }
    return told;
  }
}

function stringHeaders(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reply.getHeaders()).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Writable } from 'node:stream';
import { isTerminal } from '../domain/states.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import { JobViews } from '../view/job-views.js';
import { JobHub } from './hub.js';

const HEARTBEAT_MS = 15_000;
const RECONNECT_HINT_MS = 2000;
const TERMINAL_EVENTS = ['job.succeeded', 'job.failed', 'job.canceled'];

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

  async send(job: JobRow, lastEventId: number | null, reply: FastifyReply): Promise<void> {
    if (isTerminal(job.status) && lastEventId !== null && lastEventId >= job.eventSeq) {
      await reply.code(204).send();
      return;
    }
    reply.hijack();
    const out = reply.raw;
    out.writeHead(200, {
      ...stringHeaders(reply),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    await this.follow(job, lastEventId, out);
  }

  private async follow(job: JobRow, lastEventId: number | null, out: Writable & { destroyed: boolean }): Promise<void> {
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
    out.on('close', poke).on('error', poke);
    const heartbeat = setInterval(() => out.write(': keep-alive\n\n'), HEARTBEAT_MS);
    try {
      let seen = await this.start(job, lastEventId, out);
      let progress = job.progress;
      for (;;) {
        const fresh = await this.jobs.byId(job.id);
        if (!fresh || fresh.deletedAt || out.destroyed) return;
        seen = await this.sendEvents(fresh, seen, out);
        if (isTerminal(fresh.status) && seen >= fresh.eventSeq) return;
        if (fresh.progress !== null && fresh.progress !== progress) {
          progress = fresh.progress;
          const [view] = await this.views.many([fresh]);
          out.write(
            frame('job.progress', {
              id: fresh.id,
              status: fresh.status,
              stage: fresh.stage,
              progress,
              eta_seconds: view?.eta_seconds ?? null,
            }),
          );
        }
        if (closing) {
          out.write(`retry: ${RECONNECT_HINT_MS}\n\n`);
          return;
        }
        if (!dirty) await new Promise<void>((resolve) => (wake = resolve));
        dirty = false;
      }
    } finally {
      clearInterval(heartbeat);
      unwatch();
      out.end();
    }
  }

  /** The snapshot carries no id: it repeats nothing and skips nothing. Returns the last event the reader has. */
  private async start(job: JobRow, lastEventId: number | null, out: Writable): Promise<number> {
    const fresh = (await this.jobs.byId(job.id)) ?? job;
    out.write(frame('snapshot', await this.views.one(fresh)));
    if (lastEventId !== null) return lastEventId;
    // A new reader has the state already; of a finished job it still gets the terminal event, which ends the stream.
    return isTerminal(fresh.status) ? fresh.eventSeq - 1 : fresh.eventSeq;
  }

  private async sendEvents(job: JobRow, after: number, out: Writable): Promise<number> {
    let seen = after;
    if (job.eventSeq <= after) return seen;
    for (const event of await this.jobs.events(job.id, after)) {
      const whole = TERMINAL_EVENTS.includes(event.type) && event.seq === job.eventSeq;
      const data = whole
        ? await this.views.one(job)
        : { id: job.id, type: event.type, at: event.createdAt.toISOString(), ...event.data };
      out.write(frame(event.type, data, event.seq));
      seen = event.seq;
    }
    return seen;
  }
}

function frame(event: string, data: object, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function stringHeaders(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reply.getHeaders()).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

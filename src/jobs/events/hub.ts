import { Injectable } from '@nestjs/common';
import { delay } from '../../common/time.js';
import type { DedicatedConnection } from '../../database/connection.js';
import { Database } from '../../database/database.js';
import { Logger } from '../../telemetry/logger.js';
import { JOB_CHANNEL } from '../engine/notifier.js';
import { JobsRepository } from '../store/jobs.repository.js';

const CATCH_UP_MS = 1000;
const RECONNECT_MS = 1000;

export type Wake = 'changed' | 'closing';
type Listener = (wake: Wake) => void;

interface Watched {
  listeners: Set<Listener>;
  mark: string | null;
}

/**
 * One per process: tells watchers (`Prefer: wait`, SSE) that a job changed. Notifications make it quick; one batched SELECT
 * a second over everything that is watched makes it certain.
 */
@Injectable()
export class JobHub {
  private readonly watched = new Map<string, Watched>();
  private connection: DedicatedConnection | null = null;
  private timer: NodeJS.Timeout | null = null;
  private closing = false;
  private looking = false;

  constructor(
    private readonly db: Database,
    private readonly jobs: JobsRepository,
    private readonly logger: Logger,
  ) {}

  /** Calls `listener` on every change until the returned function is called; on shutdown once with `closing`. */
  watch(jobId: string, listener: Listener): () => void {
    if (this.closing) {
      queueMicrotask(() => listener('closing'));
      return () => undefined;
    }
    const one = this.watched.get(jobId) ?? { listeners: new Set<Listener>(), mark: null };
    this.watched.set(jobId, one);
    one.listeners.add(listener);
    this.start();
    return () => {
      one.listeners.delete(listener);
      if (one.listeners.size === 0 && this.watched.get(jobId) === one) this.watched.delete(jobId);
    };
  }

  get watchers(): number {
    return this.watched.size;
  }

  /** Wakes everyone for the last time: waiting requests answer now, streams end. */
  async close(): Promise<void> {
    this.closing = true;
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    for (const { listeners } of this.watched.values()) for (const listener of listeners) listener('closing');
    this.watched.clear();
    await this.connection?.end().catch(() => undefined);
    this.connection = null;
  }

  private start(): void {
    if (this.timer) return;
    this.timer = setInterval(() => void this.catchUp(), CATCH_UP_MS);
    void this.listen();
  }

  private async listen(): Promise<void> {
    while (!this.closing) {
      try {
        const connection = await this.db.dedicatedConnection('kiln-events');
        this.connection = connection;
        if (this.closing) return await connection.end();
        connection.on('notification', ({ payload }) => {
          for (const id of (payload ?? '').split(',')) this.wake(id);
        });
        const ended = new Promise<void>((resolve) => connection.once('end', () => resolve()));
        await connection.query(`LISTEN ${JOB_CHANNEL}`);
        await ended;
      } catch (error) {
        this.logger.debug({ err: error }, 'the event connection is away; changes are found once a second');
        await this.connection?.end().catch(() => undefined);
      }
      if (!this.closing) await delay(RECONNECT_MS);
    }
  }

  private async catchUp(): Promise<void> {
    if (this.looking || this.watched.size === 0) return;
    this.looking = true;
    try {
      for (const { id, version, progress } of await this.jobs.marks([...this.watched.keys()])) {
        const one = this.watched.get(id);
        const mark = `${version}/${progress}`;
        if (!one || one.mark === mark) continue;
        // The first look wakes too: the job may have changed since its watcher read it, and nobody tells again.
        one.mark = mark;
        this.wake(id);
      }
    } catch (error) {
      this.logger.debug({ err: error }, 'watched jobs could not be looked at');
    } finally {
      this.looking = false;
    }
  }

  private wake(id: string): void {
    for (const listener of this.watched.get(id)?.listeners ?? []) listener('changed');
  }
}

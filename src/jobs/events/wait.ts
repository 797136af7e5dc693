import { Injectable } from '@nestjs/common';
import { delay } from '../../common/time.js';
import { isTerminal } from '../domain/states.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import { JobHub } from './hub.js';

/** Longest `Prefer: wait`. */
export const MAX_WAIT_SECONDS = 60;

@Injectable()
export class JobWaiter {
  private readonly stopping = new AbortController();

  constructor(
    private readonly hub: JobHub,
    private readonly jobs: JobsRepository,
  ) {}

  /** Answers everyone who waits now, and from now on at once: the first thing at a stop, long before streams end. */
  release(): void {
    this.stopping.abort();
  }

  /** The job when it is terminal, when the time is over, when the client went away, or when the process stops. */
  async wait(job: JobRow, seconds: number, gone: AbortSignal): Promise<JobRow> {
    const signal = AbortSignal.any([gone, this.stopping.signal]);
    let latest = job;
    const until = Date.now() + seconds * 1000;
    let changed: () => void = () => undefined;
    const closing = new AbortController();
    const unwatch = this.hub.watch(job.id, (wake) => {
      if (wake === 'closing') closing.abort();
      changed();
    });
    try {
      while (!isTerminal(latest.status) && !closing.signal.aborted && !signal.aborted && Date.now() < until) {
        const next = new Promise<void>((resolve) => (changed = resolve));
        // Read after the watch began, so that no change between the two is missed.
        latest = (await this.jobs.byId(job.id)) ?? latest;
        if (isTerminal(latest.status)) break;
        await this.orTimeout(next, until - Date.now(), signal);
      }
      return latest;
    } finally {
      unwatch();
    }
  }

  private async orTimeout(next: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const timeout = delay(Math.max(ms, 0), AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    await Promise.race([next, timeout]);
    woken.abort();
  }
}

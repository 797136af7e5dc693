import { Injectable } from '@nestjs/common';
import { isTerminal } from '../domain/states.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import { JobHub } from './hub.js';

/** Longest `Prefer: wait`. */
export const MAX_WAIT_SECONDS = 60;

@Injectable()
export class JobWaiter {
  constructor(
    private readonly hub: JobHub,
    private readonly jobs: JobsRepository,
  ) {}

  /** The job when it is terminal, when the time is over, when the client went away, or when the process stops. */
  async wait(job: JobRow, seconds: number, signal: AbortSignal): Promise<JobRow> {
    let latest = job;
    const until = Date.now() + seconds * 1000;
    let changed: () => void = () => undefined;
    let closing = false;
    const unwatch = this.hub.watch(job.id, (wake) => {
      closing ||= wake === 'closing';
      changed();
    });
    try {
      while (!isTerminal(latest.status) && !closing && !signal.aborted && Date.now() < until) {
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

  private orTimeout(next: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(ms, 0));
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      void next.then(done);
    });
  }
}

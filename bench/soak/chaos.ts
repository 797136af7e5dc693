import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Random } from './random.js';
import type { Role, World } from './world.js';

export interface Deaths {
  api: number;
  worker: number;
  /** Times that Redis forgot everything. */
  flushes: number;
}

const FLUSH_EVERY = 5;

/**
 * Kills the api and the worker with -9 once in each round, each at a moment of the round that follows from the seed, and
 * starts them again at once. Every fifth round Redis, where there is one, loses all it holds.
 */
export class Chaos {
  readonly deaths: Deaths = { api: 0, worker: 0, flushes: 0 };
  private readonly random: Random;
  private readonly stopping = new AbortController();
  private readonly failure = Promise.withResolvers<never>();
  private running: Promise<void> | null = null;

  constructor(
    private readonly world: World,
    private readonly redisUrl: string | null,
    private readonly roundMs: number,
    /** After so many rounds it is quiet; null: only at the end. */
    private readonly most: number | null,
    seed: number,
  ) {
    this.random = new Random(seed ^ 0x5eed);
  }

  start(): void {
    // Told at once to who waits for it, and by `stop`.
    this.failure.promise.catch(() => undefined);
    this.running = this.rounds();
    this.running.catch(this.failure.reject);
  }

  /** Rejects when a process did not come back; never resolves. */
  get broken(): Promise<never> {
    return this.failure.promise;
  }

  /** Throws what broke: a process that did not come back. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async rounds(): Promise<void> {
    for (let round = 1; !this.stopping.signal.aborted && round <= (this.most ?? round); round += 1) {
      const roundEnds = this.pause(this.roundMs);
      await Promise.all([this.killAt('api', this.moment()), this.killAt('worker', this.moment())]);
      if (this.redisUrl !== null && round % FLUSH_EVERY === 0) await this.flush(this.redisUrl);
      await roundEnds;
    }
  }

  private moment(): number {
    return this.random.whole(this.roundMs / 4, this.roundMs);
  }

  private async killAt(role: Role, waitMs: number): Promise<void> {
    await this.pause(waitMs);
    if (this.stopping.signal.aborted) return;
    await this.world.kill(role);
    this.deaths[role] += 1;
    await this.world.boot(role);
  }

  private async flush(url: string): Promise<void> {
    const redis = new Redis(url);
    await redis.flushall();
    redis.disconnect();
    this.deaths.flushes += 1;
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

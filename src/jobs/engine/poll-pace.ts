import { Injectable } from '@nestjs/common';
import { jitter } from '../../common/time.js';

/** A turn nearer than this is waited for; a later one gives the worker's place to another job. */
const NEAR_MS = 300;

/** Keeps each route's polls of this process under the route's `polls_per_second`, by spacing them evenly. */
@Injectable()
export class PollPace {
  private readonly nextAtMs = new Map<string, number>();

  /** `inMs`: the turn is taken, poll then. `comeBackMs`: too many are before this one. */
  take(
    route: { id: string; pollsPerSecond: number | null },
    nowMs = Date.now(),
  ): { inMs: number } | { comeBackMs: number } {
    if (route.pollsPerSecond === null) return { inMs: 0 };
    const turn = Math.max(this.nextAtMs.get(route.id) ?? 0, nowMs);
    if (turn - nowMs > NEAR_MS) return { comeBackMs: jitter(turn - nowMs, 0.5) };
    this.nextAtMs.set(route.id, turn + 1000 / route.pollsPerSecond);
    return { inMs: turn - nowMs };
  }
}

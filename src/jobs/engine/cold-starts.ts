import { Injectable } from '@nestjs/common';
import type { Capabilities, ProviderError } from '../../providers/contract.js';
import type { AttemptRow } from '../store/rows.js';
import type { Claim } from './claims.repository.js';
import { RouteHealthRepository } from '../../upstreams/route-health.repository.js';
import { WarmthRepository } from '../../upstreams/warmth.repository.js';

export const COLD_CODE = 'cold_start';
/** Doubling with each try that found it asleep: a start takes minutes, and each try is a row. */
const LOOK_AGAIN_MS = 2000;
const MAX_LOOK_AGAIN_MS = 15_000;
/** What proxies in front of a pod that is not there answer: KEDA and Knative hold the request, then say one of these. */
const PROXY_STATUSES = [502, 503, 504];

export interface ColdMove {
  /** Where the job goes on in its plan. */
  index: number;
  delayMs: number;
  bridging: boolean;
}

/** Endpoints that sleep: a submit that found one asleep is no failure. It is woken, and a bridge or patience does the rest. */
@Injectable()
export class ColdStarts {
  constructor(
    private readonly warmth: WarmthRepository,
    private readonly health: RouteHealthRepository,
  ) {}

  /** Null: it is not that. Otherwise the endpoint is being woken, and the job goes to a bridge, or waits for as long as a start may take. */
  async next(claim: Claim, attempt: AttemptRow, error: ProviderError, can: Capabilities): Promise<ColdMove | null> {
    const { scaleToZero } = attempt.route;
    if (!scaleToZero || !isCold(error, can)) return null;
    await this.warmth.seenCold(attempt.endpoint);
    const { plan, planIndex, routing } = claim.job;
    if (routing.allowFallback) {
      const closed = await this.health.closed();
      const bridge = plan.findIndex(({ id, bridge: bridges }, at) => at > planIndex && bridges && !closed.has(id));
      if (bridge >= 0) return { index: bridge, delayMs: 0, bridging: true };
    }
    const before = claim.attempts.filter((one) => one.route.id === attempt.route.id && isColdAttempt(one));
    const waitedMs = claim.now.getTime() - (before[0] ?? attempt).createdAt.getTime();
    const delayMs = Math.min(LOOK_AGAIN_MS * 2 ** before.length, MAX_LOOK_AGAIN_MS);
    return waitedMs < scaleToZero.startSeconds * 1000 ? { index: planIndex, delayMs, bridging: false } : null;
  }
}

/** A try that found the endpoint asleep is none. */
export const isColdAttempt = (attempt: Pick<AttemptRow, 'error'>): boolean => attempt.error?.code === COLD_CODE;

function isCold(error: ProviderError, can: Capabilities): boolean {
  const { upstreamStatus } = error.detail;
  const silent = upstreamStatus === undefined && (error.kind === 'unavailable' || error.kind === 'timeout');
  const proxied = upstreamStatus !== undefined && PROXY_STATUSES.includes(upstreamStatus);
  // After a 504 the request may have arrived all the same: only where a second run costs nobody money is it sent again.
  return (silent || proxied) && (error.outcome === 'rejected' || can.resubmitSafe);
}

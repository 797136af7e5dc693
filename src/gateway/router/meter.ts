import { Injectable } from '@nestjs/common';
import type { SyncRoute } from '../../catalog/sync-schema.js';
import { SyncHolds } from '../../billing/sync-holds.js';
import { holdSnapshot, priceUsage } from '../../billing/usage-price.js';
import { NO_USAGE, type Usage, type UsageStatus } from '../../billing/usage.js';
import { KilnConfig } from '../../config/config.js';
import type { KilnError } from '../../common/errors.js';
import { Logger } from '../../telemetry/logger.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { HoldTerms } from './hold-terms.js';
import type { Opened, PricedRoute, SyncWork } from './work.js';

/** How a request ended, beside what it used. */
export interface Ending {
  status: UsageStatus;
  httpStatus: number;
  errorCode?: string;
}

/** Holds before the work and charges for what was used after it, with a row for each request. */
@Injectable()
export class Meter {
  constructor(
    private readonly holds: SyncHolds,
    private readonly config: KilnConfig,
    private readonly metrics: GatewayMetrics,
    private readonly logger: Logger,
  ) {}

  /**
   * The routes, each with the most that its answer may have by what is held now. Throws 429 where the day's budget does not
   * suffice.
   */
  async hold(work: SyncWork, routes: readonly PricedRoute[]): Promise<PricedRoute[]> {
    const paid = routes.filter(({ route }) => !this.isFree(route));
    const terms = new HoldTerms(work, paid);
    const { amountMicroUsd } = terms;
    const { dailyBudgetMicroUsd } = work.key;
    const [first] = routes;
    const priced = routes.map(({ route, price }) => ({ id: route.id, price }));
    const heldMicroUsd = await this.holds.hold({
      requestId: work.requestId,
      keyId: work.key.id,
      amountMicroUsd,
      elastic: dailyBudgetMicroUsd === null ? undefined : terms.elastic,
      dailyBudgetMicroUsd,
      price: first ? holdSnapshot(work.bound(first.route), priced, amountMicroUsd) : {},
      affordable: (leftMicroUsd) => terms.affordable(leftMicroUsd),
    });
    if (heldMicroUsd === amountMicroUsd) return [...routes];
    return routes.map((one) => (paid.includes(one) ? { ...one, outputCap: terms.outputCap(one, heldMicroUsd) } : one));
  }

  /** Charges for what was used; what it cost the client in micro-USD. */
  async settle(work: SyncWork, opened: Opened<unknown>, usage: Usage, ending: Ending): Promise<number> {
    const { route, price } = opened;
    const cost = priceUsage(usage, price);
    this.metrics.ended(work.endpoint, route.id, ending.status, opened.ttfbMs);
    const { chargedMicroUsd } = await this.holds.settle({
      requestId: work.requestId,
      keyId: work.key.id,
      amountMicroUsd: this.isFree(route) ? 0 : cost.amountMicroUsd,
      record: {
        ...this.facts(work, ending),
        route: route.id,
        provider: route.provider,
        upstreamModel: route.model,
        usage,
        upstreamCostMicroUsd: route.sandbox ? 0 : cost.upstreamCostMicroUsd,
        ttfbMs: Math.round(opened.ttfbMs),
        attempts: opened.attempts,
        sandbox: route.sandbox,
      },
    });
    return chargedMicroUsd;
  }

  /** Nobody answered: nothing is charged. What goes wrong here is told, not thrown: the request's own end matters more. */
  async release(work: SyncWork, routes: readonly PricedRoute[], error: KilnError): Promise<void> {
    const last = routes.at(-1)?.route ?? null;
    const gone = work.gone.aborted;
    this.metrics.ended(work.endpoint, last?.id ?? null, gone ? 'canceled' : 'failed', null);
    await this.holds
      .release({
        requestId: work.requestId,
        keyId: work.key.id,
        reason: gone ? 'canceled' : error.type,
        record: {
          ...this.facts(work, {
            status: gone ? 'canceled' : 'failed',
            httpStatus: error.status,
            errorCode: error.type,
          }),
          route: last?.id ?? null,
          provider: last?.provider ?? null,
          upstreamModel: last?.model ?? null,
          usage: NO_USAGE,
          upstreamCostMicroUsd: 0,
          ttfbMs: null,
          attempts: routes.length,
          sandbox: last?.sandbox ?? false,
        },
      })
      .catch((cause: unknown) => this.logger.error({ err: cause, request: work.requestId }, 'a hold was not released'));
  }

  private facts(work: SyncWork, { status, httpStatus, errorCode = '' }: Ending) {
    return {
      endpoint: work.endpoint,
      model: work.model.id,
      status,
      httpStatus,
      latencyMs: Math.round(performance.now() - work.startedAtMs),
      streamed: work.streamed,
      errorCode: errorCode === '' ? null : errorCode,
    };
  }

  /** An emulated answer is worth nothing, but a developer's own machine shows the money at work. */
  private isFree(route: SyncRoute): boolean {
    return route.sandbox && !this.config.embedded;
  }
}

import { Inject, Injectable } from '@nestjs/common';
import type { SyncRoute } from '../../catalog/sync-schema.js';
import { KilnError, messageOf } from '../../common/errors.js';
import { delay, jitter } from '../../common/time.js';
import { EGRESS, type Egress } from '../../egress/egress.js';
import { ProviderError } from '../../providers/contract.js';
import type { SyncContext, SyncResponse } from '../../providers/sync/contract.js';
import { CONTEXT_LENGTH_EXCEEDED } from '../../providers/sync/error.js';
import { syncAdapters } from '../../providers/sync/registry.js';
import { decide } from '../../routing/error-policy.js';
import { Logger } from '../../telemetry/logger.js';
import { Credentials } from '../../upstreams/credentials.js';
import { RouteTrouble } from '../../upstreams/route-trouble.js';
import { ASLEEP } from '../../upstreams/sync-probe.js';
import { WarmthRepository } from '../../upstreams/warmth.repository.js';
import { allFailed, type FailedAttempt, isOfAskedModel, isVerdict } from './failure.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { InFlight } from './in-flight.js';
import type { Opened, PricedRoute, RouteCall, SyncWork } from './work.js';

/** Turns a good answer into something that has begun; throws ProviderError where it turns out to be none. */
export type Open<T> = (response: SyncResponse, route: SyncRoute) => Promise<T>;

/** Rounds over the whole chain, where every failure was of the kind that passes. */
const ROUNDS = 3;
const FIRST_PAUSE_MS = 250;
/** A provider that asks for more patience is not waited for within a request. */
const LONGEST_PAUSE_MS = 10_000;
const RATE_LIMIT_HEADER = /^(x-ratelimit-|anthropic-ratelimit-)/;

/** Errors policy asks what a wire can do only where an outcome is unknown, and an answer that is an error bought nothing. */
const CAN = {
  cancel: false,
  findByToken: false,
  callback: false,
  idempotencyKey: false,
  resubmitSafe: true,
  synchronous: true,
};

/** What watches over the calls. */
@Injectable()
export class FailoverSurroundings {
  constructor(
    readonly inFlight: InFlight,
    readonly metrics: GatewayMetrics,
  ) {}
}

/** Asks one route after the other until one answers: every failure before the first byte but a verdict moves on. */
@Injectable()
export class Failover {
  constructor(
    @Inject(EGRESS) private readonly egress: Egress,
    private readonly credentials: Credentials,
    private readonly warmth: WarmthRepository,
    private readonly trouble: RouteTrouble,
    private readonly surroundings: FailoverSurroundings,
    private readonly logger: Logger,
  ) {}

  /** Throws KilnError when no route answered; the client's hanging up as it is. */
  async run<T>(work: SyncWork, routes: readonly PricedRoute[], open: Open<T>): Promise<Opened<T>> {
    const failed: FailedAttempt[] = [];
    for (let round = 1; ; round += 1) {
      const before = failed.length;
      for (const priced of routes) {
        const result = await this.attempt(work, priced, open);
        if (!(result instanceof ProviderError)) return { ...priced, ...result, attempts: failed.length + 1 };
        failed.push({ route: priced.route, error: result });
        if (isVerdict(result) && !fitsElsewhere(result, priced.route, routes)) throw allFailed(work.model.id, failed);
        if (leftMs(work) <= 0) throw allFailed(work.model.id, failed);
      }
      const pauseMs = pauseAfter(failed.slice(before), round);
      if (round >= ROUNDS || pauseMs === null || pauseMs >= leftMs(work)) throw allFailed(work.model.id, failed);
      await delay(pauseMs, work.gone).catch((error: unknown) => {
        throw clientGone(error);
      });
    }
  }

  private async attempt<T>(
    work: SyncWork,
    { route, outputCap }: PricedRoute,
    open: Open<T>,
  ): Promise<Pick<Opened<T>, 'answer' | 'rateLimits' | 'ttfbMs'> | ProviderError> {
    const endpoint = route.endpoints[Math.floor(Math.random() * route.endpoints.length)] ?? '';
    // A stream shows early whether it comes; a whole answer takes as long as the work does.
    const limitMs = Math.max(1, Math.min(work.streamed ? route.firstByteTimeoutMs : route.timeoutMs, leftMs(work)));
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('late')), limitMs);
    const signal = AbortSignal.any([work.gone, late.signal]);
    const leave = this.surroundings.inFlight.enter(late);
    let isAnswered = false;
    try {
      const response = await this.send(route, work.call(route, outputCap), endpoint, { signal, limitMs });
      isAnswered = true;
      const answer = await open(response, route).catch((error: unknown) => {
        response.body.destroy();
        throw error;
      });
      void this.warmth.seenReady(endpoint, route).catch(() => undefined);
      if (response.body.closed) leave();
      else response.body.once('close', leave);
      return { answer, rateLimits: rateLimitsOf(response.headers), ttfbMs: performance.now() - work.startedAtMs };
    } catch (error) {
      leave();
      if (work.gone.aborted) throw clientGone(error);
      if (late.signal.reason instanceof KilnError) throw late.signal.reason;
      const failure = late.signal.aborted
        ? new ProviderError('timeout', 'rejected', `nothing of an answer within ${Math.round(limitMs)} ms`)
        : toProviderError(error);
      // A request that could not even be written says nothing of the route.
      const isOurs = !isAnswered && !late.signal.aborted && !(error instanceof ProviderError);
      await this.note(work, route, endpoint, failure, isOurs);
      return failure;
    } finally {
      clearTimeout(timer);
    }
  }

  private async send(
    route: SyncRoute,
    call: RouteCall,
    endpoint: string,
    { signal, limitMs }: { signal: AbortSignal; limitMs: number },
  ): Promise<SyncResponse> {
    const adapter = syncAdapters.get(route.provider);
    if (!adapter) throw new ProviderError('unavailable', 'rejected', `no adapter '${route.provider}'`);
    const ctx: SyncContext = {
      endpoint,
      credential: this.credentials.of({ credential: route.credential, route }),
      fetch: (url, options) => this.egress.configured(url, options),
      now: () => Date.now(),
      signal,
    };
    const { idleTimeoutMs, settings, model } = route;
    return adapter.send({ ...call, model, settings, timeoutMs: limitMs, idleTimeoutMs }, ctx);
  }

  /** A sleeping server is woken and no failure; anything else closes the route for a while, as the policy says. */
  private async note(
    work: SyncWork,
    route: SyncRoute,
    endpoint: string,
    error: ProviderError,
    isOurs: boolean,
  ): Promise<void> {
    this.logger.warn(
      {
        route: route.id,
        endpoint,
        kind: error.kind,
        status: error.detail.upstreamStatus ?? null,
        ...(isVerdict(error) ? {} : { err: error.message }),
      },
      'a route of the gateway did not answer',
    );
    this.surroundings.metrics.failed(route.id, error.kind);
    if (isVerdict(error) || isOurs || work.aside === true || isOfAskedModel(error, route)) return;
    const rejected = new ProviderError(error.kind, 'rejected', error.message, error.detail);
    const { upstreamStatus } = error.detail;
    const asleep = upstreamStatus === undefined ? error.kind === 'unavailable' : ASLEEP.includes(upstreamStatus);
    const noted =
      route.scaleToZero && asleep
        ? this.warmth.seenCold(endpoint)
        : this.trouble.note(
            { route, endpoint, credential: route.credential, work: { request_id: work.requestId } },
            rejected,
            decide(rejected, 'submit', CAN),
          );
    // A database that is away must not keep the next route from answering.
    await noted.catch((cause: unknown) =>
      this.logger.warn({ err: cause }, 'a route’s trouble could not be written down'),
    );
  }
}

const leftMs = (work: SyncWork): number => work.model.deadlineMs - (performance.now() - work.startedAtMs);

/** A prompt that is too long for one route may fit another. */
function fitsElsewhere(error: ProviderError, route: SyncRoute, routes: readonly PricedRoute[]): boolean {
  if (error.detail.code !== CONTEXT_LENGTH_EXCEEDED) return false;
  const later = routes.slice(routes.findIndex((one) => one.route === route) + 1);
  return later.some((one) => (one.route.contextTokens ?? 0) > (route.contextTokens ?? 0));
}

/** How long until the chain is worth asking again; null: it is not. */
function pauseAfter(failed: readonly FailedAttempt[], round: number): number | null {
  const passing = failed.filter(({ error }) => error.kind === 'rate_limited' || error.kind === 'unavailable');
  if (passing.length === 0) return null;
  const asked = passing.flatMap(({ error }) => error.detail.retryAfterMs ?? []);
  const ms = asked.length > 0 ? Math.min(...asked) : jitter(FIRST_PAUSE_MS * 2 ** (round - 1));
  return ms <= LONGEST_PAUSE_MS ? ms : null;
}

function rateLimitsOf(headers: Headers): Record<string, string> {
  const found: Record<string, string> = {};
  headers.forEach((value, name) => {
    if (RATE_LIMIT_HEADER.test(name)) found[name] = value;
  });
  return found;
}

const toProviderError = (error: unknown): ProviderError =>
  error instanceof ProviderError
    ? error
    : new ProviderError('internal', 'rejected', messageOf(error), { cause: error });

/** Nobody is left to read this; it ends the request and says in the log why. */
const clientGone = (cause: unknown): KilnError =>
  new KilnError(499, 'client_closed_request', 'The client closed the request.', { cause });

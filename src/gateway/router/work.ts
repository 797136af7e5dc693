import type { SyncModel, SyncRoute, UsagePrice } from '../../catalog/sync-schema.js';
import type { UsageBound } from '../../billing/usage-price.js';
import type { UsageEndpoint } from '../../billing/usage.js';
import type { AuthKey } from '../../keys/auth-key.js';
import type { SyncCall } from '../../providers/sync/contract.js';

/** What one request asks of a route. */
export type RouteCall = Pick<SyncCall, 'kind' | 'body' | 'file' | 'stream' | 'anthropic'>;

/** One request to the gateway, before anybody was asked. */
export interface SyncWork {
  requestId: string;
  key: AuthKey;
  model: SyncModel;
  endpoint: UsageEndpoint;
  streamed: boolean;
  /** A question beside the work, whose failures say nothing of how its routes serve: counting has limits and rights of its own. */
  aside?: true;
  /** When it arrived; `performance.now()`. */
  startedAtMs: number;
  /** Aborts when the client goes away. */
  gone: AbortSignal;
  /** The most it can use on such a route. */
  bound(route: SyncRoute): UsageBound;
  /** What a route can't do of it, as messages that name fields. */
  lacking(route: SyncRoute): string[];
  call(route: SyncRoute): RouteCall;
}

/** A route that may be asked, with what it costs now. */
export interface PricedRoute {
  route: SyncRoute;
  price: UsagePrice;
}

/** A route that answered. */
export interface Opened<T> extends PricedRoute {
  /** What `open` made of the answer. */
  answer: T;
  /** Headers of the answer that say how much more may be asked. */
  rateLimits: Record<string, string>;
  /** Routes tried, this one included. */
  attempts: number;
  /** To the first byte of content, or the whole answer where it is not streamed. */
  ttfbMs: number;
}

import type { SyncModel, SyncRoute, UsagePrice } from '../../catalog/sync-schema.js';
import type { Affordable } from '../../billing/budget-refusals.js';
import type { UsageBound } from '../../billing/usage-price.js';
import type { UsageEndpoint } from '../../billing/usage.js';
import type { AuthKey } from '../../keys/auth-key.js';
import type { SyncCall } from '../../providers/sync/contract.js';

/** What one request asks of a route. */
export type RouteCall = Pick<SyncCall, 'kind' | 'body' | 'file' | 'stream' | 'anthropic'>;

/** What of a request makes it dear or cheap, and its client can ask less of. */
export interface Measure {
  /** As the request calls it. */
  name: keyof Affordable;
  /** Whether the client set no limit, so that Kiln may set one. */
  isOpen: boolean;
  /** The most of it on such a route. */
  most(route: SyncRoute): number;
  /**
   * About how much of it such a route has room for beside the request; left out where nothing limits it. Servers refuse a
   * limit of the answer that passes the context together with the prompt, but answer without one as far as the context goes.
   */
  room?(route: SyncRoute): number;
  /** The most the request can use where it is no more than `amount`. */
  bound(route: SyncRoute, amount: number): UsageBound;
}

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
  /** What `bound` depends on; left out where that is nothing of the client's. */
  measure?: Measure;
  /** What a route can't do of it, as messages that name fields. */
  lacking(route: SyncRoute): string[];
  /** `outputCap`: the most tokens that an answer may have, where the client set no limit and the budget does. */
  call(route: SyncRoute, outputCap: number | null): RouteCall;
}

/** A route that may be asked, with what it costs now. */
export interface PricedRoute {
  route: SyncRoute;
  price: UsagePrice;
  /** The most tokens that an answer may have by what is held; null where that is no limit. */
  outputCap: number | null;
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

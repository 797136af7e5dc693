import { Injectable } from '@nestjs/common';
import type { SyncRoute } from '../../catalog/sync-schema.js';
import { invalidRequest, KilnError, unavailable } from '../../common/errors.js';
import { plan, type Plan, type RoutingOptions } from '../../routing/plan.js';
import { RouteHealthRepository } from '../../upstreams/route-health.repository.js';
import { WarmthRepository } from '../../upstreams/warmth.repository.js';
import { RoutePrices } from './prices.js';
import type { PricedRoute, SyncWork } from './work.js';

const ROUTING: RoutingOptions = { allowSubstitution: true, allowFallback: true, only: null, onUnknown: 'next' };

/** How a reason begins that is about a route's state and not about the request. */
const CLOSED = /^(disabled|paused|draining|unauthorized|retired|prices unknown)/;
const PRICES_AWAY = 'prices unknown: the list of prices can not be fetched now';
const UNPRICED = 'no price is known of';

/** Chooses the routes of a request, by the same rules as jobs' routes. */
@Injectable()
export class SyncPlans {
  constructor(
    private readonly health: RouteHealthRepository,
    private readonly warmth: WarmthRepository,
    private readonly prices: RoutePrices,
  ) {}

  /** First choice first; never empty. Throws 400 where no route can do what is asked, 503 where none may be asked. */
  async routes(work: SyncWork): Promise<PricedRoute[]> {
    const { routes: all } = work.model;
    const priced = new Map<SyncRoute, PricedRoute>();
    for (const route of all) {
      const price = route.price ?? (await this.prices.of(route));
      if (price) priced.set(route, { route, price, outputCap: null });
    }
    const unpriced = (route: SyncRoute): string[] => {
      if (priced.has(route)) return [];
      return [this.prices.isAway(route) ? PRICES_AWAY : `${UNPRICED} ${route.model}`];
    };
    const planned = plan({
      routes: all,
      lacking: (route) => [...work.lacking(route), ...unpriced(route)],
      routing: ROUTING,
      states: await this.health.all(),
      now: new Date(),
      cold: await this.warmth.coldRoutes(all),
      random: Math.random,
    });
    if (planned.routes.length === 0) throw refusal(work, planned);
    // A lost request to wake costs little: the next one finds the endpoint asleep.
    if (planned.wake) void this.warmth.ask(planned.wake.endpoints).catch(() => undefined);
    return planned.routes.flatMap((route) => {
      const found = priced.get(route) ?? [...priced.values()].find((one) => one.route.id === route.id);
      return found ? [{ ...found, route }] : [];
    });
  }
}

function refusal({ model }: SyncWork, { passedOver }: Plan<SyncRoute>): KilnError {
  if (passedOver.length > 0 && passedOver.every(({ reason }) => reason.startsWith(UNPRICED)))
    throw new KilnError(404, 'not_found', `No model '${model.id}' is served: its price is not known.`, {
      code: 'model_not_found',
      param: 'model',
    });
  const closed = passedOver.filter(({ reason }) => CLOSED.test(reason));
  if (closed.length > 0) {
    const states = closed.map(({ route, reason }) => `${route}: ${CLOSED.exec(reason)?.[0]}`).join('; ');
    return unavailable(`No route of ${model.id} takes this now (${states}).`, 30, 'route_unavailable');
  }
  const reasons = [...new Set(passedOver.map(({ reason }) => reason))];
  return invalidRequest(`${model.id} can't do this: ${reasons.join('; ') || 'it has no route'}.`);
}

import type { Route, RouteBase } from '../catalog/schema.js';
import type { Adapter, TaskShape } from '../providers/contract.js';

/** A request's `routing`. */
export interface RoutingOptions {
  allowSubstitution: boolean;
  allowFallback: boolean;
  /** Providers, route ids (`veo-3.1/vertex`) or their last part (`vertex`); null allows all. */
  only: string[] | null;
  /** Whether to go on to the next route while it is unknown if a submit was bought. */
  onUnknown: 'wait' | 'next';
}

/** State of a route, shared by all replicas; a route without a row is open. */
export interface RouteStateRow {
  id: string;
  /** `open`; anything else takes no new work (`paused`, `draining`, `unauthorized`). */
  state: string;
  cooldownUntil: Date | null;
  reason?: string | null;
}

export interface PlanArgs<R extends RouteBase> {
  /** In order of choice. */
  routes: readonly R[];
  /** What a route could never do of this request, as messages. */
  lacking: (route: R) => string[];
  routing: RoutingOptions;
  states: ReadonlyMap<string, RouteStateRow>;
  now: Date;
  /** Ids of routes whose endpoints sleep. */
  cold: ReadonlySet<string>;
  /** 0 to 1, drawn anew at each call. */
  random: () => number;
  /** Route id that ops chose; it overrules the client's wishes, a cooldown and a refused credential, not what a route can't do. */
  forcedRoute?: string;
}

export interface Plan<R extends RouteBase> {
  /** First choice first. Empty: nothing can run this, `passedOver` says why. */
  routes: R[];
  passedOver: { route: string; reason: string }[];
  /** The route that would come first, where it sleeps and should be woken. */
  wake: R | null;
}

type Wishes = Pick<PlanArgs<RouteBase>, 'routing' | 'forcedRoute'>;

/** What a job's routes lack for a task, by what their adapters say. */
export const lackingFor =
  (shape: Omit<TaskShape, 'model' | 'settings'>, adapters: ReadonlyMap<string, Adapter>) =>
  (route: Pick<Route, 'provider' | 'model' | 'settings'>): string[] => {
    const adapter = adapters.get(route.provider);
    return adapter
      ? adapter.unsupported({ ...shape, model: route.model, settings: route.settings })
      : [`no adapter for ${route.provider}`];
  };

const nameOf = (route: RouteBase): string => route.id.slice(route.id.lastIndexOf('/') + 1);

const isNamed = (route: RouteBase, names: readonly string[]): boolean =>
  names.some((name) => name === route.provider || name === route.id || name === nameOf(route));

/** Whether the provider has stopped answering; the sandbox, which only speaks its wire, has not. */
const isRetired = (route: RouteBase, now: Date): boolean =>
  route.retiresOn !== null && !route.sandbox && now.getTime() >= Date.parse(route.retiresOn);

function wishProblem(route: RouteBase, { routing, forcedRoute }: Wishes): string | null {
  if (forcedRoute !== undefined) return route.id === forcedRoute ? null : `another route was forced: ${forcedRoute}`;
  if (routing.only && !isNamed(route, routing.only)) return `not among routing.only: ${routing.only.join(', ')}`;
  return route.substitute && !routing.allowSubstitution ? 'runs a substitute model, which the request refuses' : null;
}

function stateProblem(
  route: RouteBase,
  { states, forcedRoute }: Pick<PlanArgs<RouteBase>, 'states' | 'forcedRoute'>,
): string | null {
  const row = states.get(route.id);
  if (!row || row.state === 'open') return null;
  if (forcedRoute !== undefined && row.state === 'unauthorized') return null;
  return row.reason ? `${row.state}: ${row.reason}` : row.state;
}

function problem<R extends RouteBase>(route: R, args: PlanArgs<R>): string | null {
  const wish = wishProblem(route, args);
  if (wish !== null) return wish;
  // What the route could never do comes before its state: opening it would not help this request, which is refused, not put off.
  const lacking = args.lacking(route);
  if (lacking.length > 0) return lacking.join('; ');
  if (route.disabled !== null) return `disabled: ${route.disabled}`;
  if (isRetired(route, args.now)) return `retired on ${route.retiresOn}`;
  return stateProblem(route, args);
}

const cooldownMs = (route: RouteBase, { states, now }: Pick<PlanArgs<RouteBase>, 'states' | 'now'>): number =>
  Math.max(0, (states.get(route.id)?.cooldownUntil?.getTime() ?? 0) - now.getTime());

/** Where a real route is configured, nobody wants the sandbox's clip in its place, nor after it. */
function withoutEmulated<R extends RouteBase>(
  able: readonly R[],
  passedOver: Plan<R>['passedOver'],
  { forcedRoute }: Wishes,
): R[] {
  const real = able.filter(({ sandbox }) => !sandbox);
  if (real.length === 0 || forcedRoute !== undefined) return [...able];
  const emulated = able.filter(({ sandbox }) => sandbox);
  passedOver.push(...emulated.map(({ id }) => ({ route: id, reason: 'only the sandbox serves it here' })));
  return real;
}

/** Routes that stand together and have weights, each time in another order: the heavier, the more often first. */
function drawn<R extends RouteBase>(routes: readonly R[], random: () => number): R[] {
  const order: R[] = [];
  for (let at = 0; at < routes.length;) {
    const group = weighted(routes, at);
    at += Math.max(group.length, 1);
    const route = routes[at - 1];
    if (group.length === 0 && route) order.push(route);
    while (group.length > 0) {
      const total = group.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
      let ticket = random() * total;
      const index = group.findIndex(({ weight }) => (ticket -= weight ?? 0) < 0);
      order.push(...group.splice(Math.max(index, 0), 1));
    }
  }
  return order;
}

function weighted<R extends RouteBase>(routes: readonly R[], from: number): R[] {
  const end = routes.findIndex(({ weight }, at) => at >= from && weight === null);
  return routes.slice(from, end < 0 ? undefined : end);
}

/** While the first route wakes, those marked `bridge` go before it. */
function bridged<R extends RouteBase>(routes: readonly R[], cold: ReadonlySet<string>): R[] {
  const [first] = routes;
  if (!first || !cold.has(first.id)) return [...routes];
  const bridges = routes.filter((route) => route.bridge && !cold.has(route.id));
  const others = routes.filter((route) => !bridges.includes(route));
  return [...bridges.map((route) => ({ ...route, bridging: true as const })), ...others];
}

/**
 * The routes that can run a task, in order of choice. A route that lacks what was asked for is passed over, never fed less;
 * one that cools down comes after the others, the soonest first, and without fallback keeps its place: its job waits. A
 * cold one lets a bridge go first.
 */
export function plan<R extends RouteBase>(args: PlanArgs<R>): Plan<R> {
  const passedOver: Plan<R>['passedOver'] = [];
  const able: R[] = [];
  for (const route of args.routes) {
    const reason = problem(route, args);
    if (reason === null) able.push(route);
    else passedOver.push({ route: route.id, reason });
  }
  const chosen = drawn(withoutEmulated(able, passedOver, args), args.random);
  if (args.routing.allowFallback || args.forcedRoute !== undefined) {
    // toSorted is stable: routes that don't cool down keep their order.
    const byCooldown = chosen.toSorted((a, b) => cooldownMs(a, args) - cooldownMs(b, args));
    const routes = args.forcedRoute === undefined ? bridged(byCooldown, args.cold) : byCooldown;
    return { routes, passedOver, wake: sleeping(byCooldown, args) };
  }
  const spare = chosen.slice(1).map((route) => ({ route: route.id, reason: 'the request allows no fallback' }));
  return { routes: chosen.slice(0, 1), passedOver: [...passedOver, ...spare], wake: sleeping(chosen, args) };
}

const sleeping = <R extends RouteBase>([first]: readonly R[], { cold }: Pick<PlanArgs<R>, 'cold'>): R | null =>
  first && cold.has(first.id) ? first : null;

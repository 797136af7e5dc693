import type { Model, Route } from '../catalog/schema.js';
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

export interface PlanArgs {
  model: Model;
  shape: Omit<TaskShape, 'model' | 'settings'>;
  adapters: ReadonlyMap<string, Adapter>;
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

export interface Plan {
  /** First choice first. Empty: nothing can run this, `passedOver` says why. */
  routes: Route[];
  passedOver: { route: string; reason: string }[];
  /** The route that would come first, where it sleeps and should be woken. */
  wake: Route | null;
}

const nameOf = (route: Route): string => route.id.slice(route.id.lastIndexOf('/') + 1);

const isNamed = (route: Route, names: readonly string[]): boolean =>
  names.some((name) => name === route.provider || name === route.id || name === nameOf(route));

/** Whether the provider has stopped answering; the sandbox, which only speaks its wire, has not. */
const isRetired = (route: Route, now: Date): boolean =>
  route.retiresOn !== null && !route.sandbox && now.getTime() >= Date.parse(route.retiresOn);

function wishProblem(route: Route, { routing, forcedRoute }: PlanArgs): string | null {
  if (forcedRoute !== undefined) return route.id === forcedRoute ? null : `another route was forced: ${forcedRoute}`;
  if (routing.only && !isNamed(route, routing.only)) return `not among routing.only: ${routing.only.join(', ')}`;
  return route.substitute && !routing.allowSubstitution ? 'runs a substitute model, which the request refuses' : null;
}

function stateProblem(route: Route, { states, forcedRoute }: PlanArgs): string | null {
  const row = states.get(route.id);
  if (!row || row.state === 'open') return null;
  if (forcedRoute !== undefined && row.state === 'unauthorized') return null;
  return row.reason ? `${row.state}: ${row.reason}` : row.state;
}

function problem(route: Route, args: PlanArgs): string | null {
  const wish = wishProblem(route, args);
  if (wish !== null) return wish;
  const adapter = args.adapters.get(route.provider);
  if (!adapter) return `no adapter for ${route.provider}`;
  // What the route could never do comes before its state: opening it would not help this request, which is refused, not put off.
  const lacking = adapter.unsupported({ ...args.shape, model: route.model, settings: route.settings });
  if (lacking.length > 0) return lacking.join('; ');
  if (route.disabled !== null) return `disabled: ${route.disabled}`;
  if (isRetired(route, args.now)) return `retired on ${route.retiresOn}`;
  return stateProblem(route, args);
}

const cooldownMs = (route: Route, { states, now }: PlanArgs): number =>
  Math.max(0, (states.get(route.id)?.cooldownUntil?.getTime() ?? 0) - now.getTime());

/** Where a real route is configured, nobody wants the sandbox's clip in its place, nor after it. */
function withoutEmulated(able: readonly Route[], passedOver: Plan['passedOver'], { forcedRoute }: PlanArgs): Route[] {
  const real = able.filter(({ sandbox }) => !sandbox);
  if (real.length === 0 || forcedRoute !== undefined) return [...able];
  const emulated = able.filter(({ sandbox }) => sandbox);
  passedOver.push(...emulated.map(({ id }) => ({ route: id, reason: 'only the sandbox serves it here' })));
  return real;
}

/** Routes that stand together and have weights, each time in another order: the heavier, the more often first. */
function drawn(routes: readonly Route[], random: () => number): Route[] {
  const order: Route[] = [];
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

function weighted(routes: readonly Route[], from: number): Route[] {
  const end = routes.findIndex(({ weight }, at) => at >= from && weight === null);
  return routes.slice(from, end < 0 ? undefined : end);
}

/** While the first route wakes, those marked `bridge` go before it. */
function bridged(routes: readonly Route[], cold: ReadonlySet<string>): Route[] {
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
export function plan(args: PlanArgs): Plan {
  const passedOver: Plan['passedOver'] = [];
  const able: Route[] = [];
  for (const route of args.model.routes) {
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

const sleeping = ([first]: readonly Route[], { cold }: PlanArgs): Route | null =>
  first && cold.has(first.id) ? first : null;

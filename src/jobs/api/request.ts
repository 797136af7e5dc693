import { Inject, Injectable } from '@nestjs/common';
import { priceOf, type PriceSnapshot } from '../../billing/price.js';
import { Catalog } from '../../catalog/catalog.service.js';
import { parseInput, parseProviderOptions, type ParsedInput } from '../../catalog/input.js';
import type { Model, Route } from '../../catalog/schema.js';
import { KilnError, notFound, unavailable } from '../../common/errors.js';
import type { JsonObject } from '../../common/json.js';
import { KilnConfig } from '../../config/config.js';
import { assertModelAllowed, type AuthKey } from '../../keys/auth-key.js';
import type { Adapter, ReferenceRole } from '../../providers/contract.js';
import { PROVIDERS } from '../../providers/providers.module.js';
import { lackingFor, plan, type RoutingOptions } from '../../routing/plan.js';
import { timingBucket } from '../engine/expected.js';
import { RouteHealthRepository } from '../../upstreams/route-health.repository.js';
import { WarmthRepository } from '../../upstreams/warmth.repository.js';
import type { CreateJobBody } from './bodies.js';
import { PriceTokens } from './price-token.js';

/** A request read against the catalog: what would run, where, and for how much. */
export interface JobRequest {
  model: Model;
  parsed: ParsedInput;
  providerOptions: JsonObject;
  routing: RoutingOptions;
  routes: Route[];
  /** A sleeping route that the job would have gone to first. */
  wake: Route | null;
  price: PriceSnapshot;
  sandbox: boolean;
  expectedSeconds: number;
}

/** First choice first. */
export interface PlannedRoutes {
  routes: Route[];
  wake: Route | null;
}

/** How routes are at the moment. */
@Injectable()
export class RoutesNow {
  constructor(
    readonly health: RouteHealthRepository,
    readonly warmth: WarmthRepository,
  ) {}
}

/** Reads and refuses requests; writes nothing. */
@Injectable()
export class JobRequests {
  constructor(
    private readonly catalog: Catalog,
    @Inject(PROVIDERS) private readonly adapters: ReadonlyMap<string, Adapter>,
    private readonly routesNow: RoutesNow,
    private readonly quotes: PriceTokens,
    private readonly config: KilnConfig,
  ) {}

  async read(key: AuthKey, body: CreateJobBody): Promise<JobRequest> {
    const model = this.catalog.get(body.model);
    if (!model) throw modelNotFound(body.model);
    assertModelAllowed(key, model.id);
    const parsed = parseInput(model, body.input);
    const providerOptions = parseProviderOptions(model, body.provider_options, this.adapters);
    const routing = routingOf(body);
    const { routes, wake } = await this.plan(model, parsed, routing, providerOptions);
    const sandbox = routes[0]?.sandbox ?? false;
    const list =
      body.quote_id === undefined
        ? priceOf(model.price, parsed.input, model)
        : this.quotes.read(body.quote_id, { keyId: key.id, model: model.id, input: parsed.input, now: new Date() });
    // An emulated result is worth nothing, but a developer's own machine shows the money at work.
    const price = sandbox && !this.config.embedded ? { ...list, amountMicroUsd: 0 } : list;
    const timings = await this.routesNow.health.timings(timingBucket(parsed.operation, parsed.input));
    const [first] = routes;
    const expectedSeconds = (first && timings.get(first.id)) ?? first?.expectedSeconds ?? 30;
    return { model, parsed, providerOptions, routing, routes, wake, price, sandbox, expectedSeconds };
  }

  /** The chain for a replay, which ops or the owner may force onto one route. */
  async planAgain(
    modelId: string,
    parsed: Pick<ParsedInput, 'input' | 'operation'> & {
      references: { role: ReferenceRole }[];
      providerOptions: JsonObject;
    },
    routing: RoutingOptions,
    forcedRoute?: string,
  ): Promise<PlannedRoutes> {
    const model = this.catalog.get(modelId);
    if (!model) throw notFound('model', modelId);
    return this.plan(model, parsed, routing, parsed.providerOptions, forcedRoute);
  }

  private async plan(
    model: Model,
    parsed: { input: JsonObject; operation: string; references: { role: ReferenceRole }[] },
    routing: RoutingOptions,
    providerOptions: JsonObject,
    forcedRoute?: string,
  ): Promise<PlannedRoutes> {
    const references: Partial<Record<ReferenceRole, number>> = {};
    for (const { role } of parsed.references) references[role] = (references[role] ?? 0) + 1;
    const shape = { modality: model.modality, operation: parsed.operation, input: parsed.input, references };
    const states = await this.routesNow.health.all();
    const { routes, passedOver, wake } = plan({
      routes: model.routes,
      lacking: lackingFor(shape, this.adapters),
      routing,
      states,
      now: new Date(),
      cold: await this.routesNow.warmth.coldRoutes(model.routes),
      random: Math.random,
      forcedRoute,
    });
    const able = routes.filter((route) => takesOptions(route, providerOptions));
    const asleep = wake !== null && takesOptions(wake, providerOptions) ? wake : null;
    const planned = asleep === null ? able.map(unbridged) : able;
    if (planned.length > 0) return { routes: planned, wake: asleep };
    throw refusal(model, passedOver, routing, forcedRoute);
  }
}

export const modelNotFound = (id: string): KilnError =>
  new KilnError(404, 'not_found', `The model '${id}' does not exist. GET /v1/models lists what this key may call.`, {
    code: 'model_not_found',
    param: 'model',
  });

/** Nothing is bridged where the route that sleeps is none of the job's. */
function unbridged(route: Route): Route {
  const own = { ...route };
  delete own.bridging;
  return own;
}

/** Options for one provider bind the job to it: another route would drop them silently. */
const takesOptions = (route: Route, options: JsonObject): boolean =>
  Object.keys(options).length === 0 || Object.keys(options).includes(route.provider);

/** How a reason begins that is about the route's state and not about the request. */
const CLOSED = /^(disabled|paused|draining|unauthorized|retired)/;

function refusal(
  model: Model,
  passedOver: { route: string; reason: string }[],
  routing: RoutingOptions,
  forcedRoute?: string,
): KilnError {
  const reasons = passedOver.map(({ route, reason }) => `${route}: ${reason}`).join('; ');
  if (forcedRoute !== undefined && !model.routes.some((route) => route.id === forcedRoute)) {
    const names = model.routes.map((route) => route.id).join(', ');
    return new KilnError(
      400,
      'invalid_request_error',
      `'route' must be a route of ${model.id}: ${names}; got '${forcedRoute}'.`,
      { param: 'route' },
    );
  }
  const closed = passedOver.filter(({ reason }) => CLOSED.test(reason));
  if (closed.length > 0) {
    // What a route lacks is the operator's business; ops read it in the log of the start and at /admin/routes.
    const states = closed.map(({ route, reason }) => `${route}: ${CLOSED.exec(reason)?.[0]}`).join('; ');
    return unavailable(`No route of ${model.id} takes this now (${states}).`, 30, 'route_unavailable');
  }
  const param = routing.only ? 'routing.only' : 'input';
  return new KilnError(
    400,
    'invalid_request_error',
    `No route of ${model.id} can do this: ${reasons || 'it has none'}.`,
    { param },
  );
}

export function routingOf(body: Pick<CreateJobBody, 'routing'>): RoutingOptions {
  return {
    allowSubstitution: body.routing?.allow_substitution ?? true,
    allowFallback: body.routing?.allow_fallback ?? true,
    only: body.routing?.only ?? null,
    onUnknown: body.routing?.on_unknown ?? 'wait',
  };
}

import { DAY_MS } from '../common/time.js';
import type { Lane, Model, Route } from './schema.js';

/** Ops are warned this long before a route's provider stops answering. */
const RETIRING_SOON_DAYS = 30;

/** Model ids that a wildcard passes on. */
const PASSED_THROUGH = /^[A-Za-z0-9._:/@-]{1,128}$/;

/** A wildcard's model under the alias that was asked for. Its routes keep their ids: their health is shared. */
const named = (model: Model, alias: string, rest: string): Model => ({
  ...model,
  id: alias,
  routes: model.routes.map((route) => ({ ...route, model: route.model.replace('*', rest) })),
});

/** The aliases of this process, their routes and lanes. Immutable: a change needs a restart. */
export class Catalog {
  private readonly byId: ReadonlyMap<string, Model>;
  private readonly routesById: ReadonlyMap<string, Route>;

  constructor(
    private readonly allModels: readonly Model[],
    private readonly allLanes: readonly Lane[],
    /** The same in every process that read the same files, whatever its environment. */
    readonly hash: string,
    private readonly now: () => Date,
  ) {
    this.byId = new Map(allModels.map((model) => [model.id, model]));
    this.routesById = new Map(allModels.flatMap((model) => model.routes.map((route) => [route.id, route])));
  }

  models(): Model[] {
    return [...this.allModels];
  }

  /** An entry of the catalog by its own name, wildcards included. */
  listed(id: string): Model | undefined {
    return this.byId.get(id);
  }

  /** An exact alias, else the wildcard with the longest beginning that fits: `acme/*` passes what stands for the star through. */
  get(alias: string): Model | undefined {
    const exact = alias.endsWith('*') ? undefined : this.byId.get(alias);
    return exact ?? this.wildcard(alias);
  }

  private wildcard(alias: string): Model | undefined {
    if (alias.includes('..')) return undefined;
    for (let slash = alias.lastIndexOf('/'); slash > 0; slash = alias.lastIndexOf('/', slash - 1)) {
      const model = this.byId.get(`${alias.slice(0, slash)}/*`);
      if (!model) continue;
      const rest = alias.slice(slash + 1);
      return PASSED_THROUGH.test(rest) ? named(model, alias, rest) : undefined;
    }
    return undefined;
  }

  lanes(): Lane[] {
    return [...this.allLanes];
  }

  route(id: string): Route | undefined {
    return this.routesById.get(id);
  }

  /** Routes that can be used here and are retired, or will be within 30 days. `daysLeft` is 0 or less from the day itself on. */
  retiring(): { route: Route; daysLeft: number; message: string }[] {
    const nowMs = this.now().getTime();
    return [...this.routesById.values()].flatMap((route) => {
      if (route.disabled !== null || route.retiresOn === null || route.sandbox) return [];
      const daysLeft = Math.ceil((Date.parse(route.retiresOn) - nowMs) / DAY_MS);
      if (daysLeft > RETIRING_SOON_DAYS) return [];
      const message =
        daysLeft <= 0
          ? `route ${route.id} is skipped: ${route.provider} retired ${route.model} on ${route.retiresOn}`
          : `route ${route.id} retires on ${route.retiresOn}, in ${daysLeft} days`;
      return [{ route, daysLeft, message }];
    });
  }

  /** What ops should know: routes that are disabled, retired or retire within 30 days, aliases that nothing serves. */
  warnings(): string[] {
    const disabled = [...this.routesById.values()].flatMap((route) =>
      route.disabled === null ? [] : [`route ${route.id} is disabled: ${route.disabled}`],
    );
    const perRoute = [...disabled, ...this.retiring().map(({ message }) => message)];
    const unserved = this.allModels
      .filter((model) => model.routes.every((route) => route.disabled !== null))
      .map((model) => `model ${model.id} has no route that can be used here`);
    return [...perRoute, ...unserved];
  }

  /** Origins that egress may call as configured ones. */
  configuredOrigins(): string[] {
    const urls = [...this.routesById.values()].flatMap((route) => route.endpoints);
    return [...new Set(urls.map((url) => new URL(url).origin))];
  }
}

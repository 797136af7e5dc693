import { DAY_MS } from '../common/time.js';
import type { Lane, Model, Route } from './schema.js';

/** Ops are warned this long before a route's provider stops answering. */
const RETIRING_SOON_DAYS = 30;

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

  get(alias: string): Model | undefined {
    return this.byId.get(alias);
  }

  lanes(): Lane[] {
    return [...this.allLanes];
  }

  route(id: string): Route | undefined {
    return this.routesById.get(id);
  }

  /** What ops should know: routes that are disabled, retired or retire within 30 days, aliases that nothing serves. */
  warnings(): string[] {
    const nowMs = this.now().getTime();
    const perRoute = [...this.routesById.values()].flatMap((route): string[] => {
      if (route.disabled !== null) return [`route ${route.id} is disabled: ${route.disabled}`];
      if (route.retiresOn === null || route.sandbox) return [];
      const daysLeft = Math.ceil((Date.parse(route.retiresOn) - nowMs) / DAY_MS);
      if (daysLeft <= 0)
        return [`route ${route.id} is skipped: ${route.provider} retired ${route.model} on ${route.retiresOn}`];
      return daysLeft <= RETIRING_SOON_DAYS
        ? [`route ${route.id} retires on ${route.retiresOn}, in ${daysLeft} days`]
        : [];
    });
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

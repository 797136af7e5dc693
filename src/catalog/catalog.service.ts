import { DAY_MS } from '../common/time.js';
import type { Lane, Model, Route, RouteBase } from './schema.js';
import type { SyncModel, SyncRoute } from './sync-schema.js';

/** Ops are warned this long before a route's provider stops answering. */
const RETIRING_SOON_DAYS = 30;

/** Model ids that a wildcard passes on. */
const PASSED_THROUGH = /^[A-Za-z0-9._:/@-]{1,128}$/;

/** A wildcard's model under the alias that was asked for. Its routes keep their ids: their health is shared. */
const named = <M extends Listed>(model: M, alias: string, rest: string): M => ({
  ...model,
  id: alias,
  routes: model.routes.map((route) => ({ ...route, model: route.model.replace('*', rest) })),
});

type Listed = Pick<Model, 'id'> & { routes: readonly RouteBase[] };

const byId = <M extends Listed>(models: readonly M[]): ReadonlyMap<string, M> =>
  new Map(models.map((model) => [model.id, model]));

/** An exact alias, else the wildcard with the longest beginning that fits: `acme/*` passes what stands for the star through. */
function find<M extends Listed>(models: ReadonlyMap<string, M>, alias: string): M | undefined {
  const exact = alias.endsWith('*') ? undefined : models.get(alias);
  if (exact || alias.includes('..')) return exact;
  for (let slash = alias.lastIndexOf('/'); slash > 0; slash = alias.lastIndexOf('/', slash - 1)) {
    const model = models.get(`${alias.slice(0, slash)}/*`);
    if (!model) continue;
    const rest = alias.slice(slash + 1);
    return PASSED_THROUGH.test(rest) ? named(model, alias, rest) : undefined;
  }
  return undefined;
}

/** The aliases of this process, their routes and lanes. Immutable: a change needs a restart. */
export class Catalog {
  private readonly jobModels: ReadonlyMap<string, Model>;
  private readonly syncModels: ReadonlyMap<string, SyncModel>;
  private readonly routesById: ReadonlyMap<string, Route | SyncRoute>;
  private readonly origins: readonly string[];

  constructor(
    models: { jobs: readonly Model[]; sync: readonly SyncModel[] },
    private readonly allLanes: readonly Lane[],
    /** The same in every process that read the same files, whatever its environment. */
    readonly hash: string,
    private readonly now: () => Date,
  ) {
    this.jobModels = byId(models.jobs);
    this.syncModels = byId(models.sync);
    this.routesById = new Map(
      [...models.jobs, ...models.sync].flatMap((model) => model.routes.map((route) => [route.id, route])),
    );
    const urls = [...this.routesById.values()].flatMap((route) => route.endpoints);
    this.origins = [...new Set(urls.map((url) => new URL(url).origin))];
  }

  /** Aliases that jobs are made for. */
  models(): Model[] {
    return [...this.jobModels.values()];
  }

  /** An entry of the catalog by its own name, wildcards included. */
  listed(id: string): Model | undefined {
    return this.jobModels.get(id);
  }

  get(alias: string): Model | undefined {
    return find(this.jobModels, alias);
  }

  /** Aliases that are answered at once: text, embeddings, audio. */
  syncs(): SyncModel[] {
    return [...this.syncModels.values()];
  }

  listedSync(id: string): SyncModel | undefined {
    return this.syncModels.get(id);
  }

  sync(alias: string): SyncModel | undefined {
    return find(this.syncModels, alias);
  }

  /** Every route, of jobs and of the gateway. */
  routes(): (Route | SyncRoute)[] {
    return [...this.routesById.values()];
  }

  lanes(): Lane[] {
    return [...this.allLanes];
  }

  route(id: string): RouteBase | undefined {
    return this.routesById.get(id);
  }

  /** Routes that can be used here and are retired, or will be within 30 days. `daysLeft` is 0 or less from the day itself on. */
  retiring(): { route: RouteBase; daysLeft: number; message: string }[] {
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
    const unserved = [...this.jobModels.values(), ...this.syncModels.values()]
      .filter((model) => model.routes.every((route) => route.disabled !== null))
      .map((model) => `model ${model.id} has no route that can be used here`);
    return [...perRoute, ...unserved];
  }

  /** Origins that egress may call as configured ones. */
  configuredOrigins(): readonly string[] {
    return this.origins;
  }
}

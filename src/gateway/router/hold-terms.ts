import type { Affordable } from '../../billing/budget-refusals.js';
import type { ElasticHold } from '../../billing/sync-holds.js';
import { mostWithin, worstCase } from '../../billing/usage-price.js';
import type { SyncRoute } from '../../catalog/sync-schema.js';
import type { Measure, PricedRoute, SyncWork } from './work.js';

/** An answer without a limit is given room for so many tokens, where its model writes as many, before it yields to others. */
const FLOOR_TOKENS = 4096;
/** With less room than this it is refused. */
const LEAST_TOKENS = 256;

/** What a request is held for on a chain of routes, all of which are paid. */
export class HoldTerms {
  constructor(
    private readonly work: SyncWork,
    private readonly routes: readonly PricedRoute[],
  ) {}

  /** Micro-USD of the dearest route at worst. */
  get amountMicroUsd(): number {
    return this.dearest((route) => this.work.bound(route));
  }

  /** How far the hold may shrink; undefined where it may not. */
  get elastic(): ElasticHold | undefined {
    const { measure } = this.work;
    if (measure?.isOpen !== true) return undefined;
    const costOf = (tokens: number): number =>
      this.dearest((route) => measure.bound(route, Math.min(tokens, measure.most(route))));
    return { floorMicroUsd: costOf(FLOOR_TOKENS), leastMicroUsd: costOf(LEAST_TOKENS) };
  }

  /** What of the request would fit into so much, whichever route answers; nothing where not even one of it does. */
  affordable(leftMicroUsd: number): Affordable {
    const { measure } = this.work;
    if (measure === undefined) return {};
    const fits = this.routes.map(({ route, price }) => {
      const amount = within(leftMicroUsd, measure, { route, price });
      return amount === measure.most(route) ? Infinity : (amount ?? 0);
    });
    const most = Math.min(...fits);
    return most >= 1 && most < Infinity ? { [measure.name]: most } : {};
  }

  /** The most tokens that an answer of this route may have, so that it costs no more than is held; null: as many as it likes. */
  outputCap(priced: Pick<PricedRoute, 'route' | 'price'>, heldMicroUsd: number): number | null {
    const { measure } = this.work;
    if (measure?.isOpen !== true) return null;
    const { route } = priced;
    const cap = within(heldMicroUsd, measure, priced);
    if (cap === measure.most(route)) return null;
    return Math.min(cap ?? 0, Math.max(LEAST_TOKENS, measure.room?.(route) ?? Infinity));
  }

  private dearest(boundOf: (route: SyncRoute) => ReturnType<SyncWork['bound']>): number {
    return Math.max(0, ...this.routes.map(({ route, price }) => worstCase(boundOf(route), [price])));
  }
}

const within = (
  microUsd: number,
  measure: Measure,
  { route, price }: Pick<PricedRoute, 'route' | 'price'>,
): number | null => mostWithin(microUsd, [price], measure.most(route), (amount) => measure.bound(route, amount));

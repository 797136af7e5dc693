import { catalogPrice, shownRates } from '../../catalog/route-price.js';
import type { Feature, SyncModality, SyncModel, SyncRoute, UsagePrice, UsageRates } from '../../catalog/sync-schema.js';
import type { JsonObject } from '../../common/json.js';
import { factsOf, isLive, routeView, type ModelFacts, type RouteView } from './model-view.js';

interface RateView {
  /** What is counted: `input_tokens`, `characters`, `audio_seconds`, … */
  of: string;
  /** So many of it cost `price_micro_usd`. */
  per: number;
  price_micro_usd: number;
}

/** What a client pays for use. */
export interface UsagePriceView {
  unit: 'usage';
  rates: RateView[];
  /** Above so many input tokens the whole request costs by these, and by the others what they leave out. */
  long?: { above_input_tokens: number; rates: RateView[] };
  /** Where and when the list price behind it was read. */
  source: string;
  date: string;
}

export interface SyncRouteView extends RouteView {
  /** Null: by `prices`, or by the provider's own list × the multiplier. */
  price: UsagePriceView | null;
  /** Of a wildcard: by the beginning of the provider's model id, the longest that fits. */
  prices?: Record<string, UsagePriceView>;
  /** The provider's own list × this is the price. */
  price_list_multiplier?: number;
}

/** A model that answers in the request itself. `max_input_tokens`, `max_tokens` and below are Anthropic's `ModelInfo`. */
export interface SyncModelView extends ModelFacts {
  modality: SyncModality;
  /** Endpoints that answer it. */
  operations: readonly string[];
  /** Ends in `/*`: stands for every id that begins like it and has no entry of its own. */
  wildcard: boolean;
  max_input_tokens: number | null;
  max_tokens: number | null;
  capabilities: null;
  line: null;
  lifecycle: 'active';
  deprecated_at: null;
  retires_at: null;
  limits: JsonObject;
  /** Of the first route; a route that answers in its place costs what stands at it. */
  price: UsagePriceView | null;
  /** In order of choice, those that answer now. */
  routes: SyncRouteView[];
}

const OPERATIONS: Readonly<Record<SyncModality, readonly string[]>> = {
  text: ['chat.completions', 'responses', 'messages'],
  embedding: ['embeddings'],
  speech: ['audio.speech'],
  transcription: ['audio.transcriptions'],
};

const ratesView = (rates: UsageRates, multiplier: number): RateView[] =>
  shownRates(rates, multiplier).map(({ of, per, priceMicroUsd }) => ({ of, per, price_micro_usd: priceMicroUsd }));

const priceView = ({ rates, long, multiplier, source, date }: UsagePrice): UsagePriceView => ({
  unit: 'usage',
  rates: ratesView(rates, multiplier),
  ...(long && { long: { above_input_tokens: long.aboveInputTokens, rates: ratesView(long.rates, multiplier) } }),
  source,
  date,
});

function syncRouteView(route: SyncRoute): SyncRouteView {
  const price = catalogPrice(route);
  const isOpen = route.model.includes('*');
  return {
    ...routeView(route),
    price: price && priceView(price),
    ...(isOpen &&
      route.prices.size > 0 && {
        prices: Object.fromEntries([...route.prices].map(([start, one]) => [start, priceView(one)])),
      }),
    ...(price === null && route.prices.size === 0 && { price_list_multiplier: route.multiplier }),
  };
}

/** What a client can ask for on any of the routes; a route that lacks it is passed over. */
function textLimits(routes: readonly SyncRoute[]): JsonObject {
  const features = new Set<Feature>(routes.flatMap(({ traits }) => [...traits.features]));
  const efforts = new Set(routes.flatMap(({ traits }) => traits.efforts));
  const some = (has: (route: SyncRoute) => boolean): boolean => routes.some((route) => has(route));
  return {
    features: [...features].toSorted(),
    reasoning_efforts: [...efforts],
    thinking: some(({ traits }) => traits.thinking !== 'none' || traits.efforts.length > 0),
    sampling: some(({ traits }) => traits.sampling),
    forced_tools: some(({ traits }) => traits.forcedTools && traits.features.has('tools')),
    prefill: some(({ traits }) => traits.prefill),
  };
}

export function syncModelView(model: SyncModel, now: Date): SyncModelView {
  const live = model.routes.filter((route) => isLive(route, now));
  const routes = live.map(syncRouteView);
  return {
    ...factsOf(model),
    modality: model.modality,
    operations: OPERATIONS[model.modality],
    wildcard: model.id.endsWith('/*'),
    max_input_tokens: model.contextTokens,
    max_tokens: model.maxOutputTokens,
    capabilities: null,
    line: null,
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    limits: {
      ...(model.contextTokens !== null && { context_tokens: model.contextTokens }),
      ...(model.maxOutputTokens !== null && { max_output_tokens: model.maxOutputTokens }),
      ...(model.modality === 'text' && textLimits(live)),
      ...model.limits,
    },
    price: routes[0]?.price ?? null,
    routes,
  };
}

import type { JsonObject } from '../../common/json.js';
import type { Model, PriceRule, RouteBase } from '../../catalog/schema.js';

/** Client price of one unit. */
export interface PriceView {
  unit: PriceRule['unit'];
  /** Unit `token`: the price of a million, and how many each `per` (second, image, song) takes. */
  per?: string;
  rates: { when: Record<string, unknown>; price_micro_usd: number; tokens?: number }[];
  /** Where and when the list price behind it was read. */
  source: string;
  date: string;
}

/** What every model says of itself: OpenAI's and Anthropic's shape at once. */
export interface ModelFacts {
  id: string;
  object: 'model';
  type: 'model';
  display_name: string;
  description: string;
  /** Unix seconds, as OpenAI has it. */
  created: number;
  /** RFC 3339, as Anthropic has it. */
  created_at: string;
  owned_by: string;
}

/** A way that an alias is served. */
export interface RouteView {
  provider: string;
  model: string;
  retires_on?: string;
  /** Another model under this alias. */
  substitute: boolean;
  /** Answers while the GPU before it wakes. */
  bridge: boolean;
  sandbox: boolean;
}

/** A model that jobs are made for. */
export interface ModelView extends ModelFacts {
  modality: Model['modality'];
  operations: string[];
  limits: JsonObject;
  price: PriceView;
  input_schema: JsonObject;
  /** In order of choice, those that take work now. */
  routes: RouteView[];
}

/** 12 digits: a product such as 0.1 × 3 leaves binary dust behind. */
const withoutDust = (value: number): number => Number(value.toPrecision(12));

const priceView = (rule: PriceRule): PriceView => ({
  unit: rule.unit,
  ...(rule.unit === 'token' && { per: rule.per }),
  rates: rule.rates.map((rate) => ({
    when: { ...rate.when },
    price_micro_usd: withoutDust(rate.microUsd * rule.multiplier),
    ...(rate.tokens !== undefined && { tokens: rate.tokens }),
  })),
  source: rule.source,
  date: rule.date,
});

/** Whether this process can still send work there. */
export const isLive = (route: RouteBase, now: Date): boolean =>
  route.disabled === null && (route.sandbox || route.retiresOn === null || now.getTime() < Date.parse(route.retiresOn));

export const factsOf = (model: Pick<Model, 'id' | 'title' | 'description' | 'created'>): ModelFacts => ({
  id: model.id,
  object: 'model',
  type: 'model',
  display_name: model.title,
  description: model.description,
  created: model.created,
  created_at: new Date(model.created * 1000).toISOString(),
  owned_by: 'kiln',
});

export const routeView = (route: RouteBase): RouteView => ({
  provider: route.provider,
  model: route.model,
  ...(route.retiresOn !== null && !route.sandbox && { retires_on: route.retiresOn }),
  substitute: route.substitute,
  bridge: route.bridge,
  sandbox: route.sandbox,
});

export const modelView = (model: Model, now: Date): ModelView => ({
  ...factsOf(model),
  modality: model.modality,
  operations: model.operations,
  limits: model.limits,
  price: priceView(model.price),
  input_schema: model.inputJsonSchema,
  routes: model.routes.filter((route) => isLive(route, now)).map(routeView),
});

import type { JsonObject } from '../../common/json.js';
import type { Model, PriceRule, RouteBase } from '../../catalog/schema.js';
import type { SyncModality, SyncModel, UsagePrice, UsageRates } from '../../catalog/sync-schema.js';

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

/** Client prices of a million of each kind of what a request uses. */
export interface UsagePriceView {
  unit: 'million';
  rates: { when: { kind: string; above_input_tokens?: number }; price_micro_usd: number }[];
  source: string;
  date: string;
}

/** A model in OpenAI's and Anthropic's shape at once, with what both leave out. */
export interface ModelView {
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
  modality: Model['modality'] | SyncModality;
  /** What jobs can be asked for; none where the model answers at once. */
  operations: string[];
  limits: JsonObject;
  /** Null where the provider's own list says it, model by model. */
  price: PriceView | UsagePriceView | null;
  /** Of jobs. */
  input_schema?: JsonObject;
  /** In order of choice, those that take work now. */
  routes: {
    provider: string;
    model: string;
    retires_on?: string;
    /** Another model under this alias. */
    substitute: boolean;
    /** Answers while the GPU before it wakes. */
    bridge: boolean;
    sandbox: boolean;
  }[];
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

const KINDS: Readonly<Record<keyof UsageRates, string>> = {
  input: 'input_tokens',
  cacheRead: 'cache_read_tokens',
  cacheWrite: 'cache_write_tokens',
  cacheWrite1h: 'cache_write_1h_tokens',
  inputAudio: 'input_audio_tokens',
  output: 'output_tokens',
  outputAudio: 'output_audio_tokens',
  characters: 'characters',
  audioSeconds: 'audio_seconds',
};

function usagePriceView({ rates, long, multiplier, source, date }: UsagePrice): UsagePriceView {
  const shown = (of: UsageRates, when: { above_input_tokens?: number }): UsagePriceView['rates'] =>
    (Object.keys(KINDS) as (keyof UsageRates)[]).flatMap((kind) => {
      const microUsd = of[kind];
      if (microUsd === undefined) return [];
      return [{ when: { kind: KINDS[kind], ...when }, price_micro_usd: withoutDust(microUsd * multiplier) }];
    });
  const above = long ? shown(long.rates, { above_input_tokens: long.aboveInputTokens }) : [];
  return { unit: 'million', rates: [...above, ...shown(rates, {})], source, date };
}

/** Whether this process can still send work there. */
export const isLive = (route: RouteBase, now: Date): boolean =>
  route.disabled === null && (route.sandbox || route.retiresOn === null || now.getTime() < Date.parse(route.retiresOn));

type Head = Pick<Model, 'id' | 'title' | 'description' | 'created'>;

const headOf = ({ id, title, description, created }: Head) => ({
  id,
  object: 'model' as const,
  type: 'model' as const,
  display_name: title,
  description,
  created,
  created_at: new Date(created * 1000).toISOString(),
  owned_by: 'kiln',
});

const routesOf = (routes: readonly RouteBase[], now: Date): ModelView['routes'] =>
  routes
    .filter((route) => isLive(route, now))
    .map((route) => ({
      provider: route.provider,
      model: route.model,
      ...(route.retiresOn !== null && !route.sandbox && { retires_on: route.retiresOn }),
      substitute: route.substitute,
      bridge: route.bridge,
      sandbox: route.sandbox,
    }));

/** A model that jobs are made for. */
export const modelView = (model: Model, now: Date): ModelView => ({
  ...headOf(model),
  modality: model.modality,
  operations: model.operations,
  limits: model.limits,
  price: priceView(model.price),
  input_schema: model.inputJsonSchema,
  routes: routesOf(model.routes, now),
});

/** A model that answers at once, at the price of the route that is asked first. */
export function syncModelView(model: SyncModel, now: Date): ModelView {
  const first = model.routes.find((route) => isLive(route, now));
  return {
    ...headOf(model),
    modality: model.modality,
    operations: [],
    limits: {
      ...(model.contextTokens === null ? {} : { context_tokens: model.contextTokens }),
      ...(model.maxOutputTokens === null ? {} : { max_output_tokens: model.maxOutputTokens }),
      ...model.limits,
    },
    price: first?.price ? usagePriceView(first.price) : null,
    routes: routesOf(model.routes, now),
  };
}

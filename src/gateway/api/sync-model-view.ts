import type { SyncModality, SyncModel, SyncRoute, UsagePrice, UsageRates } from '../../catalog/sync-schema.js';
import type { JsonObject } from '../../common/json.js';
import { liveRoutes, type ModelHead, modelHead, type RouteView, routeView, withoutDust } from './model-view.js';

/** Client price of what is used, by the route that comes first; another that answers has its own. */
export interface UsagePriceView {
  unit: 'usage';
  /** A million of each: tokens, characters, seconds. */
  micro_usd_per_million: Record<string, number>;
  /** Rates of the whole request where its input is longer. */
  long?: { above_input_tokens: number; micro_usd_per_million: Record<string, number> };
  /** Where and when the list price behind it was read. */
  source: string;
  date: string;
}

/** A model that is answered in the request itself. */
export interface SyncModelView extends ModelHead {
  modality: SyncModality;
  /** Endpoints that it answers. */
  operations: string[];
  limits: JsonObject;
  /** What a text model can be asked for beyond text. */
  features: string[];
  /** Anthropic's names for the longest prompt and answer, in tokens; null where the modality has none. */
  max_input_tokens: number | null;
  max_tokens: number | null;
  /** Null: of a wildcard, whose models have each their own. */
  price: UsagePriceView | null;
  routes: RouteView[];
}

const OPERATIONS: Readonly<Record<SyncModality, string[]>> = {
  text: ['chat.completions', 'responses', 'messages'],
  embedding: ['embeddings'],
  speech: ['audio.speech'],
  transcription: ['audio.transcriptions'],
};

const NAMES: Readonly<Record<keyof UsageRates, string>> = {
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

const ratesView = (rates: UsageRates, multiplier: number): Record<string, number> =>
  Object.fromEntries(
    (Object.keys(NAMES) as (keyof UsageRates)[]).flatMap((kind) => {
      const rate = rates[kind];
      return rate === undefined ? [] : [[NAMES[kind], withoutDust(rate * multiplier)]];
    }),
  );

const priceView = ({ rates, long, multiplier, source, date }: UsagePrice): UsagePriceView => ({
  unit: 'usage',
  micro_usd_per_million: ratesView(rates, multiplier),
  ...(long && {
    long: {
      above_input_tokens: long.aboveInputTokens,
      micro_usd_per_million: ratesView(long.rates, multiplier),
    },
  }),
  source,
  date,
});

export function syncModelView(model: SyncModel, now: Date): SyncModelView {
  const live: SyncRoute[] = liveRoutes(model, now);
  const price = live.find((route) => route.price !== null)?.price ?? null;
  const { contextTokens, maxOutputTokens } = model;
  return {
    ...modelHead(model),
    modality: model.modality,
    operations: OPERATIONS[model.modality],
    limits: {
      ...(contextTokens !== null && { context_tokens: contextTokens }),
      ...(maxOutputTokens !== null && { max_output_tokens: maxOutputTokens }),
      ...model.limits,
    },
    features: model.modality === 'text' ? [...(live[0]?.traits.features ?? [])] : [],
    max_input_tokens: contextTokens,
    max_tokens: maxOutputTokens,
    price: price && priceView(price),
    routes: live.map(routeView),
  };
}

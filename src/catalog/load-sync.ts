import type { SyncAdapter } from '../providers/sync/contract.js';
import { CatalogProblem } from './model-fields.js';
import { baseOf, type RouteMeans } from './routes.js';
import type { SyncModelFile, SyncRouteFile, TraitsFile, UsagePriceFile, UsageRatesFile } from './sync-file.js';
import type { ModelTraits, SyncModality, SyncModel, SyncRoute, UsagePrice, UsageRates } from './sync-schema.js';

/** What a loader of sync models reads them against. */
export interface SyncMeans extends RouteMeans {
  syncAdapters: ReadonlyMap<string, SyncAdapter>;
  usagePrices: Readonly<Record<string, UsagePriceFile>>;
  multiplier: number;
}

/** What must have a price, by modality: one of the lists, whole. */
const PRICED: Readonly<Record<SyncModality, readonly (readonly (keyof UsageRates)[])[]>> = {
  text: [['input', 'output']],
  embedding: [['input']],
  // Spoken answers don't say what they took, so only the text is counted.
  speech: [['characters']],
  transcription: [['audioSeconds'], ['input', 'output']],
};

const DEFAULT_TRAITS: Omit<ModelTraits, 'maxOutputTokens'> = {
  features: new Set(),
  sampling: true,
  thinking: 'none',
  efforts: [],
  forcedTools: true,
  prefill: false,
  maxTokensField: 'max_tokens',
  systemRole: 'system',
  streamUsage: true,
};
const DEFAULT_MAX_OUTPUT_TOKENS = 8192;
const SECONDS_PER_MINUTE = 60;

function ratesOf(file: UsageRatesFile): UsageRates {
  return {
    input: file.input,
    cacheRead: file.cache_read,
    cacheWrite: file.cache_write,
    cacheWrite1h: file.cache_write_1h,
    inputAudio: file.input_audio,
    output: file.output,
    outputAudio: file.output_audio,
    characters: file.characters,
    // Written as dollars a minute; kept, as all others, as micro-USD a million.
    audioSeconds:
      file.audio_minute === undefined ? undefined : Math.ceil((file.audio_minute * 1e6) / SECONDS_PER_MINUTE),
  };
}

function priceOf(
  written: string | UsagePriceFile,
  { usagePrices }: SyncMeans,
  { multiplier, modality, path }: { multiplier: number; modality: SyncModality; path: readonly string[] },
): UsagePrice {
  const file = typeof written === 'string' ? usagePrices[written] : written;
  if (!file)
    throw new CatalogProblem(
      path,
      `is ${JSON.stringify(written)}, which usage_prices lacks. Allowed: ${Object.keys(usagePrices).join(', ')}`,
    );
  const rates = ratesOf(file.rates);
  if (!PRICED[modality].some((kinds) => kinds.every((kind) => rates[kind] !== undefined)))
    throw new CatalogProblem(
      path,
      `must hold ${PRICED[modality].map((kinds) => kinds.join(' and ')).join(', or ')} for ${modality}`,
    );
  const long = file.long ? { aboveInputTokens: file.long.above_input_tokens, rates: ratesOf(file.long.rates) } : null;
  return { rates, long, multiplier, source: file.source, date: file.date };
}

function traitsOf(model: TraitsFile, route: TraitsFile, maxOutputTokens: number): ModelTraits {
  const file = { ...model, ...route };
  const base = DEFAULT_TRAITS;
  return {
    features: new Set(file.features ?? base.features),
    maxOutputTokens,
    sampling: file.sampling ?? base.sampling,
    thinking: file.thinking ?? base.thinking,
    efforts: file.efforts ?? base.efforts,
    forcedTools: file.forced_tools ?? base.forcedTools,
    prefill: file.prefill ?? base.prefill,
    maxTokensField: file.max_tokens_field ?? base.maxTokensField,
    systemRole: file.system_role ?? base.systemRole,
    streamUsage: file.stream_usage ?? base.streamUsage,
    cacheMarks: file.cache_marks,
    reasoningField: file.reasoning_field,
    signsCalls: file.signs_calls,
  };
}

function routeOf(
  id: string,
  file: SyncRouteFile,
  model: SyncModelFile,
  means: SyncMeans,
  path: readonly string[],
): SyncRoute {
  const adapter = means.syncAdapters.get(file.provider);
  if (!adapter)
    throw new CatalogProblem(
      [...path, 'provider'],
      `is '${file.provider}'. Allowed: ${[...means.syncAdapters.keys()].join(', ')}`,
    );
  const settings = adapter.settings.safeParse(file.settings);
  if (!settings.success)
    throw new CatalogProblem(
      [...path, 'settings'],
      settings.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': ')).join('; '),
    );
  if (!file.endpoints && !file.endpoints_from && !file.sandbox)
    throw new CatalogProblem(path, 'needs endpoints or endpoints_from');
  const terms = { multiplier: model.multiplier ?? means.multiplier, modality: model.modality };
  const maxOutputTokens = file.max_output_tokens ?? model.max_output_tokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
  return {
    ...baseOf(id, file, settings.data, means),
    price: file.price === undefined ? null : priceOf(file.price, means, { ...terms, path: [...path, 'price'] }),
    prices: new Map(
      Object.entries(file.prices ?? {}).map(([start, price]) => [
        start,
        priceOf(price, means, { ...terms, path: [...path, 'prices', start] }),
      ]),
    ),
    multiplier: terms.multiplier,
    contextTokens: file.context_tokens ?? model.context_tokens ?? null,
    traits: traitsOf(model.traits, file.traits, maxOutputTokens),
    firstByteTimeoutMs: file.first_byte_timeout_ms,
    timeoutMs: file.timeout_ms,
    idleTimeoutMs: file.idle_timeout_ms,
  };
}

/** A model of the synchronous gateway as this process can serve it. Throws CatalogProblem. */
export function syncModelOf(id: string, file: SyncModelFile, names: readonly string[], means: SyncMeans): SyncModel {
  return {
    id,
    modality: file.modality,
    title: file.title,
    description: file.description,
    contextTokens: file.context_tokens ?? null,
    maxOutputTokens: file.max_output_tokens ?? null,
    deadlineMs: file.deadline_seconds * 1000,
    limits: file.limits,
    created: Date.parse(file.created) / 1000,
    routes: names.map((name): SyncRoute => {
      const path = ['models', id, 'routes', name];
      const written = file.routes[name];
      if (!written) throw new CatalogProblem(path, 'is missing');
      return routeOf(`${id}/${name}`, written, file, means, path);
    }),
  };
}

import { MICRO_USD } from '../common/money.js';
import { code, heading, headRule, routeNotes, row } from './page-parts.js';
import { catalogPrice, shownRates } from './route-price.js';
import type { SyncModality, SyncModel, SyncRoute, UsagePrice, UsageRates } from './sync-schema.js';

const SECTIONS: Readonly<Record<SyncModality, string>> = {
  text: 'Text',
  embedding: 'Embeddings',
  speech: 'Speech',
  transcription: 'Transcription',
};

/** What is counted, in words. */
const WORDS: Readonly<Record<string, string>> = {
  input_tokens: 'input',
  cache_read_tokens: 'cache read',
  cache_write_tokens: 'cache write',
  cache_write_1h_tokens: 'cache write for an hour',
  input_audio_tokens: 'audio input',
  output_tokens: 'output',
  output_audio_tokens: 'audio output',
};

const dollars = (microUsd: number): string => `$${Number((microUsd / MICRO_USD).toPrecision(6))}`;

/** "input $6, output $30 per million tokens"; characters and sound have their own units. */
function ratesText(rates: UsageRates, multiplier: number): string {
  const shown = shownRates(rates, multiplier);
  const tokens = shown.filter(({ of }) => of in WORDS);
  const rest = shown.filter(({ of }) => !(of in WORDS));
  return [
    ...(tokens.length > 0
      ? [
          `${tokens.map(({ of, priceMicroUsd }) => `${WORDS[of]} ${dollars(priceMicroUsd)}`).join(', ')} per million tokens`,
        ]
      : []),
    ...rest.map(
      ({ of, priceMicroUsd }) =>
        `${dollars(priceMicroUsd)} ${of === 'characters' ? 'per million characters' : 'per minute of audio'}`,
    ),
  ].join('; ');
}

function priceText({ rates, long, multiplier }: UsagePrice): string {
  const usual = ratesText(rates, multiplier);
  if (!long) return usual;
  return `${usual}; above ${long.aboveInputTokens} input tokens ${ratesText(long.rates, multiplier)}`;
}

function routePrice(route: SyncRoute): string {
  const price = catalogPrice(route);
  if (price) return priceText(price);
  return route.prices.size > 0 ? 'by model, below' : `the provider's list price × ${route.multiplier}`;
}

const tokens = (count: number | null): string => (count === null ? 'varies' : count.toLocaleString('en-US'));

function factsText(model: SyncModel): string[] {
  if (model.modality === 'text') {
    const features = [...new Set(model.routes.flatMap(({ traits }) => [...traits.features]))].toSorted();
    const efforts = [...new Set(model.routes.flatMap(({ traits }) => traits.efforts))];
    return [
      `- context ${tokens(model.contextTokens)} tokens, answer at most ${tokens(model.maxOutputTokens)}`,
      `- takes ${features.map(code).join(', ')}`,
      ...(efforts.length > 0 ? [`- reasoning efforts ${efforts.map(code).join(', ')}`] : []),
    ];
  }
  return [
    ...(model.contextTokens === null ? [] : [`- at most ${tokens(model.contextTokens)} tokens an input`]),
    ...Object.entries(model.limits).map(([name, value]) => {
      const values = (Array.isArray(value) ? value : [value]).map((one) =>
        code(typeof one === 'string' ? one : JSON.stringify(one)),
      );
      return `- ${name.replaceAll('_', ' ')}: ${values.join(', ')}`;
    }),
  ];
}

const sources = (model: SyncModel): string[] => {
  const prices = model.routes.flatMap((route) => [...(route.price ? [route.price] : []), ...route.prices.values()]);
  return [...new Set(prices.map(({ source, date }) => `${source} (${date})`))];
};

function byModel(route: SyncRoute): string[] {
  if (route.prices.size === 0) return [];
  return [
    row(`ids of ${route.provider} that begin with`, 'client price'),
    headRule(2),
    ...[...route.prices].map(([start, price]) => row(code(start), priceText(price))),
    '',
  ];
}

const section = (model: SyncModel): string[] => [
  `### ${model.id.replace('*', '\\*')}`,
  '',
  `**${model.title}**. ${model.description}`,
  '',
  ...factsText(model),
  '',
  row('route', 'provider', 'model', 'client price', ''),
  headRule(5),
  ...model.routes.map((route) =>
    row(code(route.id), route.provider, code(route.model), routePrice(route), routeNotes(route)),
  ),
  '',
  ...model.routes.flatMap(byModel),
  ...(sources(model).length > 0 ? [`List prices: ${sources(model).join('; ')}.`, ''] : []),
];

/** The part of docs/models.md about what is answered in the request itself. */
export function syncModelsPart(models: readonly SyncModel[]): string[] {
  return Object.entries(SECTIONS).flatMap(([modality, title]) => {
    const ours = models
      .filter((model) => model.modality === modality)
      .toSorted((a, b) => a.id.localeCompare(b.id, 'en'));
    return [
      `## ${title}`,
      '',
      row('alias', 'model', 'context', 'price of the first route'),
      headRule(4),
      ...ours.map((model) =>
        row(
          heading(model.id),
          model.title,
          modality === 'text' || modality === 'embedding' ? tokens(model.contextTokens) : '',
          model.routes[0] ? routePrice(model.routes[0]) : '',
        ),
      ),
      '',
      ...ours.flatMap(section),
    ];
  });
}

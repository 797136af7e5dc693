import { MICRO_USD } from '../common/money.js';
import type { SyncModel, SyncRoute, UsagePrice, UsageRates } from './sync-schema.js';

const SECONDS_PER_MINUTE = 60;

/** What a rate is said for, in the order of the page; a million of each but audio, which is sold by the minute. */
const KINDS: readonly [kind: keyof UsageRates, name: string][] = [
  ['input', 'in'],
  ['cacheRead', 'cache read'],
  ['cacheWrite', 'cache write'],
  ['inputAudio', 'audio in'],
  ['output', 'out'],
  ['outputAudio', 'audio out'],
  ['characters', 'characters'],
  ['audioSeconds', 'minute'],
];

function rateText(rates: UsageRates, multiplier: number): string {
  return KINDS.flatMap(([kind, name]) => {
    const rate = rates[kind];
    if (rate === undefined) return [];
    const sold = kind === 'audioSeconds' ? (rate / 1e6) * SECONDS_PER_MINUTE : rate;
    return [`$${Number(((sold * multiplier) / MICRO_USD).toPrecision(4))} ${name}`];
  }).join(', ');
}

const longText = ({ long, multiplier }: UsagePrice): string =>
  long === null ? '' : `; above ${long.aboveInputTokens} tokens in: ${rateText(long.rates, multiplier)}`;

function priceOf(routes: readonly SyncRoute[]): string {
  const price = routes.find((route) => route.price !== null)?.price;
  return price ? `${rateText(price.rates, price.multiplier)}${longText(price)}` : 'by the model';
}

const routeText = (route: SyncRoute): string =>
  `${route.provider} \`${route.model}\`${route.substitute ? '\\*' : ''}${route.bridge ? '†' : ''}`;

const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;

/** The part of docs/models.md about what is answered in the request itself. */
export function syncModelsPart(models: readonly SyncModel[]): string[] {
  const sorted = models.toSorted((a, b) => a.modality.localeCompare(b.modality) || a.id.localeCompare(b.id));
  return [
    '## Text, embeddings, audio',
    '',
    'Answered in the request itself, by [the endpoints of OpenAI and Anthropic](api/README.md). Prices are of the first route: a million tokens or characters, a minute of audio. A route that answers in its',
    'stead has its own. \\* another model; † answers while the GPU before it wakes. An alias that ends in `/*` takes any id of its provider.',
    '',
    row('alias', 'kind', 'context', 'output', 'price', 'routes'),
    row('---', '---', '---', '---', '---', '---'),
    ...sorted.map((model) =>
      row(
        `\`${model.id}\``,
        model.modality,
        String(model.contextTokens ?? ''),
        String(model.maxOutputTokens ?? ''),
        priceOf(model.routes),
        model.routes.map(routeText).join(', '),
      ),
    ),
    '',
  ];
}

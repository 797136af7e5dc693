import { priceUsage } from '../../src/billing/usage-price.js';
import { NO_USAGE, type Usage } from '../../src/billing/usage.js';
import { loadCatalog } from '../../src/catalog/load-catalog.js';
import { catalogPrice } from '../../src/catalog/route-price.js';
import type { UsagePrice } from '../../src/catalog/sync-schema.js';
import { adapters } from '../../src/providers/registry.js';

const catalog = loadCatalog({
  overlayPath: null,
  adapters,
  hasCredential: () => false,
  now: () => new Date(),
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  endpointsFrom: () => [],
});

/** `{alias}/{route}`, where the alias may be one that a wildcard answers. */
function priceOf(id: string): UsagePrice {
  const at = id.lastIndexOf('/');
  const route = catalog.sync(id.slice(0, at))?.routes.find((one) => one.id.endsWith(id.slice(at)));
  const price = route && catalogPrice(route);
  if (!price) throw new Error(`${id} has no price`);
  return price;
}
const costOf = (id: string, usage: Partial<Usage>): number =>
  priceUsage({ ...NO_USAGE, ...usage }, priceOf(id)).amountMicroUsd;

const claude = (alias: string): string[] => ['bedrock', 'anthropic', 'openrouter'].map((route) => `${alias}/${route}`);

type Amounts = [input: number, cacheRead: number, cacheWrite: number, cacheWrite1h: number, output: number];

/**
 * Micro-USD that 10,000 tokens of each kind cost a client: dollars a million × 10,000 × the multiplier of 2, so × 20,000. A
 * kind that the vendor lists no price for costs what it is a part of: a cache read or write as much as other input.
 */
const TEXT: [dollars: string, amounts: Amounts, routes: string[]][] = [
  [
    '3, 0.30, 3.75, 6, 15',
    [60_000, 6000, 75_000, 120_000, 300_000],
    ['claude-sonnet', 'claude-sonnet-4-6', 'claude-sonnet-4-5', 'claude-sonnet-4-5-20250929'].flatMap(claude),
  ],
  [
    '5, 0.50, 6.25, 10, 25',
    [100_000, 10_000, 125_000, 200_000, 500_000],
    [
      ...['claude-opus', 'claude-opus-4-6', 'claude-opus-4-5', 'claude-opus-4-5-20251101'].flatMap(claude),
      ...['claude-opus-4-7', 'claude-opus-4-8', 'claude-opus-5'].flatMap(claude),
    ],
  ],
  [
    '1, 0.10, 1.25, 2, 5',
    [20_000, 2000, 25_000, 40_000, 100_000],
    ['claude-haiku', 'claude-haiku-4-5', 'claude-haiku-4-5-20251001'].flatMap(claude),
  ],
  ['2, 0.20, 2.50, 4, 10', [40_000, 4000, 50_000, 80_000, 200_000], claude('claude-sonnet-5')],
  ['2, 0.10, 2.50, 4, 10', [40_000, 2000, 50_000, 80_000, 200_000], claude('claude-sonnet-5-5')],
  ['4, 0.20, 5, 8, 20', [80_000, 4000, 100_000, 160_000, 400_000], claude('claude-opus-5-5')],
  ['0.10, 0.01, 0.125, 0.20, 0.50', [2000, 200, 2500, 4000, 10_000], claude('claude-haiku-5-5')],
  ['10, 1, 12.50, 20, 50', [200_000, 20_000, 250_000, 400_000, 1_000_000], claude('claude-fable-5')],
  [
    '10, 0.25, 12.50, 20, 50',
    [200_000, 5000, 250_000, 400_000, 1_000_000],
    ['claude-fable-5-1', 'claude-fable-5-2'].flatMap(claude),
  ],
  ['2.50, 0.25, -, -, 15', [50_000, 5000, 50_000, 50_000, 300_000], ['gpt-5.4/openai', 'gpt-5.4/openrouter']],
  [
    '0.75, 0.075, -, -, 4.50',
    [15_000, 1500, 15_000, 15_000, 90_000],
    ['gpt-5.4-mini/openai', 'gpt-5.4-mini/openrouter'],
  ],
  ['0.20, 0.02, -, -, 1.25', [4000, 400, 4000, 4000, 25_000], ['gpt-5.4-nano/openai', 'gpt-5.4-nano/openrouter']],
  [
    '0.30, 0.006, -, -, 1.20',
    [6000, 120, 6000, 6000, 24_000],
    [
      'deepseek/deepseek-chat/deepseek',
      'deepseek/deepseek-flash/deepseek',
      'deepseek/deepseek-v4-flash/deepseek',
      'deepseek/deepseek-reasoner/deepseek',
      'deepseek/deepseek-chat-v4/deepseek',
    ],
  ],
  ['1.32, 0.044, -, -, 3.96', [26_400, 880, 26_400, 26_400, 79_200], ['deepseek/deepseek-v4-pro/deepseek']],
  ['0.0983, 0.0197, -, -, 0.1966', [1966, 394, 1966, 1966, 3932], ['deepseek/deepseek-chat/openrouter']],
  ['0.10, 0.02, -, -, 0.20', [2000, 400, 2000, 2000, 4000], ['deepseek/deepseek-chat/deepinfra']],
  [
    '0.50, 0.05, -, -, 3',
    [10_000, 1000, 10_000, 10_000, 60_000],
    ['gemini/gemini-3-flash-preview/google', 'gemini/gemini-3-flash/google'],
  ],
  // 1666.66 rounded up; for an hour it costs as for less.
  [
    '0.50, 0.05, 0.083333, -, 3',
    [10_000, 1000, 1667, 1667, 60_000],
    ['gemini/gemini-3-flash-preview/openrouter', 'qwen3-omni/openrouter'],
  ],
  [
    '2, 0.20, -, -, 12',
    [40_000, 4000, 40_000, 40_000, 240_000],
    ['gemini/gemini-3-pro-preview/google', 'gemini/gemini-3.1-pro-preview/google'],
  ],
  ['2, -, -, -, 120', [40_000, 40_000, 40_000, 40_000, 2_400_000], ['gemini/gemini-3-pro-image-preview/google']],
  ['0.25, 0.025, -, -, 1.50', [5000, 500, 5000, 5000, 30_000], ['gemini/gemini-3.1-flash-lite/google']],
  ['0.50, -, -, -, 60', [10_000, 10_000, 10_000, 10_000, 1_200_000], ['gemini/gemini-3.1-flash-image/google']],
  [
    '0.30, -, -, -, 30',
    [6000, 6000, 6000, 6000, 600_000],
    ['gemini/gemini-2.5-flash-image/google', 'gemini/gemini-3.1-flash-lite-image/google'],
  ],
  ['1.50, 0.15, -, -, 9', [30_000, 3000, 30_000, 30_000, 180_000], ['gemini/gemini-3.5-flash/google']],
  ['0.30, 0.03, -, -, 2.50', [6000, 600, 6000, 6000, 50_000], ['gemini/gemini-3.5-flash-lite/google']],
  [
    '1.50, 0.15, -, -, 7.50',
    [30_000, 3000, 30_000, 30_000, 150_000],
    ['gemini/gemini-3.6-flash/google', 'gemini/gemini-3.7-flash/google', 'gemini/gemini-3.8-flash/google'],
  ],
  ['0.30, 0.10, -, -, 2.50', [6000, 2000, 6000, 6000, 50_000], ['gemini/gemini-2.5-flash/google']],
  ['0.10, 0.03, -, -, 0.40', [2000, 600, 2000, 2000, 8000], ['gemini/gemini-2.5-flash-lite/google']],
  ['1.25, 0.125, -, -, 10', [25_000, 2500, 25_000, 25_000, 200_000], ['gemini/gemini-2.5-pro/google']],
  [
    '1, -, -, -, 20',
    [20_000, 20_000, 20_000, 20_000, 400_000],
    [
      'gemini/gemini-2.5-flash-preview-tts/google',
      'gemini/gemini-2.5-flash-lite-preview-tts/google',
      'gemini/gemini-2.5-pro-preview-tts/google',
    ],
  ],
  ['0.95, 0.16, -, -, 4', [19_000, 3200, 19_000, 19_000, 80_000], ['kimi-k2/moonshot']],
  ['0.68, 0.34, -, -, 3.41', [13_600, 6800, 13_600, 13_600, 68_200], ['kimi-k2/openrouter']],
  ['0.75, 0.15, -, -, 3.50', [15_000, 3000, 15_000, 15_000, 70_000], ['kimi-k2/deepinfra']],
  [
    '0.08, -, -, -, 0.29',
    [1600, 1600, 1600, 1600, 5800],
    [
      'selfhosted-chat/vllm',
      'selfhosted-chat/deepinfra',
      'selfhosted-voice/vllm',
      'selfhosted-voice/deepinfra',
      'selfhosted-reasoner/deepinfra',
    ],
  ],
  [
    '0.12, -, -, -, 0.50',
    [2400, 2400, 2400, 2400, 10_000],
    ['selfhosted-chat/openrouter', 'selfhosted-voice/openrouter'],
  ],
  ['0.15, -, -, -, 0.40', [3000, 3000, 3000, 3000, 8000], ['selfhosted-reasoner/vllm']],
  ['0.08, -, -, -, 0.40', [1600, 1600, 1600, 1600, 8000], ['selfhosted-reasoner/openrouter']],
  ['0.25, -, -, -, 1', [5000, 5000, 5000, 5000, 20_000], ['qwen3-omni/vllm']],
  ['0.07, -, -, -, 0.27', [1400, 1400, 1400, 1400, 5400], ['qwen3-coder/vllm', 'qwen3-coder/openrouter']],
  ['0.30, -, -, -, 1', [6000, 6000, 6000, 6000, 20_000], ['qwen3-coder/deepinfra']],
  [
    '0.26, -, -, -, 2.08',
    [5200, 5200, 5200, 5200, 41_600],
    ['selfhosted-chat-pro/vllm', 'selfhosted-chat-pro/openrouter'],
  ],
  ['0.45, 0.22, -, -, 3', [9000, 4400, 9000, 9000, 60_000], ['selfhosted-chat-pro/deepinfra']],
  [
    '0.30, 0.06, -, -, 1.20',
    [6000, 1200, 6000, 6000, 24_000],
    ['minimax-coder-pro/vllm', 'minimax-coder-pro/deepinfra', 'minimax-coder-pro/openrouter'],
  ],
];
const text = TEXT.flatMap(([dollars, amounts, routes]) =>
  routes.map((id): [string, string, Amounts] => [id, dollars, amounts]),
);

const TOKENS = 10_000;

test.each(text)('%s costs $%s a million, twice', (id, _dollars, amounts) => {
  expect([
    costOf(id, { inputTokens: TOKENS }),
    costOf(id, { inputTokens: TOKENS, cacheReadTokens: TOKENS }),
    costOf(id, { inputTokens: TOKENS, cacheWriteTokens: TOKENS }),
    costOf(id, { inputTokens: TOKENS, cacheWrite1hTokens: TOKENS }),
    costOf(id, { outputTokens: TOKENS }),
  ]).toEqual(amounts);
});

/** Long prompts that cost by other rates, input and output: (tokens × dollars a million + …) × 2. */
const LONG: [id: string, inputTokens: number, outputTokens: number, amount: number][] = [
  ['claude-sonnet/openrouter', 300_000, 10_000, 4_050_000], // (300,000 × 6 + 10,000 × 22.5) × 2
  ['claude-sonnet-4-6/openrouter', 300_000, 10_000, 4_050_000],
  ['claude-sonnet/bedrock', 300_000, 10_000, 2_100_000], // (300,000 × 3 + 10,000 × 15) × 2
  ['claude-opus/openrouter', 300_000, 10_000, 6_750_000], // (300,000 × 10 + 10,000 × 37.5) × 2
  ['claude-opus-4-6/openrouter', 300_000, 10_000, 6_750_000],
  ['claude-opus-4-6/anthropic', 300_000, 10_000, 3_500_000], // (300,000 × 5 + 10,000 × 25) × 2
  ['claude-haiku-5-5/bedrock', 100_000, 0, 20_000], // 100,000 × 0.1 × 2
  ['claude-haiku-5-5/bedrock', 300_000, 10_000, 350_000], // (300,000 × 0.5 + 10,000 × 2.5) × 2
  ['claude-haiku-5-5/anthropic', 300_000, 10_000, 350_000],
  ['claude-haiku-5-5/openrouter', 300_000, 10_000, 350_000],
  ['gpt-5.4/openai', 271_999, 0, 1_359_995], // 271,999 × 2.5 × 2
  ['gpt-5.4/openai', 272_000, 0, 2_720_000], // 272,000 × 5 × 2
  ['gpt-5.4/openai', 300_000, 10_000, 3_450_000], // (300,000 × 5 + 10,000 × 22.5) × 2
  ['gpt-5.4/openrouter', 300_000, 10_000, 3_450_000],
  ['gemini/gemini-3-pro-preview/google', 300_000, 10_000, 2_760_000], // (300,000 × 4 + 10,000 × 18) × 2
  ['gemini/gemini-3.1-pro-preview/google', 300_000, 10_000, 2_760_000],
  ['gemini/gemini-2.5-pro/google', 300_000, 10_000, 1_800_000], // (300,000 × 2.5 + 10,000 × 15) × 2
];

test.each(LONG)('%s costs for %i tokens in and %i out %i micro-USD', (id, inputTokens, outputTokens, amount) => {
  expect(costOf(id, { inputTokens, outputTokens })).toBe(amount);
});

test.each<[id: string, cacheRead: number, cacheWrite: number, cacheWrite1h: number]>([
  ['claude-sonnet/openrouter', 360_000, 4_500_000, 7_200_000], // 300,000 × 0.6, 7.5 and 12, × 2
  ['claude-opus/openrouter', 600_000, 7_500_000, 12_000_000], // 300,000 × 1, 12.5 and 20, × 2
  ['claude-haiku-5-5/anthropic', 30_000, 375_000, 600_000], // 300,000 × 0.05, 0.625 and 1, × 2
  ['gpt-5.4/openai', 300_000, 3_000_000, 3_000_000], // 300,000 × 0.5, 5 and 5, × 2
  ['gemini/gemini-3-pro-preview/google', 240_000, 2_400_000, 2_400_000], // 300,000 × 0.4, 4 and 4, × 2
  ['gemini/gemini-2.5-pro/google', 150_000, 1_500_000, 1_500_000], // 300,000 × 0.25, 2.5 and 2.5, × 2
])('%s has long prompts in its cache, too', (id, read, write, hour) => {
  const inputTokens = 300_000;
  expect([
    costOf(id, { inputTokens, cacheReadTokens: inputTokens }),
    costOf(id, { inputTokens, cacheWriteTokens: inputTokens }),
    costOf(id, { inputTokens, cacheWrite1hTokens: inputTokens }),
  ]).toEqual([read, write, hour]);
});

/** Sound that is heard, 10,000 tokens of it: dollars a million × 20,000. */
test.each<[id: string, amount: number]>([
  ['gemini/gemini-3-flash-preview/google', 20_000], // 1
  ['gemini/gemini-3-flash-preview/openrouter', 20_000], // 1
  ['gemini/gemini-3.1-flash-lite/google', 10_000], // 0.50
  ['gemini/gemini-2.5-flash/google', 20_000], // 1
  ['gemini/gemini-2.5-flash-lite/google', 6000], // 0.30
  ['gemini/gemini-3.5-flash/google', 30_000], // 1.50, as all input
  ['qwen3-omni/vllm', 20_000], // 1
  ['qwen3-omni/openrouter', 20_000], // 1
  ['gpt-4o-transcribe/openai', 120_000], // 6
  ['gpt-4o-mini-transcribe/openai', 60_000], // 3
])('%s costs %i micro-USD for sound', (id, amount) => {
  expect(costOf(id, { inputTokens: TOKENS, inputAudioTokens: TOKENS })).toBe(amount);
});

const OTHERS: [id: string, usage: Partial<Usage>, amount: number][] = [
  ['text-embedding-3-small/openai', { inputTokens: 1_000_000 }, 40_000], // 0.02 × 2
  ['text-embedding-3-small/openrouter', { inputTokens: 1_000_000 }, 40_000],
  ['text-embedding-3-large/openai', { inputTokens: 1_000_000 }, 260_000], // 0.13 × 2
  ['text-embedding-3-large/openrouter', { inputTokens: 1_000_000 }, 260_000],
  ['tts-1/openai', { characters: 1000 }, 30_000], // 1000 × 15 a million × 2
  ['tts-1/kokoro', { characters: 1000 }, 1240], // 1000 × 0.62 a million × 2
  ['tts-1-hd/openai', { characters: 1000 }, 60_000], // 1000 × 30 a million × 2
  ['tts-1-hd/kokoro', { characters: 1000 }, 1240],
  ['gpt-4o-mini-tts/openai', { characters: 1000 }, 40_000], // 1000 × 20 a million × 2
  ['gpt-4o-mini-tts/kokoro', { characters: 1000 }, 1240],
  ['hexgrad/Kokoro-82M/deepinfra', { characters: 1000 }, 1240],
  ['hexgrad/Kokoro-82M/kokoro', { characters: 1000 }, 1240],
  ['whisper-1/openai', { audioSeconds: 90 }, 18_000], // 1.5 minutes × 0.006 × 2
  ['whisper-1/groq', { audioSeconds: 90 }, 5551], // 1.5 × 0.00185 × 2 = 5550; a second is rounded up to 30.833334
  ['whisper-1/selfhosted', { audioSeconds: 90 }, 3001], // 1.5 × 0.001 × 2 = 3000; a second is rounded up to 16.666667
  ['gpt-4o-transcribe/openai', { inputTokens: 700, inputAudioTokens: 600, outputTokens: 150 }, 10_700], // (100 × 2.5 + 600 × 6 + 150 × 10) × 2
  ['gpt-4o-mini-transcribe/openai', { inputTokens: 700, inputAudioTokens: 600, outputTokens: 150 }, 5350], // (100 × 1.25 + 600 × 3 + 150 × 5) × 2
];

test.each(OTHERS)('%s costs for %j %i micro-USD', (id, usage, amount) => {
  expect(costOf(id, usage)).toBe(amount);
});

describe('the tables above', () => {
  const inTables = new Set([...text.map(([id]) => id), ...OTHERS.map(([id]) => id)]);
  const routes = catalog.syncs().flatMap((model) => model.routes);

  it('have every route that has a price of its own', () => {
    expect(routes.filter(({ price, id }) => price && !inTables.has(id)).map(({ id }) => id)).toEqual([]);
  });

  it('have every price that a long prompt changes', () => {
    const long = new Set(LONG.map(([id]) => id));
    expect(routes.filter(({ price, id }) => price?.long && !long.has(id)).map(({ id }) => id)).toEqual([]);
  });

  it('have a model for every beginning in a wildcard’s list', () => {
    const priced = new Set([...inTables].map((id) => priceOf(id)));
    const missing = routes.flatMap(({ id, prices }) =>
      [...prices].filter(([, price]) => !priced.has(price)).map(([start]) => `${id} ${start}`),
    );
    expect(missing).toEqual([]);
  });

  it('leave out only what OpenRouter lists the prices of', () => {
    const listed = routes.filter(({ price, prices }) => !price && prices.size === 0);
    expect(listed.map(({ id }) => id).toSorted()).toEqual([
      'deepseek/*/openrouter',
      'gemini/*/openrouter',
      'openrouter/*/openrouter',
    ]);
    for (const { provider, multiplier } of listed)
      expect({ provider, multiplier }).toEqual({ provider: 'openrouter', multiplier: 2 });
  });
});

test.each<[alias: string, exact: boolean]>([
  ['gemini/gemini-3-flash-preview', true],
  ['gemini/gemini-3-flash', false],
  ['deepseek/deepseek-chat', true],
  ['deepseek/deepseek-v4-flash', false],
])('%s is answered by its own entry before a wildcard: %s', (alias, exact) => {
  expect(catalog.sync(alias)?.routes.every(({ id }) => id.startsWith(`${alias}/`))).toBe(exact);
});

test('a model of a wildcard that no beginning fits has no price and is not served there', () => {
  const route = catalog.sync('gemini/gemma-4-31b')?.routes.find(({ provider }) => provider === 'google');
  expect(route && catalogPrice(route)).toBeNull();
});

import { priceOf } from '../../src/billing/price.js';
import { parseInput } from '../../src/catalog/input.js';
import { loadCatalog } from '../../src/catalog/load-catalog.js';
import type { Model } from '../../src/catalog/schema.js';
import { adapters } from '../../src/providers/registry.js';

const catalog = loadCatalog({
  overlayPath: null,
  adapters,
  hasCredential: () => false,
  now: () => new Date(),
  sandbox: null,
  endpointsFrom: () => [],
});
const IMAGE = 'data:image/png;base64,iVBORw0KGgo=';

type Row = [alias: string, input: Record<string, unknown>, amountMicroUsd: number];

/** Quantity × dollars × multiplier. Models of Kiln's own GPUs have a multiplier of 1: their price is the client's. */
const ROWS: Row[] = [
  ['veo-3.1', { resolution: '720p', duration_seconds: 6 }, 4_800_000], // 6 s × 0.40 × 2
  ['veo-3.1', { resolution: '720p', duration_seconds: 6, generate_audio: false }, 2_400_000], // 6 s × 0.20 × 2
  ['veo-3.1', { resolution: '1080p', duration_seconds: 8 }, 6_400_000], // 8 s × 0.40 × 2
  ['veo-3.1', { resolution: '1080p', duration_seconds: 8, generate_audio: false }, 3_200_000], // 8 s × 0.20 × 2
  ['veo-3.1', { resolution: '4k', duration_seconds: 8 }, 9_600_000], // 8 s × 0.60 × 2
  ['veo-3.1-fast', { resolution: '720p', duration_seconds: 8 }, 1_600_000], // 8 s × 0.10 × 2
  ['veo-3.1-fast', { resolution: '720p', duration_seconds: 8, generate_audio: false }, 1_600_000], // the same
  ['veo-3.1-fast', { resolution: '1080p', duration_seconds: 8 }, 2_400_000], // 8 s × 0.15 × 2
  ['veo-3.1-fast', { resolution: '4k', duration_seconds: 8 }, 5_600_000], // 8 s × 0.35 × 2
  ['gemini-omni-1.1-flash', { resolution: '720p', duration_seconds: 3 }, 600_000], // 3 s × 0.10 × 2
  ['gemini-omni-1.1-flash', { resolution: '1080p', duration_seconds: 10 }, 3_000_000], // 10 s × 0.15 × 2
  ['sora-2', { duration_seconds: 4 }, 800_000], // 4 s × 0.10 × 2
  ['sora-2', { duration_seconds: 12 }, 2_400_000], // 12 s × 0.10 × 2
  ['kling-3.0', { resolution: '720p', duration_seconds: 5, generate_audio: false }, 840_000], // 5 s × 0.084 × 2
  ['kling-3.0', { resolution: '720p', duration_seconds: 5, generate_audio: true }, 1_260_000], // 5 s × 0.126 × 2
  ['kling-3.0', { resolution: '1080p', duration_seconds: 5, generate_audio: false }, 1_120_000], // 5 s × 0.112 × 2
  ['kling-3.0', { resolution: '1080p', duration_seconds: 10, generate_audio: true }, 3_360_000], // 10 s × 0.168 × 2
  ['kling-3.0', { resolution: '4k', duration_seconds: 5, generate_audio: false }, 4_200_000], // 5 s × 0.42 × 2
  ['kling-3.0', { resolution: '4k', duration_seconds: 5, generate_audio: true }, 4_200_000], // the same
  ['seedance-2', { resolution: '480p', duration_seconds: 5 }, 710_430], // 5 s × 10,149 tokens × 7 a million × 2
  ['seedance-2', { resolution: '720p', duration_seconds: 5 }, 1_537_410], // 5 s × 21,963 tokens × 7 a million × 2
  ['seedance-2', { resolution: '1080p', duration_seconds: 5 }, 3_805_417], // 5 s × 49,421 tokens × 7.7 a million × 2
  ['seedance-2', { resolution: '4k', duration_seconds: 5 }, 7_857_640], // 5 s × 196,441 tokens × 4 a million × 2
  ['wan-2.2', { duration_seconds: 8 }, 400_000], // 8 s × 0.05
  ['ltx-2', { resolution: '720p', duration_seconds: 6 }, 240_000], // 6 s × 0.04
  ['ltx-2', { resolution: '1080p', duration_seconds: 6 }, 480_000], // 6 s × 0.08
  ['ltx-2', { resolution: '1440p', duration_seconds: 6 }, 840_000], // 6 s × 0.14
  ['ltx-2', { resolution: '4k', duration_seconds: 6 }, 1_800_000], // 6 s × 0.30
  ['skyreels-v2', { resolution: '540p', duration_seconds: 120 }, 14_400_000], // 120 s × 0.12
  ['skyreels-v2', { resolution: '720p', duration_seconds: 5 }, 1_250_000], // 5 s × 0.25
  ['framepack', { image: IMAGE, duration_seconds: 120 }, 3_600_000], // 120 s × 0.03
  ['flux-dev', {}, 20_000], // 0.02
  ['flux-dev', { n: 4 }, 80_000], // 4 × 0.02
  ['gpt-image-1.5', { quality: 'low', size: '1024x1024' }, 18_000], // 0.009 × 2
  ['gpt-image-1.5', { quality: 'low', size: '1536x1024' }, 26_000], // 0.013 × 2
  ['gpt-image-1.5', { quality: 'medium', size: '1024x1024' }, 68_000], // 0.034 × 2
  ['gpt-image-1.5', { quality: 'medium', size: '1024x1536' }, 102_000], // 0.051 × 2
  ['gpt-image-1.5', { quality: 'high', size: '1024x1024' }, 266_000], // 0.133 × 2
  ['gpt-image-1.5', { quality: 'high', size: 'auto', n: 3 }, 1_200_000], // 3 × 0.200 × 2
  ['gpt-image-1', { quality: 'low', size: '1024x1024' }, 22_000], // 0.011 × 2
  ['gpt-image-1', { quality: 'low', size: '1024x1536' }, 32_000], // 0.016 × 2
  ['gpt-image-1', { quality: 'medium', size: '1024x1024' }, 84_000], // 0.042 × 2
  ['gpt-image-1', { quality: 'medium', size: 'auto' }, 126_000], // 0.063 × 2
  ['gpt-image-1', { quality: 'high', size: '1024x1024' }, 334_000], // 0.167 × 2
  ['gpt-image-1', { quality: 'high', size: '1536x1024', n: 10 }, 5_000_000], // 10 × 0.250 × 2
  ['nano-banana-2', { resolution: '512' }, 89_640], // 747 tokens × 60 a million × 2
  ['nano-banana-2', { resolution: '1K' }, 134_400], // 1120 tokens × 60 a million × 2
  ['nano-banana-2', { resolution: '2K' }, 201_600], // 1680 tokens × 60 a million × 2
  ['nano-banana-2', { resolution: '4K' }, 302_400], // 2520 tokens × 60 a million × 2
  ['ace-step', { duration_seconds: 600 }, 30_000], // a song
  ['lyria-3', {}, 160_000], // a song, 0.08 × 2
];

test.each(ROWS)('%s with %j costs %i micro-USD', (alias, input, amountMicroUsd) => {
  const model = catalog.get(alias) as Model;
  const { input: asked } = parseInput(model, { prompt: 'x', ...input });
  expect(priceOf(model.price, asked, model).amountMicroUsd).toBe(amountMicroUsd);
});

test('every rate of every model is in the table', () => {
  const used = new Set(
    ROWS.map(([alias, input]) => {
      const model = catalog.get(alias) as Model;
      const { input: asked } = parseInput(model, { prompt: 'x', ...input });
      return model.price.rates.find(({ when }) =>
        Object.entries(when).every(([name, values]) => values.some((value) => value === asked[name])),
      );
    }),
  );
  const missing = catalog
    .models()
    .flatMap(({ id, price }) => price.rates.filter((rate) => !used.has(rate)).map(({ when }) => [id, when]));
  expect(missing).toEqual([]);
});

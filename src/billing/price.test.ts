import * as fc from 'fast-check';
import { parseInput } from '../catalog/input.js';
import { loadCatalog } from '../catalog/load-catalog.js';
import type { Model, PriceRule } from '../catalog/schema.js';
import { adapters } from '../providers/registry.js';
import { priceOf } from './price.js';

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: null,
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-23T00:00:00Z'),
});
const PNG = 'data:image/png;base64,iVBORw0KGgo=';
const UPLOAD = 'upload_01h455vb4pex5vsknk084sn02q';

// Worked out by hand: quantity × list price × multiplier, in micro-USD.
it.each<[string, Record<string, unknown>, number]>([
  ['veo-3.1', { prompt: 'x' }, 6_400_000], // 8 × 0.40 × 2
  ['veo-3.1', { prompt: 'x', duration_seconds: 4 }, 3_200_000], // 4 × 0.40 × 2
  ['veo-3.1', { prompt: 'x', duration_seconds: 6, generate_audio: false }, 2_400_000], // 6 × 0.20 × 2
  ['veo-3.1', { prompt: 'x', resolution: '1080p' }, 6_400_000], // 8 × 0.40 × 2
  ['veo-3.1', { prompt: 'x', resolution: '4k' }, 9_600_000], // 8 × 0.60 × 2
  ['veo-3.1-fast', { prompt: 'x' }, 1_600_000], // 8 × 0.10 × 2
  ['veo-3.1-fast', { prompt: 'x', duration_seconds: 4, generate_audio: false }, 800_000], // 4 × 0.10 × 2
  ['veo-3.1-fast', { prompt: 'x', resolution: '1080p' }, 2_400_000], // 8 × 0.15 × 2
  ['veo-3.1-fast', { prompt: 'x', resolution: '4k' }, 5_600_000], // 8 × 0.35 × 2
  ['wan-2.2', { prompt: 'x' }, 250_000], // 5 × 0.05
  ['wan-2.2', { prompt: 'x', image: PNG, duration_seconds: 2.5 }, 125_000], // 2.5 × 0.05
  ['wan-2.2', { prompt: 'x', duration_seconds: 1.00001 }, 50_001], // 50,000.5 rounded up
  ['flux-dev', { prompt: 'x' }, 20_000], // 1 × 0.02
  ['flux-dev', { prompt: 'x', n: 4 }, 80_000], // 4 × 0.02
  ['ace-step', { prompt: 'x', duration_seconds: 600 }, 30_000], // one song
  ['ace-step', { task: 'cover', prompt: 'x', audio: UPLOAD }, 30_000],
])('%s %j costs %i micro-USD', (id, input, amountMicroUsd) => {
  const model = catalog.get(id) as Model;
  expect(priceOf(model.price, parseInput(model, input).input, model).amountMicroUsd).toBe(amountMicroUsd);
});

it('says how it came to the amount', () => {
  const model = catalog.get('veo-3.1') as Model;
  expect(priceOf(model.price, parseInput(model, { prompt: 'x', resolution: '4k' }).input, model)).toMatchObject({
    amountMicroUsd: 9_600_000,
    unit: 'second',
    quantity: 8,
    unitPriceMicroUsd: 600_000,
    multiplier: 2,
    date: '2026-10-07',
    model: 'veo-3.1',
  });
});

const rule: PriceRule = {
  unit: 'second',
  rates: [{ when: { resolution: ['720p'] }, microUsd: 100 }],
  multiplier: 1,
  source: 's',
  date: '2026-01-01',
};

it.each<[string, Record<string, string | number>]>([
  ['no rate fits', { resolution: '8k', duration_seconds: 1 }],
  ['there is no quantity', { resolution: '720p' }],
  ['the quantity is 0', { resolution: '720p', duration_seconds: 0 }],
])('throws where %s, rather than charge nothing', (_what, input) => {
  expect(() => priceOf(rule, input, { id: 'm' })).toThrow(/no rate of m|can't price/);
});

it('is a whole amount above 0, never below the exact product', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 600, noNaN: true }),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom(1, 1.25, 1.5, 2, 2.2),
      (seconds, microUsd, multiplier) => {
        const one: PriceRule = { ...rule, rates: [{ when: {}, microUsd }], multiplier };
        const { amountMicroUsd } = priceOf(one, { duration_seconds: seconds }, { id: 'm' });
        expect(Number.isSafeInteger(amountMicroUsd)).toBe(true);
        expect(amountMicroUsd).toBeGreaterThan(0);
        expect(amountMicroUsd).toBeGreaterThanOrEqual(seconds * microUsd * multiplier - 1e-5);
        expect(amountMicroUsd).toBeLessThan(seconds * microUsd * multiplier + 1);
      },
    ),
  );
});

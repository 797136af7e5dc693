import * as fc from 'fast-check';
import { isValidInput, parseInput } from '../catalog/input.js';
import { loadCatalog } from '../catalog/load-catalog.js';
import type { Model } from '../catalog/schema.js';
import { adapters } from '../providers/registry.js';
import { affordableOf } from './affordable.js';
import { priceOf } from './price.js';

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: null,
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-26T00:00:00Z'),
});
const modelOf = (id: string): Model => catalog.get(id) as Model;
const UPLOAD = 'upload_01h455vb4pex5vsknk084sn02q';

const affordable = (id: string, raw: Record<string, unknown>, leftMicroUsd: number) => {
  const model = modelOf(id);
  const { input } = parseInput(model, raw);
  return affordableOf(model, input, leftMicroUsd, (name, value) => isValidInput(model, { ...raw, [name]: value }));
};

it.each<[string, Record<string, unknown>, number, Record<string, number>]>([
  // 0.40 × 2 a second: 6.40 for 8 s, 4.80 for 6 s, 3.20 for 4 s.
  ['veo-3.1', { prompt: 'x' }, 6_400_000, { duration_seconds: 8 }],
  ['veo-3.1', { prompt: 'x' }, 6_399_999, { duration_seconds: 6 }],
  ['veo-3.1', { prompt: 'x' }, 3_200_000, { duration_seconds: 4 }],
  ['veo-3.1', { prompt: 'x' }, 3_199_999, {}],
  // Without sound half of that.
  ['veo-3.1', { prompt: 'x', generate_audio: false }, 3_199_999, { duration_seconds: 6 }],
  // 1080p and clips from references are of 8 seconds or not at all.
  ['veo-3.1', { prompt: 'x', resolution: '1080p' }, 6_399_999, {}],
  ['veo-3.1', { prompt: 'x', reference_images: [UPLOAD], duration_seconds: 8 }, 6_399_999, {}],
  // 0.05 a second of a range from 1 to 8.
  ['wan-2.2', { prompt: 'x' }, 250_000, { duration_seconds: 5 }],
  ['wan-2.2', { prompt: 'x' }, 249_999, { duration_seconds: 4 }],
  ['wan-2.2', { prompt: 'x' }, 49_999, {}],
  ['flux-dev', { prompt: 'x', n: 4 }, 79_999, { n: 3 }],
  ['flux-dev', { prompt: 'x', n: 4 }, 19_999, {}],
  // A song has one price.
  ['ace-step', { prompt: 'x', duration_seconds: 600 }, 29_999, {}],
  ['flux-dev', { prompt: 'x' }, 0, {}],
])('%s %j with %i left affords %j', (id, raw, leftMicroUsd, expected) => {
  expect(affordable(id, raw, leftMicroUsd)).toEqual(expected);
});

it('what is said to fit is taken by the model and costs no more than is left; where nothing is said, the default does not fit', () => {
  const measured = catalog.models().filter(({ price }) => price.unit !== 'song');
  expect(measured.length).toBeGreaterThan(5);
  fc.assert(
    fc.property(fc.constantFrom(...measured), fc.nat(20_000_000), (model, leftMicroUsd) => {
      const raw = { prompt: 'x' };
      if (!isValidInput(model, raw)) return;
      const [entry] = Object.entries(affordable(model.id, raw, leftMicroUsd));
      const priceWith = (more: object): number =>
        priceOf(model.price, parseInput(model, { ...raw, ...more }).input, model).amountMicroUsd;
      if (entry) expect(priceWith(Object.fromEntries([entry]))).toBeLessThanOrEqual(leftMicroUsd);
      else if (model.fields['duration_seconds'] ?? model.fields['n'])
        expect(priceWith({})).toBeGreaterThan(leftMicroUsd);
    }),
    { numRuns: 300, seed: 20261126 },
  );
});

import { adapters } from '../../providers/registry.js';
import { loadCatalog } from '../../catalog/load-catalog.js';
import { splitOptions, typedFields } from './typed-fields.js';

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-23T00:00:00Z'),
});
const flux = catalog.get('flux-dev');
const typed = (fields: Record<string, unknown>) => typedFields({ fields, isText: true }, flux, { stream: 'boolean' });

test.each([
  [
    { steps: '20', guidance: '3.5' },
    { steps: 20, guidance: 3.5 },
  ],
  [{ seed: '-1e2' }, { seed: -100 }],
  [
    { prompt: '42', size: '512x512' },
    { prompt: '42', size: '512x512' },
  ],
  [{ steps: 'many' }, { steps: 'many' }],
  [{ steps: '' }, { steps: '' }],
  [{ stream: 'true' }, { stream: true }],
  [{ stream: '1' }, { stream: '1' }],
  [{ loras: '[{"name":"flux-anime","strength":0.5}]' }, { loras: [{ name: 'flux-anime', strength: 0.5 }] }],
  [{ loras: [{ name: 'flux-anime', strength: '0.5' }] }, { loras: [{ name: 'flux-anime', strength: 0.5 }] }],
  [{ loras: '[{' }, { loras: '[{' }],
  [{ metadata: { n: '7' } }, { metadata: { n: '7' } }],
  [{ metadata: '{"a":"b"}' }, { metadata: { a: 'b' } }],
  [{ routing: { allow_fallback: 'false', only: ['fal'] } }, { routing: { allow_fallback: false, only: ['fal'] } }],
  [
    { deadline_seconds: '60', priority: 'high' },
    { deadline_seconds: 60, priority: 'high' },
  ],
  [{ unheard_of: '1' }, { unheard_of: '1' }],
] as [Record<string, unknown>, Record<string, unknown>][])('%j', (fields, read) => {
  expect(typed(fields)).toEqual(read);
});

test('JSON has its types already', () => {
  const fields = { steps: '20', stream: 'true' };
  expect(typedFields({ fields, isText: false }, flux, { stream: 'boolean' })).toEqual(fields);
});

test("the job's options are taken out", () => {
  expect(splitOptions({ prompt: 'p', metadata: {}, priority: 'low', seed: 1 })).toEqual({
    options: { metadata: {}, priority: 'low' },
    rest: { prompt: 'p', seed: 1 },
  });
});

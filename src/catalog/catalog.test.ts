import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapters } from '../providers/registry.js';
import { loadCatalog, type CatalogOptions } from './load-catalog.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const bare: CatalogOptions = {
  overlayPath: null,
  sandbox: null,
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => NOW,
};
const sandbox = { url: 'http://127.0.0.1:9900/', credential: 'secret' };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kiln-catalog-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const overlay = (text: string): string => {
  const path = join(dir, 'mine.yaml');
  writeFileSync(path, text);
  return path;
};
const messageOfLoading = (text: string): string => {
  try {
    loadCatalog({ ...bare, sandbox, overlayPath: overlay(text) });
    return 'loaded';
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : 'not an error';
  }
};

describe('the shipped catalog', () => {
  it('serves every alias from the sandbox where nothing else is given', () => {
    const catalog = loadCatalog({ ...bare, sandbox });
    expect(catalog.models().map((model) => model.id)).toEqual(
      expect.arrayContaining(['veo-3.1', 'veo-3.1-fast', 'wan-2.2', 'flux-dev', 'ace-step']),
    );
    const routes = catalog.models().flatMap((model) => model.routes);
    expect(routes.every((route) => route.sandbox && route.credential === 'sandbox' && route.disabled === null)).toBe(
      true,
    );
    expect(catalog.route('veo-3.1/vertex')?.endpoints).toEqual([
      'http://127.0.0.1:9900/vertex/v1/projects/sandbox/locations/us-central1/publishers/google',
    ]);
    expect(catalog.route('wan-2.2/comfyui')?.endpoints).toEqual([
      'http://127.0.0.1:9900/comfyui/0',
      'http://127.0.0.1:9900/comfyui/1',
    ]);
    expect(catalog.lanes().find((lane) => lane.id === 'comfyui')).toEqual({
      id: 'comfyui',
      perEndpoint: 1,
      capacity: 2,
    });
    expect(catalog.configuredOrigins()).toEqual(['http://127.0.0.1:9900']);
    expect(catalog.warnings()).toEqual([]);
  });

  it('disables and names what has neither credentials nor sandbox', () => {
    const catalog = loadCatalog(bare);
    expect(catalog.route('veo-3.1/vertex')?.disabled).toBe("KILN_ENDPOINTS_VERTEX and credential 'vertex' not set");
    expect(catalog.warnings()).toContain('route wan-2.2/comfyui is disabled: KILN_ENDPOINTS_COMFYUI not set');
    expect(catalog.warnings()).toContain('model wan-2.2 has no route that can be used here');
    expect(catalog.configuredOrigins()).toEqual([]);
  });

  it('prefers what the environment gives to the sandbox', () => {
    const catalog = loadCatalog({
      ...bare,
      sandbox,
      hasCredential: (name) => name === 'gemini',
      endpointsFrom: (name) =>
        name === 'COMFYUI' ? ['http://gpu-0:8188/', 'http://gpu-1:8188', 'http://gpu-2:8188'] : [],
    });
    expect(catalog.route('flux-dev/comfyui')).toMatchObject({
      endpoints: ['http://gpu-0:8188', 'http://gpu-1:8188', 'http://gpu-2:8188'],
      credential: null,
      sandbox: false,
    });
    expect(catalog.lanes().find((lane) => lane.id === 'comfyui')?.capacity).toBe(3);
    expect(catalog.route('veo-3.1/gemini')).toMatchObject({ credential: 'gemini', sandbox: false });
    expect(catalog.warnings()).toContain(
      'route veo-3.1/gemini is skipped: google retired veo-3.1-generate-preview on 2026-10-22',
    );
  });

  it('has the same hash in every environment, and another for another file', () => {
    const hash = loadCatalog(bare).hash;
    expect(loadCatalog({ ...bare, sandbox }).hash).toBe(hash);
    expect(loadCatalog({ ...bare, overlayPath: overlay('platform_multiplier: 3') }).hash).not.toBe(hash);
  });

  it('describes every input as JSON Schema', () => {
    const schema = loadCatalog(bare).get('veo-3.1')?.inputJsonSchema;
    expect(schema).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['prompt'],
      properties: { duration_seconds: { enum: [4, 6, 8], default: 8 }, prompt: { type: 'string', maxLength: 4000 } },
    });
  });
});

describe('an overlay', () => {
  it('changes one route and leaves the rest', () => {
    const path = overlay(
      'models:\n  veo-3.1:\n    multiplier: 1.5\n    route_order: [gemini]\n    routes:\n      gemini: { retires_on: null, endpoints: ["https://reseller.example/v1/"] }\n',
    );
    const model = loadCatalog({ ...bare, overlayPath: path, hasCredential: () => true }).get('veo-3.1');
    expect(model?.routes.slice(0, 2).map((route) => [route.id, route.retiresOn, route.endpoints])).toEqual([
      ['veo-3.1/gemini', null, ['https://reseller.example/v1']],
      ['veo-3.1/vertex', null, []],
    ]);
    expect(model?.price.multiplier).toBe(1.5);
  });

  it('warns in the last 30 days of a route', () => {
    const path = overlay('models: { veo-3.1: { routes: { gemini: { retires_on: 2026-12-20 } } } }');
    const catalog = loadCatalog({ ...bare, overlayPath: path, hasCredential: () => true });
    expect(catalog.warnings()).toContain('route veo-3.1/gemini retires on 2026-12-20, in 27 days');
  });

  it('adds an own ComfyUI workflow as a new alias', () => {
    const graph = {
      '1': { class_type: 'EmptyImage', inputs: { width: 512, height: 512, batch_size: 1, color: 0 } },
      '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
    };
    writeFileSync(join(dir, 'plain.json'), JSON.stringify(graph));
    const mapping = {
      workflow: 'plain.json',
      inputs: { seed: [{ to: '1.color', modulo: 16777216 }] },
      size: { width: ['1.width'], height: ['1.height'], free: { min: 64, max: 1024 } },
      filename_prefix: ['2.filename_prefix'],
      output: ['2'],
    };
    writeFileSync(join(dir, 'plain.mapping.json'), JSON.stringify(mapping));
    const path = overlay(`
models:
  plain-colour:
    modality: image
    title: Plain colour
    description: One colour, no model weights.
    created: 2026-11-23
    operations: [text_to_image]
    input: { width: { min: 64, max: 1024, default: 512 }, height: { min: 64, max: 1024, default: 512 }, seed: { min: 0 } }
    price: { unit: image, source: ours, date: 2026-11-23, rates: [{ usd: 0.001 }] }
    routes:
      mine: { provider: comfyui, model: plain, endpoints: ["http://gpu:8188"], lane: comfyui, settings: { mapping: plain.mapping.json }, upstream_price: cost-flux-dev, max_run_seconds: 60, expected_seconds: 1 }
`);
    const model = loadCatalog({ ...bare, overlayPath: path }).get('plain-colour');
    expect(model?.routes[0]).toMatchObject({ id: 'plain-colour/mine', disabled: null, credential: null });
    expect(model?.price).toMatchObject({ multiplier: 2, rates: [{ when: {}, microUsd: 1000 }] });
  });

  it('as docs/comfyui.md shows it is served, by the sandbox too', () => {
    const catalog = loadCatalog({ ...bare, sandbox, overlayPath: 'docs/examples/comfyui-empty-image/catalog.yaml' });
    expect(catalog.route('empty-image/comfyui')).toMatchObject({ disabled: null, sandbox: true });
  });

  const veo = (inner: string): string => `models:\n  veo-3.1:\n    ${inner}\n`;
  it.each([
    [
      'an unknown key',
      'lanes: { comfyui: { speed: 3 } }',
      /KILN_CATALOG .*mine\.yaml: lanes\.comfyui\.speed: is not known here/,
    ],
    ['no object', '[1, 2]', /mine\.yaml: must hold platform_multiplier, prices, lanes or models/],
    ['broken YAML', 'models: {', /mine\.yaml is not YAML/],
    [
      'a free model',
      veo('price: { unit: second, source: x, date: 2026-01-01, rates: [{ usd: 0 }] }'),
      /models\.veo-3\.1\.price.*must be more than 0/,
    ],
    [
      'a gap in a price',
      veo('price: { unit: second, source: x, date: 2026-01-01, rates: [{ when: { resolution: 4k }, usd: 1 }] }'),
      /models\.veo-3\.1\.price: has no rate for resolution "720p"/,
    ],
    [
      'a price list that is not there',
      veo('price: gold'),
      /price: is 'gold', which prices lacks\. Allowed: .*google-veo-3\.1, /,
    ],
    [
      'a price on a field without values',
      veo('price: { unit: second, source: x, date: 2026-01-01, rates: [{ when: { seed: 1 }, usd: 1 }] }'),
      /depends on seed, which must then list its values/,
    ],
    [
      'a field of no vocabulary',
      veo('input: { sparkle: {} }'),
      /input\.sparkle: is no video field of the vocabulary\. Allowed: prompt, /,
    ],
    [
      'a wrong type',
      veo('input: { prompt: { type: integer } }'),
      /input\.prompt\.type: must be text for prompt; got integer/,
    ],
    [
      'a key of another type',
      veo('input: { seed: { max_length: 3 } }'),
      /input\.seed\.max_length: does not belong to type integer/,
    ],
    [
      'a default out of range',
      veo('input: { seed: { default: -1 } }'),
      /input\.seed\.default: is not a value that the field takes; got -1/,
    ],
    ['an operation that is not there', veo('operations: [dance]'), /operations: holds 'dance'\. Allowed for video: /],
    [
      'a provider without adapter',
      veo('routes: { vertex: { provider: acme } }'),
      /routes\.vertex\.provider: is 'acme'\. Allowed: google, comfyui, acestep/,
    ],
    [
      'settings the adapter refuses',
      veo('routes: { vertex: { settings: { wire: telegraph } } }'),
      /routes\.vertex\.settings: wire: /,
    ],
    ['a lane that is not there', veo('routes: { vertex: { lane: fast } }'), /lane: is 'fast', which lanes lacks/],
    [
      'a missing mapping',
      'models: { wan-2.2: { routes: { comfyui: { settings: { mapping: none.json } } } } }',
      /routes\.comfyui\.settings: none\.json can't be read/,
    ],
    [
      'a URL with a password',
      veo('routes: { vertex: { endpoints: ["https://a:b@c.example"] } }'),
      /endpoints\.0: must not hold a user name or password/,
    ],
    [
      'a field for clips that takes none',
      veo('clips: { edit: image }'),
      /veo-3\.1\.clips\.edit: names image, which is no field of input that takes videos/,
    ],
    ['an alias with ..', 'models: { "a/../b": {} }', /models\.a\/\.\.\/b/],
    ['a new model half written', 'models: { mine: { modality: image } }', /mine\.yaml: models\.mine\.title/],
  ])('is refused for %s, by file and place', (_what, text, message) => {
    expect(messageOfLoading(text)).toMatch(message);
  });
});

describe('a wildcard', () => {
  const entry = (name: string, upstream: string) =>
    `${name}: { modality: image, title: T, description: D, created: 2026-11-23, operations: [text_to_image],
      input: { prompt: { required: true, max_length: 10 } },
      price: { unit: image, source: ours, date: 2026-11-23, rates: [{ usd: 0.001 }] },
      routes: { only: { provider: comfyui, model: "${upstream}", endpoints: ["http://gpu:1"], lane: comfyui,
        settings: { mapping: flux-dev.mapping.json }, upstream_price: cost-flux-dev, max_run_seconds: 60, expected_seconds: 1 } } }`;
  const load = () =>
    loadCatalog({
      ...bare,
      overlayPath: overlay(
        `models:\n  ${entry('"acme/*"', 'x-*')}\n  ${entry('"acme/big/*"', '*')}\n  ${entry('acme/exact', 'mine')}\n`,
      ),
    });
  const upstream = (alias: string) => load().get(alias)?.routes[0]?.model;

  it.each([
    ['acme/one', 'x-one'],
    ['acme/two/three:v1.0@a', 'x-two/three:v1.0@a'],
    ['acme/big/one', 'one'],
    ['acme/exact', 'mine'],
  ])('%s goes upstream as %s', (alias, model) => {
    expect(upstream(alias)).toBe(model);
    expect(load().get(alias)?.id).toBe(alias);
  });

  it.each(['acme/*', 'acme/', 'acme/../x', 'acme/a..b', 'acme/a b', `acme/${'x'.repeat(129)}`, 'other/x', 'acme'])(
    'nothing answers %j',
    (alias) => expect(load().get(alias)).toBeUndefined(),
  );

  it('shares the health of its routes, and stands in the list under its own name', () => {
    expect(load().get('acme/one')?.routes[0]?.id).toBe('acme/*/only');
    expect(load().listed('acme/*')?.id).toBe('acme/*');
  });
});

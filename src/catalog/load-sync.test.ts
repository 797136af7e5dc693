import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapters } from '../providers/registry.js';
import type { Catalog } from './catalog.service.js';
import { loadCatalog, type CatalogOptions } from './load-catalog.js';
import { catalogPrice, shownRates } from './route-price.js';
import type { SyncRoute } from './sync-schema.js';

const bare: CatalogOptions = {
  overlayPath: null,
  sandbox: null,
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-26T12:00:00Z'),
};
const sandbox = { url: 'http://127.0.0.1:9900/', credential: 'secret' };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kiln-sync-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Values of a row that differ from a good one; undefined leaves a key out. */
type Changes = Record<string, unknown>;

const PRICE = { rates: { input: 1, output: 2.5 }, source: 'ours', date: '2026-11-26' };

const row = (route: Changes = {}, model: Changes = {}): Changes => ({
  modality: 'text',
  title: 'Mine',
  description: 'A model of mine.',
  created: '2026-11-26',
  context_tokens: 8192,
  max_output_tokens: 1024,
  routes: {
    server: {
      provider: 'openai_compatible',
      model: 'mine-7b',
      endpoints: ['http://gpu:8000/v1'],
      price: PRICE,
      ...route,
    },
  },
  ...model,
});

function load(models: Changes, options: Partial<CatalogOptions> = {}, more: Changes = {}): Catalog {
  const path = join(dir, 'mine.yaml');
  writeFileSync(path, JSON.stringify({ models, ...more }));
  return loadCatalog({ ...bare, ...options, overlayPath: path });
}

const routeOf = (catalog: Catalog, alias: string): SyncRoute => {
  const [route] = catalog.sync(alias)?.routes ?? [];
  if (!route) throw new Error(`${alias} has no route`);
  return route;
};

describe('a wrong row stops the start, by file and place', () => {
  it.each<[string, Changes, string, string]>([
    ['no price', row({ price: undefined }), 'routes.server', 'nothing is free'],
    ['a price list that is not there', row({ price: 'nobody' }), 'routes.server.price', 'which usage_prices lacks'],
    [
      'a price that leaves output out',
      row({ price: { ...PRICE, rates: { input: 1 } } }),
      'routes.server.price',
      'must hold input and output for text',
    ],
    [
      'speech priced by tokens, which nobody counts there',
      row({}, { modality: 'speech' }),
      'routes.server.price',
      'must hold characters for speech',
    ],
    [
      'a price of 0',
      row({ price: { ...PRICE, rates: { input: 0, output: 1 } } }),
      'routes.server.price.rates.input',
      'nothing is free',
    ],
    ['a price without a source', row({ price: { ...PRICE, source: '' } }), 'routes.server.price.source', ''],
    ['a provider that is not there', row({ provider: 'nobody' }), 'routes.server.provider', 'Allowed: openai, '],
    ['a setting that the adapter has not', row({ settings: { wire: 'x' } }), 'routes.server.settings', 'wire'],
    ['nowhere to send it', row({ endpoints: undefined }), 'routes.server', 'needs endpoints or endpoints_from'],
    [
      'a trait nobody knows',
      row({ traits: { telepathy: true } }),
      'routes.server.traits.telepathy',
      'is not known here',
    ],
    ['a feature nobody knows', row({ traits: { features: ['smell'] } }), 'routes.server.traits.features.0', ''],
    ['an order that names no route', row({}, { route_order: ['other'] }), 'route_order', 'Allowed: server'],
    ['no route', row({}, { routes: {} }), 'routes', 'must hold a route'],
    ['a modality nobody knows', row({}, { modality: 'smell' }), 'modality', ''],
  ])('%s', (_case, model, place, says) => {
    const message = (() => {
      try {
        load({ mine: model });
        return 'it loaded';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toContain(`KILN_CATALOG ${join(dir, 'mine.yaml')}: models.mine.${place}: `);
    expect(message).toContain(says);
  });

  it('names the shipped file where that wrote the place', () => {
    expect(() => load({ 'claude-sonnet': { routes: { bedrock: { provider: 'nobody' } } } })).toThrow(/mine\.yaml/);
    expect(() => load({}, {}, { usage_prices: { 'openai-gpt-5.4': null } })).toThrow(
      /openai-text\.yaml: models\.gpt-5\.4\.routes\.openai\.price: is "openai-gpt-5\.4", which usage_prices lacks/,
    );
  });
});

describe('prices', () => {
  it('are kept as micro-USD a million, minutes of sound as seconds', () => {
    const text = routeOf(load({ mine: row({ price: { ...PRICE, rates: { input: 0.000001, output: 2.5 } } }) }), 'mine');
    expect(text.price?.rates).toMatchObject({ input: 1, output: 2_500_000 });
    const sound = { ...PRICE, rates: { audio_minute: 0.006 } };
    const heard = routeOf(load({ mine: row({ price: sound }, { modality: 'transcription' }) }), 'mine');
    // $0.006 a minute is $0.0001 a second: 100 micro-USD, so $100 a million seconds.
    expect(heard.price?.rates.audioSeconds).toBe(100_000_000);
  });

  it('never undercut a price a minute that a second does not divide', () => {
    const price = { ...PRICE, rates: { audio_minute: 0.00185 } };
    const { price: kept } = routeOf(load({ mine: row({ price }, { modality: 'transcription' }) }), 'mine');
    expect(kept?.rates.audioSeconds).toBe(30_833_334);
  });

  it('are found by name, with the multiplier of the model, else of the platform', () => {
    const lists = { usage_prices: { ours: { ...PRICE, long: { above_input_tokens: 1000, rates: { input: 3 } } } } };
    const catalog = load({ one: row({ price: 'ours' }), two: row({ price: 'ours' }, { multiplier: 3 }) }, {}, lists);
    expect(routeOf(catalog, 'one').price).toMatchObject({
      multiplier: 2,
      source: 'ours',
      date: '2026-11-26',
      long: { aboveInputTokens: 1000, rates: { input: 3_000_000 } },
    });
    expect(routeOf(catalog, 'two').price?.multiplier).toBe(3);
  });

  it('are shown by the million, sound by the minute', () => {
    expect(shownRates({ input: 500_000, output: 3_000_000 }, 2)).toEqual([
      { of: 'input_tokens', per: 1_000_000, priceMicroUsd: 1_000_000 },
      { of: 'output_tokens', per: 1_000_000, priceMicroUsd: 6_000_000 },
    ]);
    expect(shownRates({ audioSeconds: 30_833_334 }, 2)).toEqual([
      { of: 'audio_seconds', per: 60, priceMicroUsd: 3700 },
    ]);
  });
});

describe('a wildcard', () => {
  const prices = { small: { ...PRICE, rates: { input: 1, output: 1 } }, 'small-eyes': PRICE };
  const models = {
    'acme/*': row({ model: 'vendor/*', price: undefined, prices }),
    'acme/small-own': row({ model: 'own' }),
  };

  it('passes on what stands for the star, and prices it by its longest beginning', () => {
    const catalog = load({ 'acme/*': row({ model: '*', price: undefined, prices }) });
    const priced = (id: string) => catalogPrice(routeOf(catalog, `acme/${id}`))?.rates.output;
    expect(routeOf(catalog, 'acme/small-2026')).toMatchObject({ id: 'acme/*/server', model: 'small-2026' });
    expect(priced('small-2026')).toBe(1_000_000);
    expect(priced('small-eyes-2026')).toBe(2_500_000);
    expect(priced('large')).toBeUndefined();
  });

  it('gives way to an alias of its own', () => {
    const catalog = load(models);
    expect(routeOf(catalog, 'acme/small-own').model).toBe('own');
    expect(routeOf(catalog, 'acme/small-other').model).toBe('vendor/small-other');
    expect(catalog.sync('acme/../x')).toBeUndefined();
    expect(catalog.sync('acme/*')).toBeUndefined();
    expect(catalog.listedSync('acme/*')?.id).toBe('acme/*');
  });

  it('may leave the prices to the provider', () => {
    const route = routeOf(load({ 'acme/*': row({ model: '*', price: undefined, price_list: true }) }), 'acme/any');
    expect(catalogPrice(route)).toBeNull();
    expect(route.multiplier).toBe(2);
  });
});

describe('traits', () => {
  it("are the model's but for what its route says, and safe where neither does", () => {
    const model = row(
      { traits: { features: ['tools'], system_role: 'developer' }, max_output_tokens: 512, context_tokens: 4096 },
      { traits: { features: ['tools', 'vision'], sampling: false, efforts: ['low'] } },
    );
    const route = routeOf(load({ mine: model }), 'mine');
    expect(route).toMatchObject({
      contextTokens: 4096,
      traits: {
        maxOutputTokens: 512,
        sampling: false,
        efforts: ['low'],
        systemRole: 'developer',
        thinking: 'none',
        prefill: false,
        forcedTools: true,
        maxTokensField: 'max_tokens',
        streamUsage: true,
      },
    });
    expect([...route.traits.features]).toEqual(['tools']);
  });

  it('take their limits from the model where the route has none', () => {
    const route = routeOf(load({ mine: row() }), 'mine');
    expect(route).toMatchObject({ contextTokens: 8192, traits: { maxOutputTokens: 1024 } });
  });
});

describe('who serves a route', () => {
  const keyed = {
    mine: row({
      endpoints_from: 'MINE',
      credential: 'mine',
      scale_to_zero: true,
      sandbox: { paths: ['/vllm/v1'] },
    }),
  };

  it('is the sandbox without the credential, where nothing sleeps', () => {
    expect(routeOf(load(keyed, { sandbox }), 'mine')).toMatchObject({
      endpoints: ['http://127.0.0.1:9900/vllm/v1'],
      credential: 'sandbox',
      sandbox: true,
      scaleToZero: null,
    });
  });

  it('is nobody without credential and sandbox, and the start says so', () => {
    const catalog = load(keyed);
    expect(routeOf(catalog, 'mine').disabled).toBe("credential 'mine' not set");
    expect(catalog.warnings()).toContain('model mine has no route that can be used here');
  });

  it('is its own server with the credential, at the address of the environment first', () => {
    const options = { sandbox, hasCredential: (name: string) => name === 'mine' };
    expect(routeOf(load(keyed, options), 'mine')).toMatchObject({
      endpoints: ['http://gpu:8000/v1'],
      credential: 'mine',
      sandbox: false,
      scaleToZero: { idleSeconds: 300, startSeconds: 600 },
    });
    const elsewhere = load(keyed, { ...options, endpointsFrom: () => ['http://other:8000/v1/'] });
    expect(routeOf(elsewhere, 'mine').endpoints).toEqual(['http://other:8000/v1']);
    expect(elsewhere.configuredOrigins()).toContain('http://other:8000');
  });

  it('is its own server without a credential that is optional', () => {
    const open = { mine: row({ credential: 'mine', credential_optional: true }) };
    expect(routeOf(load(open), 'mine')).toMatchObject({ credential: null, disabled: null });
  });
});

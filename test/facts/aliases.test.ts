import { loadCatalog } from '../../src/catalog/load-catalog.js';
import type { FieldSpec, Model } from '../../src/catalog/schema.js';
import type { Feature, SyncModel } from '../../src/catalog/sync-schema.js';
import { adapters } from '../../src/providers/registry.js';
import facts from './aliases.json' with { type: 'json' };

interface Fact {
  modality: string;
  operations: string[];
  /** The longest clip there is. */
  max_seconds?: number;
  /** Clips at least this long can be asked for. */
  min_longest_seconds?: number;
  resolutions?: string[];
  fields?: string[];
}

interface SyncFact {
  modality: string;
  /** Providers in order of choice. */
  chain: string[];
  /** Tokens. */
  context?: number;
  features?: Feature[];
  thinks?: boolean;
  always_warm?: boolean;
  dimensions?: number;
}

const options = { overlayPath: null, adapters, hasCredential: () => false, now: () => new Date() };
const catalog = loadCatalog({
  ...options,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  endpointsFrom: () => [],
});
/** As it runs with servers of its own, whose names are all given. */
const inCluster = loadCatalog({
  ...options,
  sandbox: null,
  endpointsFrom: (name) => [`http://${name.toLowerCase()}:8000/v1`],
});
const all = Object.entries(facts.aliases as Record<string, Fact>);

const longest = (spec: FieldSpec | undefined): number | undefined => {
  if (spec?.type !== 'integer' && spec?.type !== 'number') return undefined;
  return spec.values ? Math.max(...spec.values) : spec.max;
};

describe.each(all)('%s, as it was promised', (alias, fact) => {
  const model = catalog.get(alias) as Model;

  it('is served, as what it is', () => {
    expect(model).toBeDefined();
    expect(model.modality).toBe(fact.modality);
    expect(model.operations).toEqual(expect.arrayContaining(fact.operations));
  });

  it('is as long, as large and as able', () => {
    const seconds = longest(model.fields['duration_seconds']);
    if (fact.max_seconds !== undefined) expect(seconds).toBe(fact.max_seconds);
    if (fact.min_longest_seconds !== undefined) expect(seconds).toBeGreaterThanOrEqual(fact.min_longest_seconds);
    const resolution = model.fields['resolution'];
    if (fact.resolutions && resolution?.type === 'choice')
      expect(resolution.values).toEqual(expect.arrayContaining(fact.resolutions));
    else expect(fact.resolutions).toBeUndefined();
    expect(Object.keys(model.fields)).toEqual(expect.arrayContaining(fact.fields ?? []));
  });

  it('has a chain: a route, and another that answers when the first does not', () => {
    expect(model.routes.length).toBeGreaterThan(1);
    expect(model.routes.every(({ sandbox }) => sandbox)).toBe(true);
    const upstreams = model.routes.map(({ endpoints, model: upstream }) => [...endpoints, upstream].join(' '));
    expect(new Set(upstreams).size).toBe(model.routes.length);
  });
});

it('every media alias of the table is served', () => {
  expect(catalog.models().map(({ id }) => id)).toEqual(expect.arrayContaining(all.map(([alias]) => alias)));
});

const OWN_GPUS = 'openai_compatible';

describe.each(Object.entries(facts.at_once as Record<string, SyncFact>))('%s, answered at once', (alias, fact) => {
  const model = catalog.listedSync(alias) as SyncModel;
  const own = inCluster.listedSync(alias)?.routes.find(({ provider }) => provider === OWN_GPUS);

  it('is served, as what it is', () => {
    expect(model).toBeDefined();
    expect(model.modality).toBe(fact.modality);
    if (fact.context !== undefined) expect(model.contextTokens).toBe(fact.context);
    if (fact.dimensions !== undefined) expect(model.limits['dimensions']).toBe(fact.dimensions);
  });

  it('can do what was promised, by one route at least', () => {
    for (const feature of fact.features ?? [])
      expect(model.routes.some(({ traits }) => traits.features.has(feature))).toBe(true);
    const thinks = model.routes.some(({ traits }) => traits.thinking !== 'none' || traits.efforts.length > 0);
    if (fact.thinks) expect(thinks).toBe(true);
  });

  it('goes through its chain in order, which ends where nothing sleeps', () => {
    expect(model.routes.map(({ provider }) => provider)).toEqual(fact.chain);
    expect(model.routes.every(({ sandbox }) => sandbox)).toBe(true);
    expect(inCluster.listedSync(alias)?.routes.at(-1)?.scaleToZero).toBeNull();
  });

  it('has a bridge behind each GPU that sleeps, and none where it is always warm', () => {
    const bridges = model.routes.filter(({ bridge }) => bridge);
    expect(bridges.length > 0).toBe(own?.scaleToZero !== null && own !== undefined);
    if (fact.always_warm) expect(own?.scaleToZero).toBeNull();
  });
});

it('an alias of its own beats the wildcard it begins like', () => {
  expect(catalog.sync('deepseek/deepseek-chat')?.routes[0]?.id).toBe('deepseek/deepseek-chat/deepseek');
  expect(catalog.sync('deepseek/deepseek-v4-pro')?.routes[0]).toMatchObject({
    id: 'deepseek/*/deepseek',
    model: 'deepseek-v4-pro',
  });
});

it('every model id that agents ask Claude by is served', () => {
  const ids = ['sonnet-4-5', 'sonnet-4-6', 'opus-4-5', 'opus-4-6', 'opus-4-8', 'haiku-4-5', 'haiku-4-5-20251001'];
  const current = ['sonnet-5-5', 'opus-5-5', 'haiku-5-5', 'fable-5-2'];
  for (const id of [...ids, ...current]) expect(catalog.sync(`claude-${id}`)?.modality).toBe('text');
});

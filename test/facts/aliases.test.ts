import { loadCatalog } from '../../src/catalog/load-catalog.js';
import type { FieldSpec, Model } from '../../src/catalog/schema.js';
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

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  adapters,
  hasCredential: () => false,
  endpointsFrom: () => [],
  now: () => new Date(),
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

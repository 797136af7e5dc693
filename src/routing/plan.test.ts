import { loadCatalog } from '../catalog/load-catalog.js';
import type { Model, Route } from '../catalog/schema.js';
import type { TaskShape } from '../providers/contract.js';
import { adapters } from '../providers/registry.js';
import { lackingFor, plan as planRoutes, type Plan, type PlanArgs as Args, type RouteStateRow } from './plan.js';

type PlanArgs = Omit<Args<Route>, 'routes' | 'lacking'> & {
  model: Model;
  shape: Omit<TaskShape, 'model' | 'settings'>;
};
const plan = ({ model, shape, ...rest }: PlanArgs): Plan<Route> =>
  planRoutes({ ...rest, routes: model.routes, lacking: lackingFor(shape, adapters) });

const NOW = new Date('2026-11-23T12:00:00Z');
const sandboxed = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => NOW,
});
const shipped = sandboxed.get('veo-3.1') as Model;
/** Two routes, whatever else the shipped alias may have. */
const veo: Model = { ...shipped, routes: shipped.routes.filter(({ provider }) => provider === 'google') };

const args: PlanArgs = {
  model: veo,
  shape: { modality: 'video', operation: 'text_to_video', input: { prompt: 'x', duration_seconds: 8 }, references: {} },
  routing: { allowSubstitution: true, allowFallback: true, only: null, onUnknown: 'wait' },
  states: new Map(),
  cold: new Set(),
  random: () => 0,
  now: NOW,
};
const ids = (changed: Partial<PlanArgs>): string[] => plan({ ...args, ...changed }).routes.map((route) => route.id);
const reasons = (changed: Partial<PlanArgs>): string[] =>
  plan({ ...args, ...changed }).passedOver.map(({ route, reason }) => `${route}: ${reason}`);
const states = (...rows: Partial<RouteStateRow>[]): Map<string, RouteStateRow> =>
  new Map(rows.map((row) => [String(row.id), { id: String(row.id), state: 'open', cooldownUntil: null, ...row }]));
const routing = (changed: Partial<PlanArgs['routing']>): Partial<PlanArgs> => ({
  routing: { ...args.routing, ...changed },
});
const with2 = (changed: object): Model => ({
  ...veo,
  routes: veo.routes.map((route, n) => (n === 1 ? { ...route, ...changed } : route)),
});
const later = (ms: number): Date => new Date(NOW.getTime() + ms);

it("keeps the catalog's order", () => {
  expect(plan(args)).toMatchObject({ passedOver: [] });
  expect(ids({})).toEqual(['veo-3.1/vertex', 'veo-3.1/gemini']);
});

it('passes over what a route can not do, never feeding it less', () => {
  const seeded = { shape: { ...args.shape, input: { ...args.shape.input, seed: 7 } } };
  expect(ids(seeded)).toEqual(['veo-3.1/vertex']);
  expect(reasons(seeded)).toEqual(['veo-3.1/gemini: seed is not taken by the Gemini API']);
});

it.each([['vertex'], ['veo-3.1/vertex']])('keeps to routing.only %s', (name) => {
  expect(ids(routing({ only: [name] }))).toEqual(['veo-3.1/vertex']);
  expect(reasons(routing({ only: [name] }))).toEqual([`veo-3.1/gemini: not among routing.only: ${name}`]);
});

it('takes a provider in routing.only, and has nothing for an unknown one', () => {
  expect(ids(routing({ only: ['google'] }))).toHaveLength(2);
  expect(ids(routing({ only: ['acme'] }))).toEqual([]);
});

it('has one route without fallback', () => {
  expect(ids(routing({ allowFallback: false }))).toEqual(['veo-3.1/vertex']);
  expect(reasons(routing({ allowFallback: false }))).toEqual(['veo-3.1/gemini: the request allows no fallback']);
});

it('leaves out a substitute that the request refuses', () => {
  const model = with2({ substitute: true });
  expect(ids({ model })).toHaveLength(2);
  expect(ids({ model, ...routing({ allowSubstitution: false }) })).toEqual(['veo-3.1/vertex']);
});

it.each(['paused', 'draining', 'unauthorized'])('gives no new work to a route that is %s', (state) => {
  expect(ids({ states: states({ id: 'veo-3.1/vertex', state, reason: 'because' }) })).toEqual(['veo-3.1/gemini']);
  expect(reasons({ states: states({ id: 'veo-3.1/vertex', state, reason: 'because' }) })).toEqual([
    `veo-3.1/vertex: ${state}: because`,
  ]);
});

it('puts routes that cool down last, the soonest first, and waits for them without fallback', () => {
  const both = states(
    { id: 'veo-3.1/vertex', cooldownUntil: later(9000) },
    { id: 'veo-3.1/gemini', cooldownUntil: later(1000) },
  );
  expect(ids({ states: both })).toEqual(['veo-3.1/gemini', 'veo-3.1/vertex']);
  expect(ids({ states: both, ...routing({ allowFallback: false }) })).toEqual(['veo-3.1/vertex']);
  const over = states({ id: 'veo-3.1/vertex', cooldownUntil: later(-1) });
  expect(ids({ states: over })).toEqual(['veo-3.1/vertex', 'veo-3.1/gemini']);
});

it('skips a retired route from its day on, but for the sandbox', () => {
  const ending = with2({ retiresOn: '2026-11-23' });
  const real: Model = { ...ending, routes: ending.routes.map((route) => ({ ...route, sandbox: false })) };
  expect(ids({ model: real })).not.toContain('veo-3.1/gemini');
  expect(ids({ model: real, now: new Date('2026-11-22T23:59:59Z') })).toContain('veo-3.1/gemini');
  expect(ids({ model: ending })).toContain('veo-3.1/gemini');
});

it('leaves out a disabled route', () => {
  expect(reasons({ model: with2({ disabled: "credential 'gemini' not set" }) })).toEqual([
    "veo-3.1/gemini: disabled: credential 'gemini' not set",
  ]);
});

it('says of a disabled route what it could never do, before its state', () => {
  const seeded = { shape: { ...args.shape, input: { ...args.shape.input, seed: 7 } } };
  expect(reasons({ ...seeded, model: with2({ disabled: 'endpoints not set' }) })).toEqual([
    'veo-3.1/gemini: seed is not taken by the Gemini API',
  ]);
});

describe('a forced route', () => {
  const forced = { forcedRoute: 'veo-3.1/gemini' };
  it('overrules wishes, cooldown and a refused credential', () => {
    expect(ids({ ...forced, ...routing({ only: ['vertex'], allowFallback: false }) })).toEqual(['veo-3.1/gemini']);
    expect(
      ids({ ...forced, states: states({ id: 'veo-3.1/gemini', state: 'unauthorized', cooldownUntil: later(9000) }) }),
    ).toEqual(['veo-3.1/gemini']);
  });
  it('does not overrule a pause or what the route can not do', () => {
    expect(ids({ ...forced, states: states({ id: 'veo-3.1/gemini', state: 'paused' }) })).toEqual([]);
    expect(ids({ ...forced, shape: { ...args.shape, input: { prompt: 'x', seed: 1 } } })).toEqual([]);
  });
});

it('leaves the sandbox out where a real route can do it', () => {
  const real = with2({ sandbox: false, retiresOn: null });
  expect(ids({ model: real })).toEqual(['veo-3.1/gemini']);
  expect(reasons({ model: real })).toContain('veo-3.1/vertex: only the sandbox serves it here');
  expect(ids({ model: real, forcedRoute: 'veo-3.1/vertex' })).toEqual(['veo-3.1/vertex']);
  // What the real one can't do is still shown.
  const seeded = { ...args.shape, input: { ...args.shape.input, seed: 7 } };
  expect(ids({ model: real, shape: seeded })).toContain('veo-3.1/vertex');
});

describe('weights', () => {
  const named = (names: [string, number | null][]): Model => ({
    ...veo,
    routes: names.map(([name, weight]) => ({ ...veo.routes[0]!, id: `veo-3.1/${name}`, weight })),
  });
  const order = (model: Model, ...draws: number[]): string =>
    ids({ model, random: () => draws.shift() ?? 0 })
      .map((id) => id.split('/')[1])
      .join(' ');

  it('draws among routes that stand together, in proportion', () => {
    const model = named([
      ['a', 3],
      ['b', 1],
      ['c', null],
    ]);
    expect(order(model, 0)).toBe('a b c');
    expect(order(model, 0.74)).toBe('a b c');
    expect(order(model, 0.76)).toBe('b a c');
    const first = Array.from({ length: 400 }, (_, n) => order(model, (n + 0.5) / 400)[0]);
    expect(first.filter((name) => name === 'a')).toHaveLength(300);
  });

  it('leaves routes without a weight where they stand', () => {
    expect(
      order(
        named([
          ['first', null],
          ['a', 1],
          ['b', 1],
          ['last', null],
        ]),
        0.9,
      ),
    ).toBe('first b a last');
  });
});

describe('a route that sleeps', () => {
  const model: Model = {
    ...veo,
    routes: ['gpu', 'spare', 'bridge'].map((name) => ({
      ...veo.routes[0]!,
      id: `veo-3.1/${name}`,
      scaleToZero: name === 'gpu' ? { idleSeconds: 300, startSeconds: 600 } : null,
      bridge: name === 'bridge',
    })),
  };
  const cold = new Set(['veo-3.1/gpu']);
  const planned = (changed: Partial<PlanArgs> = {}) => plan({ ...args, model, ...changed });

  it('lets the bridge go first while it wakes, and is woken', () => {
    const { routes, wake } = planned({ cold });
    expect(routes.map(({ id, bridging }) => [id, bridging])).toEqual([
      ['veo-3.1/bridge', true],
      ['veo-3.1/gpu', undefined],
      ['veo-3.1/spare', undefined],
    ]);
    expect(wake?.id).toBe('veo-3.1/gpu');
  });

  it('keeps its place when it is warm, and where it has no bridge', () => {
    expect(planned().routes.map(({ id }) => id)).toEqual(['veo-3.1/gpu', 'veo-3.1/spare', 'veo-3.1/bridge']);
    expect(planned().wake).toBeNull();
    const alone = planned({ cold, model: { ...model, routes: model.routes.slice(0, 2) } });
    expect(alone.routes.map(({ id }) => id)).toEqual(['veo-3.1/gpu', 'veo-3.1/spare']);
    expect(alone.wake?.id).toBe('veo-3.1/gpu');
  });

  it('is waited for where the request allows no other, or ops chose it', () => {
    const strict = planned({ cold, ...routing({ allowFallback: false }) });
    expect([strict.routes.map(({ id }) => id), strict.wake?.id]).toEqual([['veo-3.1/gpu'], 'veo-3.1/gpu']);
    expect(planned({ cold, forcedRoute: 'veo-3.1/gpu' }).routes.map(({ id }) => id)).toEqual(['veo-3.1/gpu']);
  });

  it('wakes nobody when another comes first anyway', () => {
    const behind = { ...model, routes: model.routes.toReversed() };
    expect(planned({ cold, model: behind }).wake).toBeNull();
  });
});

import type { SyncRoute, UsagePrice } from '../../catalog/sync-schema.js';
import { EgressError, type Egress } from '../../egress/egress.js';
import { Logger } from '../../telemetry/logger.js';
import { RoutePrices } from './prices.js';

const LIST = {
  data: [
    // As OpenRouter's documentation shows a model ("Models", GET /api/v1/models).
    {
      id: 'acme/one',
      pricing: { prompt: '0.000003', completion: '0.000015', input_cache_read: '0.0000003', request: '0' },
    },
    { id: 'acme/free', pricing: { prompt: '0', completion: '0' } },
    { id: 'acme/odd', pricing: { prompt: '-1', completion: '-1' } },
    // OpenRouter's OpenAPI file, `PublicPricing` and `PricingOverride`.
    {
      id: 'acme/long',
      pricing: {
        prompt: '0.000003',
        completion: '0.000015',
        input_cache_read: '0.0000003',
        input_cache_write: '0.00000375',
        overrides: [
          { min_prompt_tokens: 200000, prompt: '0.000006', completion: '0.0000225' },
          { min_prompt_tokens: 500000, prompt: '0.000009' },
        ],
      },
    },
    {
      id: 'acme/hours',
      pricing: {
        prompt: '0.000001',
        completion: '0.000004',
        overrides: [
          { utc_start: 100, utc_end: 400, prompt: '0.000002' },
          { utc_start: 400, utc_end: 600, prompt: '0.0000005', completion: '0.000005' },
        ],
      },
    },
    {
      id: 'acme/hears',
      pricing: {
        prompt: '0.000001',
        completion: '0.000004',
        input_cache_write: '0.0000001',
        audio: '0.00001',
        audio_output: '0.00004',
      },
    },
    { id: 'acme/fee', pricing: { prompt: '0.000001', completion: '0.000001', request: '0.005' } },
    { id: 'acme/dust', pricing: { prompt: '0.0000000351', completion: '0.0000001' } },
  ],
};

interface Asked {
  count: number;
  fails: boolean;
}
const egressOf = (asked: Asked): Egress =>
  ({
    configured: async () => {
      asked.count += 1;
      if (asked.fails) throw new EgressError('connect', 'away', false);
      return { status: 200, json: async () => LIST };
    },
  }) as unknown as Egress;

const price = (input: number): UsagePrice => ({
  rates: { input, output: input },
  long: null,
  multiplier: 2,
  source: 'test',
  date: '2026-11-26',
});
const route = (model: string, more: Partial<SyncRoute> = {}): SyncRoute =>
  ({
    model,
    endpoints: ['https://router.example/api/v1'],
    price: null,
    prices: new Map(),
    multiplier: 2,
    ...more,
  }) as SyncRoute;
const at = (iso: string) => () => new Date(iso);
const NOON = at('2026-11-26T12:00:00Z');

let asked: Asked;
let prices: RoutePrices;
beforeEach(() => {
  asked = { count: 0, fails: false };
  prices = new RoutePrices(egressOf(asked), Logger.create({ level: 'silent' }));
});

test("the catalog's own price comes first, and asks nobody", async () => {
  expect(await prices.of(route('acme/one', { price: price(7) }), NOON)).toEqual(price(7));
  expect(asked.count).toBe(0);
});

test('of a list of beginnings the longest that fits counts; what none fits has no price', async () => {
  const listed = {
    prices: new Map([
      ['a', price(1)],
      ['acme/o', price(2)],
    ]),
  };
  expect(await prices.of(route('acme/one', listed), NOON)).toEqual(price(2));
  expect(await prices.of(route('abc', listed), NOON)).toEqual(price(1));
  expect(await prices.of(route('other', listed), NOON)).toBeNull();
});

test("the provider's list: dollars a token become micro-USD a million, with source, day and multiplier", async () => {
  expect(await prices.of(route('acme/one'), NOON)).toEqual({
    rates: { input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite: undefined, inputAudio: undefined },
    long: null,
    multiplier: 2,
    source: 'router.example/models',
    date: '2026-11-26',
  });
  expect((await prices.of(route('acme/dust'), NOON))?.rates).toMatchObject({ input: 35_100, output: 100_000 });
});

test.each(['acme/free', 'acme/odd', 'acme/fee', 'acme/unknown'])(
  '%s has no price, so it is not served',
  async (model) => {
    expect(await prices.of(route(model), NOON)).toBeNull();
  },
);

test('above the least of its limits a long prompt costs the dearest that any of them lists', async () => {
  expect(await prices.of(route('acme/long'), NOON)).toMatchObject({
    rates: { input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite: 3_750_000, cacheWrite1h: 6_000_000 },
    long: {
      aboveInputTokens: 200_000,
      rates: { input: 9_000_000, output: 22_500_000, cacheRead: 300_000, cacheWrite: 3_750_000 },
    },
  });
});

test('what costs more at some hours costs that at all', async () => {
  const price = await prices.of(route('acme/hours'), NOON);
  expect(price).toMatchObject({ rates: { input: 2_000_000, output: 5_000_000 }, long: null });
});

test('sound has its own prices both ways, and a cheap cache is no dearer for an hour', async () => {
  expect((await prices.of(route('acme/hears'), NOON))?.rates).toEqual({
    input: 1_000_000,
    output: 4_000_000,
    cacheWrite: 100_000,
    inputAudio: 10_000_000,
    outputAudio: 40_000_000,
  });
});

test('the list is fetched once for many, again after an hour, and kept while it can not be', async () => {
  await Promise.all(Array.from({ length: 20 }, () => prices.of(route('acme/one'), NOON)));
  expect(asked.count).toBe(1);
  asked.fails = true;
  const later = at('2026-11-27T13:30:00Z');
  expect(await prices.of(route('acme/one'), later)).not.toBeNull();
  expect(asked.count).toBe(2);
  // By the day of the list that stands.
  expect(await prices.of(route('acme/one'), later)).toMatchObject({ date: '2026-11-26' });
  asked.fails = false;
  const nextDay = at('2026-11-27T14:30:00Z');
  await prices.of(route('acme/one'), nextDay);
  await new Promise((resolve) => setImmediate(resolve));
  expect(await prices.of(route('acme/one'), nextDay)).toMatchObject({ date: '2026-11-27' });
});

test('without any list there is no price, and it is known why', async () => {
  asked.fails = true;
  expect(await prices.of(route('acme/one'), NOON)).toBeNull();
  expect(prices.isAway(route('acme/one'))).toBe(true);
  asked.fails = false;
  expect(await prices.of(route('acme/unknown'), at('2026-11-26T12:02:00Z'))).toBeNull();
  expect(await prices.of(route('acme/unknown'), at('2026-11-26T12:02:00Z'))).toBeNull();
  expect(prices.isAway(route('acme/unknown'))).toBe(false);
});

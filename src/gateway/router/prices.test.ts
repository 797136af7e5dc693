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

test.each(['acme/free', 'acme/odd', 'acme/unknown'])('%s has no price, so it is not served', async (model) => {
  expect(await prices.of(route(model), NOON)).toBeNull();
});

test('the list is fetched once for many, again after an hour, and kept while it can not be', async () => {
  await Promise.all(Array.from({ length: 20 }, () => prices.of(route('acme/one'), NOON)));
  expect(asked.count).toBe(1);
  asked.fails = true;
  const later = at('2026-11-26T13:30:00Z');
  expect(await prices.of(route('acme/one'), later)).not.toBeNull();
  expect(asked.count).toBe(2);
  expect(await prices.of(route('acme/one'), later)).not.toBeNull();
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

import * as fc from 'fast-check';
import type { UsagePrice, UsageRates } from '../catalog/sync-schema.js';
import { NO_USAGE, type Usage } from './usage.js';
import { holdSnapshot, mostWithin, NO_BOUND, priceUsage, worstCase, type UsageBound } from './usage-price.js';

const price = (rates: UsageRates, more: Partial<UsagePrice> = {}): UsagePrice => ({
  rates,
  long: null,
  multiplier: 2,
  source: 'a list',
  date: '2026-11-01',
  ...more,
});

const chat = price({ input: 250_000, cacheRead: 25_000, output: 2_000_000 });
const claude = price({
  input: 3_000_000,
  cacheRead: 300_000,
  cacheWrite: 3_750_000,
  cacheWrite1h: 6_000_000,
  output: 15_000_000,
});
const gemini = price(
  { input: 1_250_000, cacheRead: 125_000, output: 10_000_000 },
  { long: { aboveInputTokens: 200_000, rates: { input: 2_500_000, cacheRead: 250_000, output: 15_000_000 } } },
);
const audio = price({ input: 2_500_000, inputAudio: 40_000_000, output: 10_000_000, outputAudio: 80_000_000 });
const whisper = price({ audioSeconds: 100_000_000 });
const groq = price({ audioSeconds: 11_111_111.1 }, { multiplier: 1.5 });
const speech = price({ characters: 15_000_000 });
const embedding = price({ input: 20_000 });

// Worked out by hand: tokens × list price a million × multiplier, in micro-USD, rounded up once.
it.each<[string, UsagePrice, Partial<Usage>, number, number]>([
  ['nothing', chat, {}, 0, 0],
  ['plain input and output', chat, { inputTokens: 1000, outputTokens: 500 }, 2500, 1250], // (250 + 1000) × 2
  ['one token, rounded up', chat, { inputTokens: 1 }, 1, 1], // 0.5 and 0.25
  ['three, rounded up once', chat, { inputTokens: 3, outputTokens: 1 }, 6, 3], // (0.75 + 2) × 2 = 5.5
  ['a cache read', chat, { inputTokens: 1000, cacheReadTokens: 800 }, 140, 70], // (50 + 20) × 2
  ['reasoning, part of the output', chat, { outputTokens: 500, reasoningTokens: 400 }, 2000, 1000],
  ['a cache write without a rate', chat, { inputTokens: 1000, cacheWriteTokens: 1000 }, 500, 250],
  [
    'every kind of cache',
    claude,
    { inputTokens: 4000, cacheReadTokens: 1000, cacheWriteTokens: 1000, cacheWrite1hTokens: 1000, outputTokens: 100 },
    29_100,
    14_550,
  ], // 3000 + 300 + 3750 + 6000 + 1500
  [
    'an hour’s write at the usual rate',
    price({ input: 1_000_000, cacheWrite: 1_250_000 }),
    { inputTokens: 1000, cacheWrite1hTokens: 1000 },
    2500,
    1250,
  ],
  ['input at the limit', gemini, { inputTokens: 200_000, outputTokens: 1000 }, 520_000, 260_000], // 250,000 + 10,000
  ['input above the limit, all of it', gemini, { inputTokens: 200_001, outputTokens: 1000 }, 1_030_005, 515_003], // 500,002.5 + 15,000
  ['a long request from the cache', gemini, { inputTokens: 300_000, cacheReadTokens: 300_000 }, 150_000, 75_000],
  [
    'audio in and out',
    audio,
    { inputTokens: 1000, inputAudioTokens: 600, outputTokens: 200, outputAudioTokens: 150 },
    75_000,
    37_500,
  ], // 1000 + 24,000 + 500 + 12,000
  ['audio from the cache', audio, { inputTokens: 1000, inputAudioTokens: 1000, cacheReadTokens: 1000 }, 5000, 2500],
  ['seconds heard', whisper, { audioSeconds: 12.345 }, 2469, 1235], // 1234.5 × 2
  ['a tenth and two tenths of a second', whisper, { audioSeconds: 0.3 }, 60, 30],
  ['seconds by the hour', groq, { audioSeconds: 3600 }, 60_000, 40_000], // 39,999.99996 and × 1.5
  ['characters', speech, { characters: 11, inputTokens: 5 }, 330, 165],
  ['a batch of embeddings', embedding, { inputTokens: 8_192_000 }, 327_680, 163_840],
  ['a multiplier with a fraction', price({ input: 1_000_000 }, { multiplier: 1.5 }), { inputTokens: 3 }, 5, 3], // 4.5
  [
    'a multiplier that is no binary fraction',
    price({ input: 1_000_000 }, { multiplier: 1.1 }),
    { inputTokens: 10 },
    11,
    10,
  ],
  ['a reported cost below the list', chat, { inputTokens: 1000, reportedCostMicroUsd: 100 }, 500, 100],
  ['a reported cost above it', chat, { inputTokens: 1000, reportedCostMicroUsd: 300.25 }, 601, 301], // 600.5
  ['a reported cost with binary dust', chat, { reportedCostMicroUsd: 0.000015 * 1e6 + 2e-15 }, 30, 15],
  ['parts that pass the total', claude, { inputTokens: 0, cacheReadTokens: 1000 }, 600, 300],
  ['what is no count', chat, { inputTokens: Number.NaN, outputTokens: -5 }, 0, 0],
])('%s', (_what, prices, usage, amountMicroUsd, upstreamCostMicroUsd) => {
  expect(priceUsage({ ...NO_USAGE, ...usage }, prices)).toEqual({ amountMicroUsd, upstreamCostMicroUsd });
});

it('rates left out of the long ones cost what its input and output cost, other kinds what they always cost', () => {
  const partly = price(
    { input: 1_000_000, cacheRead: 100_000, output: 5_000_000, characters: 1_000_000 },
    { multiplier: 1, long: { aboveInputTokens: 10, rates: { input: 2_000_000 } } },
  );
  const usage = { ...NO_USAGE, inputTokens: 20, cacheReadTokens: 10, outputTokens: 1, characters: 1 };
  expect(priceUsage(usage, partly).amountMicroUsd).toBe(20 + 20 + 5 + 1);
});

// By hand again: what the most expensive usage within the bound costs.
it.each<[string, UsagePrice[], Partial<UsageBound>, number]>([
  ['input and output', [chat], { inputTokens: 1000, outputTokens: 500 }, 2500],
  ['input that may be written to the cache', [claude], { inputTokens: 1000 }, 7500],
  ['for an hour, where it was asked', [claude], { inputTokens: 1000, cacheWrite1h: true }, 12_000],
  ['audio, where it was sent', [audio], { inputTokens: 1000, inputAudio: true }, 80_000],
  ['speech, where it was asked', [audio], { outputTokens: 1000, outputAudio: true }, 160_000],
  ['the dearest route', [chat, claude, gemini], { inputTokens: 1000, outputTokens: 1000 }, 37_500],
  ['a long request', [gemini], { inputTokens: 200_001, outputTokens: 1000 }, 1_030_005],
  ['seconds', [whisper, groq], { audioSeconds: 1.5 }, 300],
  ['characters', [speech], { characters: 4096 }, 122_880],
])('holds the worst case of %s', (_what, prices, bound, amount) => {
  expect(worstCase({ ...NO_BOUND, ...bound }, prices)).toBe(amount);
});

it('can hold nothing by no price', () => {
  expect(() => worstCase(NO_BOUND, [])).toThrow(RangeError);
});

it('keeps what was held by', () => {
  const bound = { ...NO_BOUND, inputTokens: 10 };
  expect(holdSnapshot(bound, [{ id: 'a/b', price: embedding }], 1)).toEqual({
    unit: 'usage',
    amountMicroUsd: 1,
    bound,
    routes: [{ id: 'a/b', price: embedding }],
  });
});

const rate = fc.integer({ min: 0, max: 100_000_000 });
const rates = fc.record(
  {
    input: rate,
    cacheRead: rate,
    cacheWrite: rate,
    cacheWrite1h: rate,
    inputAudio: rate,
    output: rate,
    outputAudio: rate,
    characters: rate,
    audioSeconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
  },
  { requiredKeys: ['input', 'output'] },
);
const anyPrice = fc.record({
  rates,
  long: fc.option(fc.record({ aboveInputTokens: fc.integer({ min: 1, max: 5000 }), rates })),
  multiplier: fc.constantFrom(1, 1.1, 1.25, 1.5, 2, 2.2),
  source: fc.constant('s'),
  date: fc.constant('2026-11-01'),
});
/** Parts that add up to at most their total. */
const anyUsage = fc
  .record({
    parts: fc.tuple(fc.nat(2000), fc.nat(2000), fc.nat(2000), fc.nat(2000), fc.nat(2000)),
    output: fc.tuple(fc.nat(2000), fc.nat(2000)),
    characters: fc.nat(5000),
    audioSeconds: fc.double({ min: 0, max: 3600, noNaN: true }),
  })
  .map(({ parts: [plain, read, write, hour, heard], output: [written, spoken], characters, audioSeconds }): Usage => ({
    ...NO_USAGE,
    inputTokens: plain + read + write + hour + heard,
    cacheReadTokens: read,
    cacheWriteTokens: write,
    cacheWrite1hTokens: hour,
    inputAudioTokens: heard,
    outputTokens: written + spoken,
    outputAudioTokens: spoken,
    characters,
    audioSeconds,
  }));

it('is a whole amount, no less than what it costs Kiln', () => {
  fc.assert(
    fc.property(anyUsage, anyPrice, (usage, prices) => {
      const { amountMicroUsd, upstreamCostMicroUsd } = priceUsage(usage, prices);
      expect(Number.isSafeInteger(amountMicroUsd)).toBe(true);
      expect(amountMicroUsd).toBeGreaterThanOrEqual(upstreamCostMicroUsd);
    }),
  );
});

it('never costs more than what is held for a bound that it keeps', () => {
  fc.assert(
    fc.property(anyUsage, fc.array(anyPrice, { minLength: 1, maxLength: 4 }), fc.nat(3000), (usage, prices, room) => {
      const bound: UsageBound = {
        inputTokens: usage.inputTokens + room,
        inputAudio: usage.inputAudioTokens > 0,
        cacheWrite1h: usage.cacheWrite1hTokens > 0,
        outputTokens: usage.outputTokens + room,
        outputAudio: usage.outputAudioTokens > 0,
        characters: usage.characters,
        audioSeconds: usage.audioSeconds,
      };
      const held = worstCase(bound, prices);
      for (const one of prices) expect(priceUsage(usage, one).amountMicroUsd).toBeLessThanOrEqual(held);
    }),
  );
});

it('grows with use, token by token', () => {
  const counts = ['inputTokens', 'outputTokens', 'characters'] as const;
  fc.assert(
    fc.property(anyUsage, anyPrice, fc.constantFrom(...counts), (usage, prices, kind) => {
      const short = { ...prices, long: null };
      const more = { ...usage, [kind]: usage[kind] + 1 };
      expect(priceUsage(more, short).amountMicroUsd).toBeGreaterThanOrEqual(priceUsage(usage, short).amountMicroUsd);
    }),
  );
});

it('what is paid for costs no more than was granted, and one more token would', () => {
  const granted = fc.nat(200_000);
  const arguments_ = fc.record({
    prices: fc.array(anyPrice, { minLength: 1, maxLength: 3 }),
    inputTokens: fc.nat(3000),
    answers: fc.integer({ min: 1, max: 5 }),
    most: fc.nat(5000),
  });
  fc.assert(
    fc.property(granted, arguments_, (microUsd, { prices, inputTokens, answers, most }) => {
      const boundOf = (tokens: number): UsageBound => ({ ...NO_BOUND, inputTokens, outputTokens: answers * tokens });
      const cap = mostWithin(microUsd, prices, most, boundOf);
      if (cap === null) expect(worstCase(boundOf(0), prices)).toBeGreaterThan(microUsd);
      else {
        expect(cap).toBeLessThanOrEqual(most);
        for (const one of prices) expect(worstCase(boundOf(cap), [one])).toBeLessThanOrEqual(microUsd);
        if (cap < most) expect(worstCase(boundOf(cap + 1), prices)).toBeGreaterThan(microUsd);
      }
    }),
  );
});

// By hand: (granted − input) / (2 × the output's rate), rounded down.
it.each<[what: string, granted: number, prices: UsagePrice[], bound: Partial<UsageBound>, tokens: number | null]>([
  ['nothing of the output', 7499, [claude], { inputTokens: 1000 }, null],
  ['the input alone', 7500, [claude], { inputTokens: 1000 }, 0],
  ['a token short of a second', 7559, [claude], { inputTokens: 1000 }, 1], // 59 / 30
  ['256 tokens', 15_180, [claude], { inputTokens: 1000 }, 256], // 7680 / 30
  ['by the dearest of the chain', 40_000, [chat, claude], {}, 1333], // 40,000 / 30
  ['all of it', 1_000_000, [chat], {}, 5000],
])('%s is paid for', (_what, granted, prices, bound, tokens) => {
  const boundOf = (outputTokens: number): UsageBound => ({ ...NO_BOUND, ...bound, outputTokens });
  expect(mostWithin(granted, prices, 5000, boundOf)).toBe(tokens);
});

import { PUBLIC_CODES } from '../../routing/error-policy.js';
import { chargeOf, type ChargedAttempt } from './job-charge.js';

const PRICE = 3_200_000;
const tried = (state: ChargedAttempt['state'], upstreamCost: number | null = null, code?: string): ChargedAttempt => ({
  state,
  upstreamCostMicroUsd: upstreamCost === null ? null : BigInt(upstreamCost),
  error: code === undefined ? null : { code },
});
const charge = (status: 'succeeded' | 'failed' | 'canceled', attempts: ChargedAttempt[], code?: string) =>
  chargeOf({ status, heldMicroUsd: BigInt(PRICE), error: code === undefined ? null : { code } }, attempts);

it.each<[string, number | null, ReturnType<typeof charge>]>([
  ['succeeded, whatever it cost us', PRICE, charge('succeeded', [tried('succeeded', 9_000_000)])],
  [
    'succeeded by the second route after the first took money',
    PRICE,
    charge('succeeded', [tried('failed', 420_000, 'provider_error'), tried('succeeded', 1)]),
  ],
  ['succeeded beside an orphan', PRICE, charge('succeeded', [tried('succeeded'), tried('orphan')])],
  ['canceled before a provider had it', null, charge('canceled', [])],
  ['canceled at the provider', null, charge('canceled', [tried('canceled')])],
  ['canceled, and made all the same', PRICE, charge('canceled', [tried('failed'), tried('succeeded')])],
  ['canceled, and then failed at a cost', null, charge('canceled', [tried('failed', 420_000, 'content_policy')])],
  ['failed without a provider', null, charge('failed', [], 'deadline_exceeded')],
  [
    'failed with a result that could not be fetched',
    null,
    charge('failed', [tried('succeeded', 420_000)], 'result_expired'),
  ],
  [
    'blocked, which mostly costs nothing',
    null,
    charge('failed', [tried('failed', null, 'content_policy')], 'content_policy'),
  ],
  ['blocked, at no cost', null, charge('failed', [tried('failed', 0, 'content_policy')], 'content_policy')],
  ['blocked, at a cost', 420_000, charge('failed', [tried('failed', 420_000, 'content_policy')], 'content_policy')],
  ['refused, at a cost', 420_000, charge('failed', [tried('failed', 420_000, 'invalid_input')], 'invalid_input')],
  [
    'blocked, at more than the price',
    PRICE,
    charge('failed', [tried('failed', 9_000_000, 'content_policy')], 'content_policy'),
  ],
  [
    'blocked, after another route had failed at a cost',
    20_000,
    charge(
      'failed',
      [tried('failed', 420_000, 'provider_error'), tried('failed', 20_000, 'content_policy')],
      'content_policy',
    ),
  ],
])('%s: %p', (_what, expected, got) => {
  expect(got).toBe(expected);
});

it.each(PUBLIC_CODES.filter((code) => code !== 'content_policy' && code !== 'invalid_input'))(
  'failed with %s costs its owner nothing, whatever it cost us',
  (code) => {
    expect(charge('failed', [tried('failed', 420_000, code)], code)).toBeNull();
  },
);

import { ProviderError, type Capabilities, type ProviderErrorKind } from '../providers/contract.js';
import { decide, PUBLIC_CODES, type Decision, type Phase } from './error-policy.js';

const NOTHING: Capabilities = {
  cancel: false,
  findByToken: false,
  callback: false,
  idempotencyKey: false,
  resubmitSafe: false,
  synchronous: false,
};
const KINDS: ProviderErrorKind[] = [
  'invalid_input',
  'content_policy',
  'auth',
  'quota',
  'rate_limited',
  'unavailable',
  'timeout',
  'not_found',
  'internal',
];
const PHASES: Phase[] = ['submit', 'poll', 'ask', 'download'];

type Expected = [
  Phase,
  ProviderErrorKind,
  Decision['action'],
  string,
  { coolDownMs?: number; credential?: true; ops?: true },
];
const TABLE: Expected[] = [
  ['submit', 'invalid_input', 'fail', 'invalid_input', {}],
  ['submit', 'content_policy', 'fail', 'content_policy', {}],
  ['submit', 'auth', 'next_route', 'provider_unavailable', { coolDownMs: 600_000, credential: true, ops: true }],
  ['submit', 'quota', 'next_route', 'provider_unavailable', { coolDownMs: 600_000, ops: true }],
  ['submit', 'rate_limited', 'next_route', 'provider_rate_limited', { coolDownMs: 10_000 }],
  ['submit', 'unavailable', 'next_route', 'provider_unavailable', { coolDownMs: 15_000 }],
  ['submit', 'timeout', 'next_route', 'provider_timeout', { coolDownMs: 15_000 }],
  ['submit', 'not_found', 'next_route', 'provider_unavailable', { coolDownMs: 600_000, ops: true }],
  ['submit', 'internal', 'next_route', 'provider_error', { coolDownMs: 10_000 }],
  ['poll', 'invalid_input', 'fail', 'invalid_input', {}],
  ['poll', 'content_policy', 'fail', 'content_policy', {}],
  ['poll', 'auth', 'next_route', 'provider_unavailable', { coolDownMs: 600_000, credential: true, ops: true }],
  ['poll', 'quota', 'next_route', 'provider_unavailable', { coolDownMs: 600_000, ops: true }],
  ['poll', 'rate_limited', 'next_route', 'provider_rate_limited', { coolDownMs: 10_000 }],
  ['poll', 'unavailable', 'next_route', 'provider_unavailable', { coolDownMs: 15_000 }],
  ['poll', 'timeout', 'next_route', 'provider_timeout', {}],
  ['poll', 'not_found', 'next_route', 'provider_error', {}],
  ['poll', 'internal', 'next_route', 'provider_error', {}],
  ['ask', 'invalid_input', 'wait', 'provider_error', { ops: true }],
  ['ask', 'content_policy', 'fail', 'content_policy', {}],
  ['ask', 'auth', 'wait', 'provider_unavailable', { ops: true }],
  ['ask', 'quota', 'wait', 'provider_unavailable', { ops: true }],
  ['ask', 'rate_limited', 'wait', 'provider_rate_limited', { coolDownMs: 5000 }],
  ['ask', 'unavailable', 'wait', 'provider_unavailable', {}],
  ['ask', 'timeout', 'wait', 'provider_timeout', {}],
  ['ask', 'not_found', 'wait', 'provider_error', {}],
  ['ask', 'internal', 'wait', 'provider_error', {}],
  ['download', 'invalid_input', 'fail', 'result_unreachable', { ops: true }],
  ['download', 'content_policy', 'fail', 'content_policy', {}],
  ['download', 'auth', 'wait', 'result_unreachable', { ops: true }],
  ['download', 'quota', 'wait', 'result_unreachable', { ops: true }],
  ['download', 'rate_limited', 'wait', 'result_unreachable', {}],
  ['download', 'unavailable', 'wait', 'result_unreachable', {}],
  ['download', 'timeout', 'wait', 'result_unreachable', {}],
  ['download', 'not_found', 'fail', 'result_expired', { ops: true }],
  ['download', 'internal', 'wait', 'result_unreachable', {}],
];

it('the table below holds every phase × kind once', () => {
  const all = PHASES.flatMap((phase) => KINDS.map((kind) => `${phase} ${kind}`));
  expect(TABLE.map(([phase, kind]) => `${phase} ${kind}`).toSorted()).toEqual(all.toSorted());
});

it.each(TABLE)('%s: %s → %s, %s', (phase, kind, action, code, more) => {
  const decision = decide(new ProviderError(kind, 'rejected', 'secret upstream text'), phase, NOTHING);
  expect(decision).toMatchObject({
    action,
    code,
    coolDownMs: more.coolDownMs ?? null,
    disableCredential: more.credential ?? false,
    tellOps: more.ops ?? false,
    retryable: code !== 'invalid_input' && code !== 'content_policy',
    charge: code === 'invalid_input' || code === 'content_policy' ? 'upstream' : 'none',
  });
  expect(PUBLIC_CODES).toContain(decision.code);
  // Only verdicts on the client's own words are quoted.
  expect(decision.publicMessage.includes('secret upstream text')).toBe(
    code === 'invalid_input' || code === 'content_policy',
  );
});

describe('a submit whose outcome is unknown', () => {
  const lost = (kind: ProviderErrorKind): ProviderError => new ProviderError(kind, 'unknown', 'reset');
  const open = KINDS.filter((kind) => kind !== 'invalid_input' && kind !== 'content_policy');

  it.each(open)('%s is looked up, never sent again, where it could be bought twice', (kind) => {
    expect(decide(lost(kind), 'submit', NOTHING)).toMatchObject({
      action: 'unknown',
      code: 'outcome_unknown',
      coolDownMs: null,
      tellOps: true,
    });
    expect(decide(lost(kind), 'submit', { ...NOTHING, findByToken: true })).toMatchObject({
      action: 'unknown',
      tellOps: false,
    });
  });

  it.each(['idempotencyKey', 'resubmitSafe', 'synchronous'] as const)('is sent again where %s', (ability) => {
    expect(decide(lost('timeout'), 'submit', { ...NOTHING, [ability]: true }).action).toBe('retry');
  });

  it('a synchronous one is tried twice in all', () => {
    expect(decide(lost('timeout'), 'submit', { ...NOTHING, synchronous: true }).tries).toBe(2);
  });

  it.each(['invalid_input', 'content_policy'] as const)('%s is a verdict all the same', (kind) => {
    expect(decide(lost(kind), 'submit', NOTHING).action).toBe('fail');
  });
});

it('cools down as long as the provider asks, never shorter than the table', () => {
  const after = (retryAfterMs: number): number | null =>
    decide(new ProviderError('rate_limited', 'rejected', 'slow down', { retryAfterMs }), 'submit', NOTHING).coolDownMs;
  expect([after(1000), after(90_000)]).toEqual([10_000, 90_000]);
});

it('a busy provider is asked until the deadline', () => {
  expect(decide(new ProviderError('rate_limited', 'rejected', ''), 'submit', NOTHING).tries).toBeNull();
});

it("cuts and cleans a provider's words", () => {
  const { publicMessage } = decide(
    new ProviderError('content_policy', 'rejected', `a\n\n b${'x'.repeat(9000)}`),
    'submit',
    NOTHING,
  );
  expect(publicMessage).toMatch(/^The provider's content policy refused this: a bx+$/);
  expect(publicMessage.length).toBeLessThan(600);
});

import type { Capabilities, ProviderError, ProviderErrorKind } from '../providers/contract.js';
import { MINUTE_MS, SECOND_MS } from '../common/time.js';

/**
 * `submit`: the call that buys. `poll`: a poll answered that the run failed. `ask`: a poll got no readable answer, which says
 * nothing of the run. `download`: fetching what was made.
 */
export type Phase = 'submit' | 'poll' | 'ask' | 'download';

/** What a job that ends with an error is charged: nothing, or what the provider says it took, which is mostly nothing. */
export type Charge = 'none' | 'upstream';

export interface Decision {
  /**
   * `fail`: the job ends. `retry`: the same route again. `next_route`: the next of the plan; where there is none, the same
   * again while `retryable` and `tries` allow. `unknown`: it may have been bought, look it up. `wait`: the attempt goes on,
   * ask again later.
   */
  action: 'fail' | 'retry' | 'next_route' | 'unknown' | 'wait';
  /** Public error code, should the job end with this. */
  code: string;
  publicMessage: string;
  /** How long the route takes no new work; null leaves it open. */
  coolDownMs: number | null;
  disableCredential: boolean;
  tellOps: boolean;
  /** Whether asking again may help; shown on the job's error. */
  retryable: boolean;
  charge: Charge;
  /** Tries on one route before it is given up; null: until the deadline. */
  tries: number | null;
}

/**
 * What clients are told, by code. Provider texts reach them only where `quotes` says so. Only a verdict on the request itself
 * costs its owner what a provider took for it; what else fails is the routes' doing, and its cost is ours.
 */
const PUBLIC = {
  invalid_input: { message: 'The provider refused the input', retryable: false, quotes: true, charge: 'upstream' },
  content_policy: {
    message: "The provider's content policy refused this",
    retryable: false,
    quotes: true,
    charge: 'upstream',
  },
  provider_unavailable: {
    message: 'The model is not available at the moment; try again later.',
    retryable: true,
    quotes: false,
    charge: 'none',
  },
  provider_rate_limited: {
    message: 'The model provider is busy; try again later.',
    retryable: true,
    quotes: false,
    charge: 'none',
  },
  provider_timeout: {
    message: 'The model provider did not answer in time.',
    retryable: true,
    quotes: false,
    charge: 'none',
  },
  provider_error: {
    message: 'The model provider failed to make this.',
    retryable: true,
    quotes: false,
    charge: 'none',
  },
  outcome_unknown: {
    message: 'The provider never said whether it accepted this job, so it was given up; nothing was charged.',
    retryable: true,
    quotes: false,
    charge: 'none',
  },
  result_expired: {
    message: 'The provider made a result, but no longer has it.',
    retryable: true,
    quotes: false,
    charge: 'none',
  },
  result_unreachable: {
    message: 'The provider made a result, but it could not be downloaded.',
    retryable: true,
    quotes: false,
    charge: 'none',
  },
} as const satisfies Record<string, { message: string; retryable: boolean; quotes: boolean; charge: Charge }>;

export type PublicCode = keyof typeof PUBLIC;
export const PUBLIC_CODES = Object.keys(PUBLIC) as PublicCode[];

/** Longest part of a provider's message that is passed on. */
const QUOTED_MAX_CHARS = 500;

interface Rule {
  action: Decision['action'];
  code: PublicCode;
  /** `quiet`: nobody is told. `ops`: a person must look. `credential`: and its routes are closed. */
  alarm: 'quiet' | 'ops' | 'credential';
  coolDownMs: number | null;
  tries: number | null;
}

const rule = (
  action: Rule['action'],
  code: PublicCode,
  more: Partial<Pick<Rule, 'alarm' | 'coolDownMs' | 'tries'>> = {},
): Rule => ({ action, code, alarm: 'quiet', coolDownMs: null, tries: 6, ...more });

type Row = Readonly<Record<Phase, Rule>>;

/** The whole policy. `submit` holds where nothing was bought; an unknown outcome is decided by what the route can do. */
const TABLE: Readonly<Record<ProviderErrorKind, Row>> = {
  invalid_input: {
    submit: rule('fail', 'invalid_input'),
    poll: rule('fail', 'invalid_input'),
    // Our own question was wrong: the run may be well.
    ask: rule('wait', 'provider_error', { alarm: 'ops', tries: null }),
    download: rule('fail', 'result_unreachable', { alarm: 'ops' }),
  },
  content_policy: {
    submit: rule('fail', 'content_policy'),
    poll: rule('fail', 'content_policy'),
    ask: rule('fail', 'content_policy'),
    download: rule('fail', 'content_policy'),
  },
  auth: {
    submit: rule('next_route', 'provider_unavailable', { alarm: 'credential', coolDownMs: 10 * MINUTE_MS }),
    poll: rule('next_route', 'provider_unavailable', { alarm: 'credential', coolDownMs: 10 * MINUTE_MS }),
    // What runs was bought: it goes on while people mend the credential.
    ask: rule('wait', 'provider_unavailable', { alarm: 'ops', tries: null }),
    download: rule('wait', 'result_unreachable', { alarm: 'ops', tries: null }),
  },
  quota: {
    submit: rule('next_route', 'provider_unavailable', { alarm: 'ops', coolDownMs: 10 * MINUTE_MS }),
    poll: rule('next_route', 'provider_unavailable', { alarm: 'ops', coolDownMs: 10 * MINUTE_MS }),
    ask: rule('wait', 'provider_unavailable', { alarm: 'ops', tries: null }),
    download: rule('wait', 'result_unreachable', { alarm: 'ops', tries: null }),
  },
  rate_limited: {
    submit: rule('next_route', 'provider_rate_limited', { coolDownMs: 10 * SECOND_MS, tries: null }),
    poll: rule('next_route', 'provider_rate_limited', { coolDownMs: 10 * SECOND_MS, tries: null }),
    ask: rule('wait', 'provider_rate_limited', { coolDownMs: 5 * SECOND_MS, tries: null }),
    download: rule('wait', 'result_unreachable', { tries: null }),
  },
  unavailable: {
    submit: rule('next_route', 'provider_unavailable', { coolDownMs: 15 * SECOND_MS }),
    poll: rule('next_route', 'provider_unavailable', { coolDownMs: 15 * SECOND_MS }),
    ask: rule('wait', 'provider_unavailable', { tries: null }),
    download: rule('wait', 'result_unreachable', { tries: null }),
  },
  timeout: {
    submit: rule('next_route', 'provider_timeout', { coolDownMs: 15 * SECOND_MS }),
    poll: rule('next_route', 'provider_timeout', { tries: 2 }),
    ask: rule('wait', 'provider_timeout', { tries: null }),
    download: rule('wait', 'result_unreachable', { tries: null }),
  },
  not_found: {
    // The provider no longer has the model.
    submit: rule('next_route', 'provider_unavailable', { alarm: 'ops', coolDownMs: 10 * MINUTE_MS, tries: 1 }),
    poll: rule('next_route', 'provider_error', { tries: 2 }),
    // Right after a submit this can be early: the engine counts before it believes it.
    ask: rule('wait', 'provider_error', { tries: null }),
    download: rule('fail', 'result_expired', { alarm: 'ops' }),
  },
  internal: {
    submit: rule('next_route', 'provider_error', { coolDownMs: 10 * SECOND_MS, tries: 3 }),
    poll: rule('next_route', 'provider_error', { tries: 2 }),
    ask: rule('wait', 'provider_error', { tries: null }),
    download: rule('wait', 'result_unreachable', { tries: null }),
  },
};

/** Verdicts on the request itself: whatever the outcome, sending the same again changes nothing. */
const isVerdict = (kind: ProviderErrorKind): boolean => kind === 'invalid_input' || kind === 'content_policy';

/** May have been bought: sent again where that buys nothing twice, else looked up. */
const unknownSubmit = (can: Capabilities): Rule =>
  can.idempotencyKey || can.resubmitSafe || can.synchronous
    ? rule('retry', 'provider_timeout', { coolDownMs: 5 * SECOND_MS, tries: can.synchronous ? 2 : 6 })
    : rule('unknown', 'outcome_unknown', { alarm: can.findByToken ? 'quiet' : 'ops', tries: null });

function ruleFor(error: ProviderError, phase: Phase, can: Capabilities): Rule {
  const open = phase === 'submit' && error.outcome === 'unknown' && !isVerdict(error.kind);
  return open ? unknownSubmit(can) : TABLE[error.kind][phase];
}

function publicMessage(code: PublicCode, error: ProviderError): string {
  const { message, quotes } = PUBLIC[code];
  if (!quotes) return message;
  const said = error.message.replaceAll(/\s+/g, ' ').trim().slice(0, QUOTED_MAX_CHARS).toWellFormed();
  return said === '' ? `${message}.` : `${message}: ${said}`;
}

/** What a job that failed with this public code is charged; nothing where the code is not of a provider's error. */
export function chargeOnFailure(code: string): Charge {
  return Object.hasOwn(PUBLIC, code) ? PUBLIC[code as PublicCode].charge : 'none';
}

/** What a provider's error does to the attempt, its route and its job. */
export function decide(error: ProviderError, phase: Phase, can: Capabilities): Decision {
  const found = ruleFor(error, phase, can);
  return {
    action: found.action,
    code: found.code,
    publicMessage: publicMessage(found.code, error),
    coolDownMs: found.coolDownMs === null ? null : Math.max(found.coolDownMs, error.detail.retryAfterMs ?? 0),
    disableCredential: found.alarm === 'credential',
    tellOps: found.alarm !== 'quiet',
    retryable: PUBLIC[found.code].retryable,
    charge: chargeOnFailure(found.code),
    tries: found.tries,
  };
}
